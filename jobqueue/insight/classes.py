"""Figures of job classes: what each has done, how long it took, and which of its jobs stand out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import nlargest
from typing import Any, NamedTuple

from jobqueue.handlers.shown import mask_for
from jobqueue.insight.declared import declared_names
from jobqueue.insight.rollups import Counts, Done, Range, Rollups
from jobqueue.insight.scene import Scene
from jobqueue.logs import headline
from jobqueue.models import ClassPause, Job, JobQuerySet, Rollup
from jobqueue.models.rollup import minute_of, time_of
from jobqueue.policy.histogram import percentile
from jobqueue.wording import age

#: So many classes are told of.
SHOWN = 500
#: Jobs that stand out are looked for among so many of the newest failures of all classes, and of the other ends.
ENDS = 10_000
#: So many of the slowest, and of the newest failures.
TOP = 10
DAY_MINUTES = 1440
#: So many days are shown one by one.
DAYS = Range("14d", 14 * DAY_MINUTES, DAY_MINUTES)
#: As long as figures are kept.
LONGEST = Range("90d", 90 * DAY_MINUTES, DAY_MINUTES)


@dataclass(frozen=True)
class ClassFigures:
    """One class, or one day of it.

    Attributes:
        name: as its jobs have it.
        counts: what became of its jobs.
        run, wait: how long attempts ran, and had waited, as counts for ``policy.histogram``.
        pause: why it rests; None if it does not.
        is_declared: whether this process knows it.
    """

    name: str
    counts: Counts
    run: Sequence[int]
    wait: Sequence[int]
    pause: ClassPause | None = None
    is_declared: bool = True

    @property
    def p50(self) -> float | None:
        """Seconds that half of the attempts ran at most."""
        return percentile(self.run, 50)

    @property
    def p95(self) -> float | None:
        """Seconds that 95 of 100 attempts ran at most."""
        return percentile(self.run, 95)

    @property
    def p99(self) -> float | None:
        """Seconds that 99 of 100 attempts ran at most."""
        return percentile(self.run, 99)

    @property
    def wait_p95(self) -> float | None:
        """Seconds that 95 of 100 attempts had waited at most."""
        return percentile(self.wait, 95)


class Classes(NamedTuple):
    """Those with the most attempts first, and how many more there are."""

    shown: list[ClassFigures]
    others: int


class Day(NamedTuple):
    """What became of the jobs of a class on one day of UTC."""

    began_at: datetime
    figures: ClassFigures

    @property
    def label(self) -> str:
        """The date, as machines write it: another zone's would be another day."""
        return f"{self.began_at:%Y-%m-%d}"


class Ended(NamedTuple):
    """A job that has ended, how many seconds its last attempt took, and the headline of its error if it is told."""

    job: Job
    seconds: float
    error: str


class Outstanding(NamedTuple):
    """Jobs of a class among the newest ends: those that took longest, and those that failed last."""

    slowest: list[Ended]
    failed: list[Ended]


def classes(scene: Scene, range_: Range) -> Classes:
    """Return all classes of which anything is known."""
    groups = Rollups(scene.alias, range_, scene.now).groups("name")
    pauses, declared = scene.class_pauses, declared_names()
    names = {*groups, *pauses, *declared}
    found = [_figures(name, groups.get(name), pauses.get(name), is_declared=name in declared) for name in names]
    found.sort(key=lambda each: (-each.counts.attempts, each.name))
    return Classes(found[:SHOWN], max(len(found) - SHOWN, 0))


def class_figures(scene: Scene, name: str, range_: Range) -> ClassFigures:
    """Return the figures of one class."""
    group = Rollups(scene.alias, range_, scene.now, name=name).groups("name").get(name)
    return _figures(name, group, scene.class_pauses.get(name), is_declared=name in declared_names())


def days(scene: Scene, name: str) -> list[Day]:
    """Return the figures of a class by day, the newest first, without those on which there was nothing."""
    rollups = Rollups(scene.alias, DAYS, scene.now, name=name)
    told = zip(rollups.points, rollups.story(), strict=True)
    each = [Day(time_of(point), ClassFigures(name, *done)) for point, done in told]
    return [day for day in reversed(each) if day.figures.counts != Counts()]


def outstanding(scene: Scene, name: str, *, with_payload: bool = False) -> Outstanding:
    """Return the jobs of a class that stand out, found by the indexes of ends."""
    done, failed = _newest(scene.jobs.done(), name), _newest(scene.jobs.failed(), name)
    slowest = nlargest(TOP, [*done, *failed], key=lambda row: _seconds(row[1], row[2]))
    failed = failed[:TOP]
    jobs = scene.jobs.in_bulk([row[0] for row in (*slowest, *failed)])
    return Outstanding(
        [_ended(jobs[row[0]], with_payload) for row in slowest if row[0] in jobs],
        [_ended(jobs[row[0]], with_payload) for row in failed if row[0] in jobs],
    )


def _newest(ended: JobQuerySet, name: str) -> list[Any]:
    """Return id, beginning and end of the jobs of a class among the newest ends of all, the newest first."""
    ended = ended.order_by("-finished_at")
    for oldest in ended.values_list("finished_at", flat=True)[ENDS : ENDS + 1]:
        ended = ended.filter(finished_at__gte=oldest)
    return list(ended.filter(name=name).values_list("pk", "started_at", "finished_at")[:ENDS])


def is_known(scene: Scene, name: str) -> bool:
    """Whether anything is known of a class: by the code, by a pause, by a figure that is kept."""
    first = minute_of(scene.now) - LONGEST.minutes
    kept = Rollup.objects.using(scene.alias).filter(minute__gte=first, name=name)
    tests: tuple[Callable[[], bool], ...] = (
        lambda: name in declared_names(),
        lambda: name in scene.class_pauses,
        kept.exists,
    )
    return any(test() for test in tests)


def _figures(name: str, group: Done | None, pause: ClassPause | None, *, is_declared: bool) -> ClassFigures:
    counts, run, wait = group or Done(Counts(), [], [])
    return ClassFigures(name, counts, run, wait, pause, is_declared)


def _ended(job: Job, with_payload: bool) -> Ended:
    error = mask_for(job)(headline(job.error)) if with_payload and job.error else ""
    return Ended(job, _seconds(job.started_at, job.finished_at), error)


def _seconds(started: datetime | None, finished: datetime | None) -> float:
    return max(age(started, finished), 0.0) if started and finished else 0.0
