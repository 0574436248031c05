"""``manage.py jobs watch``: follows one job until it has ended."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from jobqueue.cli.arguments import number
from jobqueue.cli.choosing import one_id
from jobqueue.cli.progress import Follow, following
from jobqueue.cli.telling import as_object, say_json
from jobqueue.cli.verbs.show import report_of
from jobqueue.cli.voice import Voice
from jobqueue.conf import get_settings
from jobqueue.insight.looking import why_of
from jobqueue.insight.scene import Scene
from jobqueue.insight.why import Why
from jobqueue.logs import harmless
from jobqueue.models import Job
from jobqueue.states import State

HELP = "follow a job until it has ended; exit 3 unless it succeeded"

EXIT_FAILED = 1
EXIT_SOMETHING_IS_WRONG = 3
#: Seconds between two looks.
PAUSE = 0.5


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's own arguments."""
    parser.add_argument("id", metavar="ID", help="the job")
    parser.add_argument(
        "--timeout", type=number(0, 10**9), metavar="SECONDS", help="stop watching after so long (default: never)"
    )
    parser.add_argument("--json", action="store_true", help="at the end one object for programs")


def run(words: dict[str, Any], say: Voice) -> int:
    """Watch, and return 0 if it succeeded, else 3."""
    job_id, settings = one_id(words["id"]), get_settings()
    job = _row(job_id)
    if job is None:
        raise CommandError(str(why_of(job_id, Scene(settings))), returncode=EXIT_FAILED)
    try:
        last = _follow(job, say, words["timeout"])
    except KeyboardInterrupt:
        say.note("It goes on.")
        return EXIT_FAILED
    reason = why_of(job_id, Scene(settings))
    if words["json"]:
        say_json(say, {**as_object(last), "why": reason.kind, "sentence": reason.sentence})
    else:
        say(harmless(_told(job_id, reason)))
    return 0 if reason.kind in {"succeeded", "gone"} else EXIT_SOMETHING_IS_WRONG


def _follow(job: Job, say: Voice, timeout: float | None) -> Job:
    """Tell how far it is until it has ended, is gone, or the time is over; return its latest row."""
    deadline = None if timeout is None else time.monotonic() + timeout
    told = ""
    with following(say) as follow:
        while not State(job.state).is_final and (deadline is None or time.monotonic() < deadline):
            told = _reason(job, say, told)
            _advance(job, follow)
            time.sleep(PAUSE)
            found = _row(job.pk)
            if found is None:
                break
            job = found
    return job


def _reason(job: Job, say: Voice, told: str) -> str:
    """Say why it waits, whenever there is another reason."""
    reason = why_of(job.pk, Scene(get_settings()))
    if reason.kind != told:
        say.note(harmless(reason.sentence if reason.kind in {"running", "claimed"} else str(reason)))
    return reason.kind


def _advance(job: Job, follow: Follow) -> None:
    report = report_of(job)
    if report is not None:
        follow(report.done or 0.0, report.total, harmless(report.text))


def _row(job_id: int) -> Job | None:
    return Scene(get_settings()).jobs.filter(pk=job_id).select_related("report").first()


def _told(job_id: int, reason: Why) -> str:
    return f"#{job_id} has ended, and its row is not kept." if reason.kind == "gone" else str(reason)
