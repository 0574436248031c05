"""``manage.py jobs rotate-keys``: puts all rows under the first keys, so that the others may be dropped."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from jobqueue.cli.arguments import number, whole_number
from jobqueue.cli.progress import progress
from jobqueue.cli.voice import Voice
from jobqueue.conf import get_settings
from jobqueue.logs import short
from jobqueue.models import Job
from jobqueue.rotating import Rotation
from jobqueue.stores import get_store
from jobqueue.wording import counted

HELP = "encrypt and sign all jobs with the first keys, so that the others may be dropped"

EXIT_INTERRUPTED = 1
EXIT_SOME_ARE_LEFT = 3
#: How many of the rows that cannot be opened are named.
NAMED = 5


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's own arguments."""
    parser.add_argument("--dry-run", action="store_true", help="count what there is to do, and write nothing")
    parser.add_argument(
        "--batch", type=whole_number(1, 10_000), default=500, metavar="N",
        help="jobs that are written at a time (default: 500)",
    )  # fmt: skip
    parser.add_argument(
        "--wait", type=number(0, 86_400), default=10.0, metavar="SECONDS",
        help="at the end wait so long for running jobs (default: 10)",
    )  # fmt: skip


def run(words: dict[str, Any], say: Voice) -> int:
    """Rotate, tell, and return 0, or 3 if some jobs are left."""
    began, settings = time.monotonic(), get_settings()
    total = Job.objects.using(settings.database).count()
    rotation = Rotation(get_store(), words["batch"], words["dry_run"], words["wait"])
    try:
        with progress(say, "Looking at jobs", total) as advance:
            rotation.tell = lambda tally: advance(tally.looked)
            rotation.run()
    except KeyboardInterrupt:
        say.note("Stopped. What is done is done; type the same again for the rest.")
        return EXIT_INTERRUPTED
    for line in report(rotation, time.monotonic() - began):
        say(line)
    return 0 if rotation.tally.is_complete else EXIT_SOME_ARE_LEFT


def report(rotation: Rotation, seconds: float) -> Iterator[str]:
    """Yield lines about what was done and what is left."""
    tally = rotation.tally
    done = "Would renew" if rotation.rehearse else "Renewed"
    yield f"{done} {tally.renewed:,} of {counted(tally.looked, 'job')} in {short(seconds)}."
    if tally.busy:
        yield (
            f"Left {counted(tally.busy, 'job')} that workers hold: what these write may be under an old key. "
            "Type the same again when they have ended."
        )
    if tally.shut:
        names = ", ".join(f"#{job_id}" for job_id in sorted(rotation.shut)[:NAMED])
        more = " …" if tally.shut > NAMED else ""
        yield f"Left {counted(tally.shut, 'job')} that no listed key verifies and opens: {names}{more}."
    if tally.is_complete and not rotation.rehearse:
        yield "All are under the first keys: jobs need no others any more."
