"""How much waits, runs and fails, in all and by queue. Every count has an end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

from jobqueue.insight.rollups import RANGES, Rollups
from jobqueue.insight.scene import LANES, PATIENCE, Scene, listens
from jobqueue.models import Pause
from jobqueue.policy.histogram import percentile
from jobqueue.wording import age

#: Nothing is counted further than this.
MANY = 10_000


@dataclass(frozen=True)
class QueueFigures:
    """One queue.

    Attributes:
        name: of the queue.
        waiting: ready jobs, counted up to 10,000.
        running: jobs that workers hold.
        oldest: seconds since the oldest ready job is due, those of classes that rest left out; None: there is none.
        p95: seconds that 95 of 100 of its attempts took at most in the last hour, about; None: there were none.
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
    def state(self) -> str:
        """How it is, in a word: "paused", "no worker" or "ok"."""
        if self.pause:
            return "paused"
        return "no worker" if self.waiting and not self.workers else "ok"

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
        failed: jobs that failed for good within a day.
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
        failed = _failed(scene)
        queues = _queues(scene, running, _run_times(scene))
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


def _queues(scene: Scene, running: Counter[str], run_times: dict[str, float | None]) -> list[QueueFigures]:
    oldest, waiting = scene.oldest, {lane.queue for lane in scene.lanes}
    names = {*waiting, *running, *scene.pauses, *scene.settings.queues}
    found = [
        QueueFigures(
            name=name,
            waiting=scene.store.waiting(name, MANY) if name in waiting else 0,
            running=running[name],
            oldest=max(age(oldest[name], scene.now), 0.0) if name in oldest else None,
            p95=run_times.get(name),
            workers=sum(pool.processes for pool in scene.living if listens(pool, name)),
            pause=scene.pauses.get(name),
        )
        for name in names
    ]
    return sorted(found, key=lambda each: (-(each.oldest or 0.0), each.name))


def _failed(scene: Scene) -> tuple[int, bool]:
    """Return how many failed within a day, and whether there are more than were counted."""
    since = scene.now - timedelta(days=1)
    lately = scene.jobs.failed().filter(finished_at__gte=since).order_by("-finished_at")
    number = lately.values("finished_at")[:MANY].count()
    return number, number == MANY


def _run_times(scene: Scene) -> dict[str, float | None]:
    """Return what 95 of 100 attempts of the last hour took at most, by queue."""
    histograms = Rollups(scene.alias, RANGES["1h"], scene.now).histograms("run", "queue")
    return {queue: percentile(counts, 95) for queue, counts in histograms.items()}
