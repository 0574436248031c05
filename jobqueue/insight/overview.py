"""All at a glance: what waits, runs and comes next. Reads indexes, heartbeats and rollups, and counts no table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from jobqueue.insight.rollups import RANGES, Counts, Rollups
from jobqueue.insight.scene import MOST_READY, Scene, listens, slots
from jobqueue.insight.workers import told_by
from jobqueue.models import Job, Pause, Pool, Report
from jobqueue.stores import tallies
from jobqueue.wording import age, rounded

#: Jobs for later are counted up to here.
MOST_LATER = 10_000
#: Running jobs, next jobs and queues that are shown.
RUNNING, NEXT, QUEUES = 8, 5, 12


class Count(NamedTuple):
    """A number, and whether there are more than were counted."""

    number: int
    is_capped: bool = False

    def __str__(self) -> str:
        return rounded(self.number) + ("+" if self.is_capped else "")


@dataclass(frozen=True)
class Tiles:
    """The figures of the whole site.

    Attributes:
        waiting: ready jobs.
        running: jobs that workers performed at their latest heartbeats; ``slots``: how many they can.
        scheduled, retrying: jobs for later, without and with an attempt behind them.
        day: what ended within 24 hours.
        oldest: seconds since the oldest ready job is due whose queue does not rest; None: there is none.
        is_late: whether that is longer than ALERT_AFTER.
        needs_workers: whether somebody has to work.
        workers: living pools; ``silent``: those that have given no sign of life for longer than their lease.
    """

    waiting: Count
    running: int
    slots: int
    scheduled: Count
    retrying: Count
    day: Counts
    oldest: float | None
    workers: int
    silent: int
    is_late: bool = False
    needs_workers: bool = True

    @property
    def lacks_workers(self) -> bool:
        """Whether none lives where one should, or one is silent."""
        return (self.needs_workers and not self.workers) or bool(self.silent)


def tiles(scene: Scene) -> Tiles:
    """Look."""
    waiting = scene.waiting
    scheduled, retrying = tallies.later(scene.alias, MOST_LATER)
    is_capped = scheduled + retrying >= MOST_LATER
    since = waiting_since(scene)
    oldest = None if since is None else max(age(since, scene.now), 0.0)
    return Tiles(
        waiting=Count(sum(waiting.values()), len(waiting) < len(scene.oldest) or MOST_READY in waiting.values()),
        running=sum(1 for pool in scene.living for _ in _performed(pool)),
        slots=slots(scene.living),
        scheduled=Count(scheduled, is_capped),
        retrying=Count(retrying, is_capped),
        day=Rollups(scene.alias, RANGES["24h"], scene.now).total(),
        oldest=oldest,
        is_late=(oldest or 0.0) > scene.settings.alert_after,
        needs_workers=scene.needs_workers,
        workers=len(scene.living),
        silent=sum(1 for pool in scene.pools if pool.alive and scene.is_silent(pool)),
    )


def waiting_since(scene: Scene) -> datetime | None:
    """Return since when the oldest ready job is due whose queue does not rest; None if there is none."""
    return min((since for queue, since in scene.oldest.items() if queue not in scene.pauses), default=None)


@dataclass(frozen=True)
class Running:
    """A job that a worker is performing.

    Attributes:
        job: its row.
        seconds: for how long.
        worker: where.
        report: what it tells of itself; None: nothing.
    """

    job: Job
    seconds: float
    worker: str
    report: Report | None

    @property
    def share(self) -> int | None:
        """How many percent are done, 0 to 100; None if the job does not tell."""
        if self.report is None or self.report.done is None or not self.report.total:
            return None
        return round(min(max(self.report.done / self.report.total, 0.0), 1.0) * 100)


def running(scene: Scene) -> list[Running]:
    """Return the jobs that have been running longest, by the pools' latest heartbeats."""
    performed = [each for pool in scene.living for each in _performed(pool)]
    longest = sorted(performed, key=lambda each: each.since)[:RUNNING]
    if not longest:
        return []
    fields = ("name", "queue", "report__job_id", "report__done", "report__total", "report__stored_text")
    rows = scene.jobs.running().select_related("report").only(*fields)
    jobs = rows.in_bulk([each.job_id for each in longest])
    return [
        Running(
            jobs[each.job_id],
            max(age(each.since, scene.now), 0.0),
            each.worker,
            getattr(jobs[each.job_id], "report", None),
        )
        for each in longest
        if each.job_id in jobs
    ]


class Performed(NamedTuple):
    """A job that a pool was performing at its latest heartbeat."""

    job_id: int
    since: datetime
    worker: str


def _performed(pool: Pool) -> Iterator[Performed]:
    for worker in told_by(pool):
        for job in worker["jobs"]:
            since = pool.beat_at - timedelta(seconds=job["seconds"])
            yield Performed(job["id"], since, f"{pool.host}:{worker['pid'] or pool.pid}")


class QueueState(NamedTuple):
    """A queue in a line.

    Attributes:
        name: of the queue.
        waiting: ready jobs.
        oldest: seconds since the oldest of them is due; None: there is none.
        workers: pools that take its jobs.
        pause: why it rests; None if it does not.
        state: in a word: "paused", "no worker", "late" or "ok".
    """

    name: str
    waiting: Count
    oldest: float | None
    workers: int
    pause: Pause | None
    state: str


def queues(scene: Scene) -> list[QueueState]:
    """Return the queues that have waiting jobs, rest, are declared or are named by workers; troubled ones first."""
    named = {str(name) for pool in scene.living for name in pool.queues}
    names = {*scene.oldest, *scene.pauses, *scene.settings.queues, *named}
    return sorted((_queue(scene, name) for name in names), key=_by_trouble)[:QUEUES]


def _queue(scene: Scene, name: str) -> QueueState:
    waiting = scene.waiting.get(name, 0)
    oldest = max(age(scene.oldest[name], scene.now), 0.0) if name in scene.oldest else None
    workers = sum(1 for pool in scene.living if listens(pool, name))
    pause = scene.pauses.get(name)
    if pause:
        state = "paused"
    elif not workers:
        state = "no worker"
    else:
        state = "late" if (oldest or 0.0) > scene.settings.alert_after else "ok"
    return QueueState(name, Count(waiting, waiting >= MOST_READY), oldest, workers, pause, state)


def _by_trouble(queue: QueueState) -> tuple[bool, int, str]:
    is_fine = queue.state == "ok" or not queue.waiting.number
    return is_fine, -queue.waiting.number, queue.name


def upcoming(scene: Scene) -> list[Job]:
    """Return the jobs whose time comes next."""
    return list(scene.jobs.scheduled().only("name", "queue", "run_at", "attempts")[:NEXT])
