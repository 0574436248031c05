"""The life of a job as a line: what it waited, each of its tries, the pauses between them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from jobqueue.models import Attempt, Job
from jobqueue.states import State
from jobqueue.wording import age

#: Pixels of a moment, and of each further power of ten.
SHORTEST = 32
GROWTH = 18
MARGIN = 8
#: Tries that are drawn, the newest ones.
DRAWN = 12


@dataclass(frozen=True)
class Try:
    """One attempt.

    Attributes:
        number: as the job counted it.
        key: how it is shown, as ``admin.looks`` has it.
        outcome: how it ended, in a word; empty: it has not, or ended well.
        started: when; None: it was not performed.
        ended: when; None: it runs.
        seconds: that it took, or has taken so far.
        waited: seconds before it, since the job was stored or the try before had ended.
        worker: who performed it.
        attempt: its row, if it failed.
    """

    number: int
    key: str
    outcome: str
    started: datetime | None
    ended: datetime | None
    seconds: float | None
    waited: float
    worker: str
    attempt: Attempt | None = None


class Stretch(NamedTuple):
    """A piece of the line.

    Attributes:
        kind: "wait", "try" or "ahead".
        key: of the colour of a try.
        number: of a try.
        seconds: how long.
        x, width: where it is drawn.
    """

    kind: str
    key: str
    number: int
    seconds: float
    x: int
    width: int

    @property
    def middle(self) -> int:
        """Where its label stands."""
        return self.x + self.width // 2


class Line(NamedTuple):
    """The whole line, and how wide it is drawn."""

    stretches: list[Stretch]
    width: int


def tries_of(job: Job, attempts: Sequence[Attempt], now: datetime) -> list[Try]:
    """Return the attempts of a job, the oldest first: those that failed, and the one that runs or ended it.

    Args:
        job: whose.
        attempts: rows of those that failed, the oldest first.
        now: the database's time.
    """
    found, before = list[Try](), job.created_at
    for each in attempts:
        started = each.started_at or each.ended_at
        took = None if each.started_at is None else _seconds(each.started_at, each.ended_at)
        waited = _seconds(before, started)
        label = str(each.get_outcome_display())
        found.append(
            Try(each.number, "failed", label, each.started_at, each.ended_at, took, waited, each.worker, each)
        )
        before = each.ended_at
    return [*found, *_latest(job, before, now)]


def line_of(job: Job, tries: Sequence[Try], now: datetime) -> Line:
    """Return the line, drawn by the powers of ten of its durations: else milliseconds would not be seen by hours."""
    x, stretches = MARGIN, list[Stretch]()
    for kind, key, number, seconds in _pieces(job, tries[-DRAWN:], now):
        width = SHORTEST + round(GROWTH * math.log10(1 + 10 * seconds))
        stretches.append(Stretch(kind, key, number, seconds, x, width))
        x += width
    return Line(stretches, x + MARGIN)


def _latest(job: Job, before: datetime, now: datetime) -> Iterator[Try]:
    """Yield the try that is not among those that failed."""
    worker = job.locked_by or ""
    if job.state == State.RUNNING:
        started = job.locked_at or now
        yield Try(
            job.attempts, "running", "", started, None, _seconds(started, now), _seconds(before, started), worker
        )
    ended, key = (
        job.finished_at,
        {State.SUCCEEDED: "succeeded", State.CANCELLED: "cancelled"}.get(State(job.state)),
    )
    if key and job.started_at and ended and job.started_at >= before:
        took = _seconds(job.started_at, ended)
        yield Try(job.attempts, key, "", job.started_at, ended, took, _seconds(before, job.started_at), worker)


def _pieces(job: Job, tries: Sequence[Try], now: datetime) -> Iterator[tuple[str, str, int, float]]:
    for each in tries:
        yield "wait", "", 0, each.waited
        yield "try", each.key, each.number, each.seconds or 0.0
    state = State(job.state)
    if state in {State.READY, State.SCHEDULED}:
        since = tries[-1].ended if tries and tries[-1].ended else job.created_at
        yield "wait", "", 0, _seconds(since, now)
        if (ahead := age(now, job.run_at)) > 0:
            yield "ahead", "", 0, ahead
    elif not tries:
        yield "wait", "", 0, _seconds(job.created_at, job.finished_at or now)


def _seconds(since: datetime, until: datetime) -> float:
    return max(age(since, until), 0.0)
