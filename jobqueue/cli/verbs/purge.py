"""``manage.py jobs purge``: deletes ended jobs of some age."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Iterator
from itertools import chain
from typing import Any

from django.db.models import Q

from jobqueue.acting import BATCH, act_on
from jobqueue.cli.choosing import MANY, add_asking, confirm
from jobqueue.cli.progress import progress
from jobqueue.cli.telling import clock
from jobqueue.cli.times import duration
from jobqueue.cli.voice import Voice
from jobqueue.conf import get_settings
from jobqueue.insight.scene import Scene
from jobqueue.logs import short
from jobqueue.models import JobQuerySet
from jobqueue.states import FINAL
from jobqueue.stores.acts import Act
from jobqueue.wording import counted

HELP = "delete succeeded, failed or cancelled jobs that ended long ago"

STATES = tuple(state.label for state in sorted(FINAL))
#: Jobs that are looked up at a time.
PAGE = 5 * BATCH


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's own arguments."""
    parser.add_argument(
        "--state",
        action="append",
        choices=STATES,
        help="which: succeeded (default), failed or cancelled; may be repeated",
    )
    parser.add_argument(
        "--older", type=duration, required=True, metavar="SPAN", help="that ended so long ago, as 7d or 12h"
    )
    parser.add_argument("--queue", metavar="QUEUE", help="only those of this queue")
    add_asking(parser)


def run(words: dict[str, Any], say: Voice) -> int:
    """Count, ask, delete."""
    scene = Scene(get_settings())
    states, before = words["state"] or ["succeeded"], scene.now - words["older"]
    asked = {"finished_at__lt": before, **({"queue": words["queue"]} if words["queue"] else {})}
    kinds = [getattr(scene.jobs, state)().filter(**asked) for state in dict.fromkeys(states)]
    total = sum(rows.count() for rows in kinds)
    kind = f"{' or '.join(states)} job"
    what = f"{counted(total, kind)} that ended before {clock(before)}"
    if words["dry_run"] or not total:
        say(f"Would purge {what}." if total else f"There are no {kind}s that ended before {clock(before)}.")
        return 0
    if total > MANY:
        confirm(f"Purge {what}?", say, yes=words["yes"])
    began = time.monotonic()
    gone = delete(chain.from_iterable(map(in_order_of_end, kinds)), total, say)
    say(f"Purged {counted(gone, 'job')} in {short(time.monotonic() - began)}.")
    return 0


def delete(pages: Iterator[list[int]], total: int, say: Voice) -> int:
    """Delete jobs page by page, and return how many are gone."""
    gone = looked = 0
    with progress(say, "Deleting jobs", total) as advance:
        for ids in pages:
            acted = act_on(ids, Act.DELETE, tell=lambda done, before=looked: advance(before + done))  # type: ignore[misc]
            gone += len(acted.done)
            looked += len(ids)
    return gone


def in_order_of_end(rows: JobQuerySet) -> Iterator[list[int]]:
    """Yield the ids of ended jobs, the oldest first; each once, whether it is gone by then or not."""
    ordered = rows.order_by("finished_at", "pk").values_list("finished_at", "pk")
    page = list(ordered[:PAGE])
    while page:
        yield [pk for _, pk in page]
        at, last = page[-1]
        page = list(
            ordered.filter(Q(finished_at__gt=at) | Q(finished_at=at, pk__gt=last), finished_at__gte=at)[:PAGE]
        )
