"""What the page of a job needs: all that is known of it, read once, and what the user may do to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from django.utils.translation import gettext_lazy as _

from jobqueue.admin.looks import Look, look_of
from jobqueue.handlers.shown import mask_for
from jobqueue.insight import details, lifeline, traces
from jobqueue.insight.details import Told
from jobqueue.insight.lifeline import Line, Try
from jobqueue.insight.looking import snapshot
from jobqueue.insight.reading import Unreadable, read_row
from jobqueue.insight.scene import Scene
from jobqueue.insight.why import Why, why
from jobqueue.insight.words import short_name, tries_of
from jobqueue.logs import harmless, headline
from jobqueue.models import Attempt, ClassPause, Job, Pause, Report
from jobqueue.states import State

#: Tries of a job that are shown, the newest ones; and if all are asked for.
TRIES, ALL_TRIES = 10, 500
#: Characters of a line that says what failed.
SHORT = 160
#: What is not needed of it.
NEVER = ("claim_id",)
PAYLOAD = ("handler", "last_error", "stored_result")


class Gone(NamedTuple):
    """There is no such job; why, in words."""

    reason: str


class Failed(NamedTuple):
    """The error of a try: what it says, and what stands below that, piece by piece."""

    headline: str
    pieces: list[traces.Piece]
    is_cut: bool

    @property
    def is_short(self) -> bool:
        """Whether a line says all that it says."""
        return len(self.headline) <= SHORT and "\n" not in self.headline


class Tried(NamedTuple):
    """A try, with its error if it failed and the user may see it."""

    made: Try
    error: Failed | None


@dataclass(frozen=True)
class OneJob:
    """All that is known of a job.

    Attributes:
        pk, short: its id, and its class in short.
        now: the database's time.
        job: its row; None if it cannot be read.
        trouble: why.
        look: its state.
        why: why it is where it is.
        pause: what keeps it waiting: that of its queue, or of its class.
        tries: the newest attempts, the newest first, and whether there are more.
        line: the same as a picture.
        max_attempts, max_run_time: how often it was tried, of how often it may be; and for how many seconds.
        arguments, result, log, error: what only those see who may.
        fingerprint, alike: the kind of its failure, and how many other jobs have it.
        report: how far it is.
        command: what stores such a job again.
    """

    pk: int
    short: str
    now: datetime
    job: Job | None = None
    trouble: str = ""
    look: Look | None = None
    why: Why | None = None
    pause: Pause | ClassPause | None = None
    tries: list[Tried] = field(default_factory=list)
    has_more_tries: bool = False
    line: Line | None = None
    max_attempts: str = ""
    max_run_time: float = 0.0
    arguments: Told = field(default_factory=Told)
    result: Told | None = None
    log: Told = field(default_factory=Told)
    error: Failed | None = None
    headers: dict[str, str] = field(default_factory=dict)
    fingerprint: str = ""
    alike: int = 0
    report: Report | None = None
    command: str = ""

    @property
    def is_final(self) -> bool:
        """Whether nothing changes any more by itself."""
        return self.job is None or State(self.job.state).is_final


def read(scene: Scene, pk: int, *, with_payload: bool, whole: str) -> OneJob | Gone:
    """Return all that is known of a job.

    Args:
        scene: whose database.
        pk: its id.
        with_payload: whether arguments, results, errors and logs are read.
        whole: what is to be shown in full: "arguments", "result", "log", "error", "tries".
    """
    rows = scene.jobs.select_related("report").defer(*NEVER, *(() if with_payload else PAYLOAD))
    job = read_row(rows, pk)
    if job is None:
        return Gone(str(why(snapshot(pk, scene))))
    if isinstance(job, Unreadable):
        return OneJob(pk, "", scene.now, trouble=job.reason if with_payload else _unreadable())
    try:
        return _whole_of(scene, job, with_payload=with_payload, whole=whole)
    except (ValueError, TypeError, ArithmeticError, LookupError, AttributeError) as error:
        # Spoilt by hand, in a way that the database has let in.
        return OneJob(pk, "", scene.now, trouble=headline(str(error)) if with_payload else _unreadable())


def _unreadable() -> str:
    return str(_("a value in its row is not what it should be"))


def _whole_of(scene: Scene, job: Job, *, with_payload: bool, whole: str) -> OneJob:
    attempts, is_more = _attempts(scene, job, ALL_TRIES if whole == "tries" else TRIES, with_payload=with_payload)
    tries = lifeline.tries_of(job, attempts, scene.now)
    fingerprint = attempts[-1].fingerprint if attempts and job.state in {State.FAILED, State.SCHEDULED} else ""
    shown = [Tried(each, _failed(job, each, whole) if with_payload else None) for each in reversed(tries)]
    return OneJob(
        job.pk,
        harmless(short_name(job.name)),
        scene.now,
        job=job,
        look=look_of(job),
        why=_why(scene, job, with_payload=with_payload),
        pause=scene.pause_of(job) if job.state == State.READY else None,
        tries=shown,
        has_more_tries=is_more,
        line=lifeline.line_of(job, tries, scene.now),
        max_attempts=tries_of(job, scene.settings.max_attempts),
        max_run_time=job.max_run_time or scene.settings.max_run_time,
        fingerprint=fingerprint,
        alike=details.alike(scene.alias, fingerprint, job.pk) if fingerprint else 0,
        report=details.report_of(job),
        **(_payload(job, attempts, whole) if with_payload else {}),
    )


def _payload(job: Job, attempts: list[Attempt], whole: str) -> dict[str, Any]:
    lonely = job.error if not attempts else None
    return {
        "arguments": details.arguments_of(job, whole=whole == "arguments"),
        "result": None if job.stored_result is None else details.result_of(job, whole=whole == "result"),
        "log": details.log_of(job, details.report_of(job), whole=whole == "log"),
        "error": _taken_apart(mask_for(job)(lonely), whole) if lonely else None,
        "headers": details.headers_in(job),
        "command": details.shell_call(job),
    }


def _why(scene: Scene, job: Job, *, with_payload: bool) -> Why:
    if not with_payload:
        job.last_error = None  # the reason would tell it
    found = why(snapshot(job.pk, scene, job))
    return Why(found.kind, harmless(found.sentence), harmless(found.remedy))


def _attempts(scene: Scene, job: Job, most: int, *, with_payload: bool) -> tuple[list[Attempt], bool]:
    rows = Attempt.objects.using(scene.alias).filter(job_id=job.pk).order_by("-id")
    found = list((rows if with_payload else rows.defer("stored_error", "exception"))[: most + 1])
    return found[:most][::-1], len(found) > most


def _failed(job: Job, each: Try, whole: str) -> Failed | None:
    if each.attempt is None or not each.attempt.error:
        return None
    return _taken_apart(mask_for(job)(each.attempt.error), whole)


def _taken_apart(error: str, whole: str) -> Failed:
    told = details.told(error, whole=whole == "error")
    return Failed(traces.headline_of(told.text), traces.pieces_of(told.text), told.is_cut)
