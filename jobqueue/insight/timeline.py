"""What workers did lately: attempts with their beginnings and ends, and where to draw them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple

from jobqueue.insight.scene import Scene
from jobqueue.insight.workers import looks
from jobqueue.models import Attempt
from jobqueue.states import State

#: So many of the newest successes are read, and so many of the newest failures.
NEWEST = 2000
#: So many workers are drawn.
WORKERS = 60
#: The drawing area is so wide; heights are in the same unit.
WIDTH = 1000.0
LANE, HEAD, AXIS = 24.0, 22.0, 20.0
#: Nothing is drawn narrower, and what would be is drawn together with its neighbours.
NARROWEST = 3.0


@dataclass(frozen=True)
class Stretch:
    """One attempt.

    Attributes:
        worker: who performs it.
        job_id: of the job.
        name: of its class; empty if it is not known.
        began, ended: when; one that runs ends now.
        end: "succeeded", "failed" or "running".
    """

    worker: str
    job_id: int
    name: str
    began: datetime
    ended: datetime
    end: str

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.ended - self.began).total_seconds()


@dataclass(frozen=True)
class Block:
    """What is drawn: an attempt, or several short ones that lie together.

    Attributes:
        stretches: the attempts, one after another.
        x, y, width: where it is.
    """

    stretches: list[Stretch]
    x: float
    y: float
    width: float

    @property
    def first(self) -> Stretch:
        """The attempt, or the first of them."""
        return self.stretches[0]

    @property
    def failed(self) -> int:
        """How many of them failed."""
        return sum(1 for each in self.stretches if each.end == "failed")


class Lanes(NamedTuple):
    """A worker with what it did; ``y`` is where its name stands, and ``busy`` the part of the time it was busy, 0 to 1.

    ``rows`` is how many attempts it performed at a time, at most.
    """

    worker: str
    y: float
    rows: int
    busy: float
    blocks: list[Block]


class Drawing(NamedTuple):
    """All workers, from top to bottom.

    Attributes:
        lanes: one by one.
        height: of all of it.
        others: workers that are left out.
    """

    lanes: list[Lanes]
    height: float
    others: int


class Story(NamedTuple):
    """What is known of a span of time.

    Attributes:
        stretches: the attempts.
        since, until: the span.
        is_whole: whether these are all; else only the newest.
    """

    stretches: list[Stretch]
    since: datetime
    until: datetime
    is_whole: bool


def story(scene: Scene, minutes: int) -> Story:
    """Return what workers did within so many minutes until now."""
    until = scene.now
    since = until - timedelta(minutes=minutes)
    succeeded, failed = _succeeded(scene, since), _failed(scene, since)
    is_whole = len(succeeded) < NEWEST and len(failed) < NEWEST
    stretches = sorted([*succeeded, *failed, *_running(scene)], key=lambda each: (each.began, each.job_id))
    return Story([each for each in stretches if each.began <= each.ended], since, until, is_whole)


def _succeeded(scene: Scene, since: datetime) -> list[Stretch]:
    done = scene.jobs.done().filter(finished_at__gte=since, state=State.SUCCEEDED, started_at__isnull=False)
    columns = ("locked_by", "pk", "name", "started_at", "finished_at")
    rows = done.order_by("-finished_at").values_list(*columns)[:NEWEST]
    return [Stretch(worker or "", pk, name, began, ended, "succeeded") for worker, pk, name, began, ended in rows]


def _failed(scene: Scene, since: datetime) -> list[Stretch]:
    attempts = Attempt.objects.using(scene.alias).filter(ended_at__gte=since, started_at__isnull=False)
    columns = ("worker", "job_id", "started_at", "ended_at")
    rows = list(attempts.order_by("-ended_at").values_list(*columns)[:NEWEST])
    names = dict(scene.jobs.filter(pk__in={row[1] for row in rows}).values_list("pk", "name"))
    return [Stretch(worker, pk, names.get(pk, ""), began, ended, "failed") for worker, pk, began, ended in rows]


def _running(scene: Scene) -> Iterator[Stretch]:
    """Yield what living pools have told of what they perform."""
    now = scene.now
    for look in looks(scene, scene.living):
        for process in look.processes:
            worker = f"{look.pool.name} host:{look.pool.host} pid:{process.pid}".strip()
            for each in process.doing:
                yield Stretch(
                    worker, each.job_id, each.name, now - timedelta(seconds=each.seconds), now, "running"
                )


# Where to draw them: pure arithmetic.


def draw(stretches: Iterable[Stretch], since: datetime, until: datetime) -> Drawing:
    """Return where attempts are drawn: a lane for each worker, of as many rows as it performed at a time.

    Args:
        stretches: the attempts, in the order of their beginnings.
        since, until: what the width stands for.
    """
    by_worker = sorted(stretches, key=lambda each: each.worker)
    found = [(worker, list(some)) for worker, some in groupby(by_worker, key=lambda each: each.worker)]
    lanes, y = [], 0.0
    for worker, some in found[:WORKERS]:
        rows = packed(some)
        span = _Span(since, until)
        blocks = [
            block for number, row in enumerate(rows) for block in _blocks(row, y + HEAD + number * LANE, span)
        ]
        lanes.append(Lanes(worker, y, len(rows), _busy(some, span), blocks))
        y += HEAD + len(rows) * LANE
    return Drawing(lanes, y + AXIS, max(len(found) - WORKERS, 0))


def packed(stretches: Sequence[Stretch]) -> list[list[Stretch]]:
    """Put attempts into as few rows as can be, so that none lies over another; each row in the order of beginnings."""
    rows: list[list[Stretch]] = []
    for each in sorted(stretches, key=lambda each: (each.began, each.ended)):
        free = next((row for row in rows if row[-1].ended <= each.began), None)
        if free is None:
            rows.append([each])
        else:
            free.append(each)
    return rows


class _Span:
    """From times to places."""

    def __init__(self, since: datetime, until: datetime) -> None:
        self.since = since
        self.seconds = max((until - since).total_seconds(), 1.0)

    def place(self, moment: datetime) -> float:
        """Return where a moment lies; what is before or after lies on the edge."""
        share = (moment - self.since).total_seconds() / self.seconds
        return min(max(share, 0.0), 1.0) * WIDTH


def _blocks(row: Sequence[Stretch], y: float, span: _Span) -> Iterator[Block]:
    """Yield what is drawn of a row; short attempts next to each other as one."""
    together: list[Stretch] = []
    for each in row:
        if together and not _lie_together(together, each, span):
            yield _block(together, y, span)
            together = []
        together.append(each)
    if together:
        yield _block(together, y, span)


def _lie_together(before: Sequence[Stretch], each: Stretch, span: _Span) -> bool:
    begin, end = span.place(before[0].began), span.place(each.ended)
    return end - begin < NARROWEST


def _block(stretches: list[Stretch], y: float, span: _Span) -> Block:
    begin, end = span.place(stretches[0].began), span.place(stretches[-1].ended)
    width = max(end - begin, NARROWEST)
    return Block(stretches, round(min(begin, WIDTH - width), 2), round(y, 2), round(width, 2))


def _busy(stretches: Iterable[Stretch], span: _Span) -> float:
    """Return the part of the time in which at least one attempt ran."""
    covered, reached = 0.0, 0.0
    for each in sorted(stretches, key=lambda each: each.began):
        begin, end = max(span.place(each.began), reached), span.place(each.ended)
        covered += max(end - begin, 0.0)
        reached = max(reached, end)
    return covered / WIDTH
