"""How much waits, runs and fails, in all and by queue. Every count has an end, every sample a size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil

from jobqueue.insight.scene import LANES, PATIENCE, Scene, listens
from jobqueue.models import Pause
from jobqueue.states import State
from jobqueue.wording import age

#: Nothing is counted further than this.
MANY = 10_000
#: Run times are those of so many of the newest ended jobs.
SAMPLE = 2000


@dataclass(frozen=True)
class QueueFigures:
    """One queue.

    Attributes:
        name: of the queue.
        waiting: ready jobs, counted up to 10,000.
        running: jobs that workers hold.
        oldest: seconds since the oldest ready job is due, those of classes that rest left out; None: there is none.
        p95: seconds that 95 of 100 of its newest ended jobs took at most; None: none has ended lately.
        workers: processes of living pools that take its jobs.
        pause: why it rests; None if it does not.
    """

    name: str
    waiting: int
    running: int
    oldest: float | None
    p95: float | None
    workers: int
    pause: Pause | None

    @property
    def is_full(self) -> bool:
        """Whether more jobs wait than were counted."""
        return self.waiting >= MANY


@dataclass(frozen=True)
class Figures:
    """All of them.

    Attributes:
        waiting, running: ready jobs; jobs that workers hold.
        scheduled, retrying: jobs for later, without and with an attempt behind them, among the next 10,000.
        failed: jobs that failed for good within a day, among the newest 10,000 ends.
        oldest: seconds since the oldest ready job is due whose queue and class do not rest; None: there is none.
        workers: processes of living pools.
        queues: one by one; those with the oldest jobs first.
        capped: which of these figures are larger than was counted.
        is_whole: whether all queues were looked at.
    """

    waiting: int
    running: int
    scheduled: int
    retrying: int
    failed: int
    oldest: float | None
    workers: int
    queues: list[QueueFigures]
    capped: frozenset[str]
    is_whole: bool = field(default=True)


def figures(scene: Scene) -> Figures:
    """Look and count."""
    with scene.store.looking(PATIENCE):
        running = Counter(scene.jobs.running().values_list("queue", flat=True)[:MANY])
        later = list(scene.jobs.scheduled().values_list("attempts", flat=True)[:MANY])
        failed, ended = _failed(scene), _run_times(scene)
        queues = _queues(scene, running, ended)
    retrying = sum(1 for attempts in later if attempts)
    full = {
        "waiting": any(queue.waiting == MANY for queue in queues),
        "running": running.total() == MANY,
        "scheduled": len(later) == MANY,
        "retrying": len(later) == MANY,
        "failed": failed[1],
    }
    return Figures(
        waiting=sum(queue.waiting for queue in queues),
        running=running.total(),
        scheduled=len(later) - retrying,
        retrying=retrying,
        failed=failed[0],
        oldest=max((each.oldest for each in queues if each.oldest is not None and not each.pause), default=None),
        workers=sum(pool.processes for pool in scene.living),
        queues=queues,
        capped=frozenset(name for name, is_full in full.items() if is_full),
        is_whole=len(scene.lanes) < LANES,
    )


def _queues(scene: Scene, running: Counter[str], ended: dict[str, list[float]]) -> list[QueueFigures]:
    oldest, waiting = scene.oldest, {lane.queue for lane in scene.lanes}
    names = {*waiting, *running, *scene.pauses, *scene.settings.queues}
    found = [
        QueueFigures(
            name=name,
            waiting=scene.store.waiting(name, MANY) if name in waiting else 0,
            running=running[name],
            oldest=max(age(oldest[name], scene.now), 0.0) if name in oldest else None,
            p95=percentile(ended.get(name, ()), 95),
            workers=sum(pool.processes for pool in scene.living if listens(pool, name)),
            pause=scene.pauses.get(name),
        )
        for name in names
    ]
    return sorted(found, key=lambda each: (-(each.oldest or 0.0), each.name))


def _failed(scene: Scene) -> tuple[int, bool]:
    """Return how many failed within a day, among the newest ends, and whether there are more ends than that."""
    since = scene.now - timedelta(days=1)
    ends = scene.jobs.ended().filter(finished_at__gte=since).order_by("-finished_at")
    states = list(ends.values_list("state", flat=True)[:MANY])
    return states.count(State.FAILED.value), len(states) == MANY


def _run_times(scene: Scene) -> dict[str, list[float]]:
    """Return how long the newest ended jobs took, by queue."""
    rows = scene.jobs.ended().order_by("-finished_at").values_list("queue", "started_at", "finished_at")
    times: dict[str, list[float]] = {}
    for queue, started, finished in rows[:SAMPLE]:
        if started is not None and finished is not None:
            times.setdefault(queue, []).append(max(age(started, finished), 0.0))
    return times


def percentile(values: Iterable[float], percent: int) -> float | None:
    """Return the value that so many percent of some do not exceed; None of none."""
    ordered: Sequence[float] = sorted(values)
    return ordered[max(ceil(len(ordered) * percent / 100), 1) - 1] if ordered else None
