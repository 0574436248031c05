"""Who works, what waits and what rests, as of one moment."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property

from jobqueue.conf import INLINE, Settings
from jobqueue.models import ClassPause, Job, JobQuerySet, Pause, Pool
from jobqueue.stores import get_store, tallies
from jobqueue.stores.base import Store
from jobqueue.stores.lanes import Lane, read_lanes
from jobqueue.wording import age, span

#: More pools than anybody has.
MANY_POOLS = 1000
#: Queues and priorities that are looked at.
LANES = 1000
#: Queues whose ready jobs are counted, each up to here.
COUNTED_QUEUES, MOST_READY = 100, 10_000
#: The longest that one look may take, in seconds.
PATIENCE = 2.0


class Scene:
    """What several looks need is read once.

    Args:
        settings: those of jobqueue.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.alias = settings.database
        self._counted: dict[str, int] = {}

    @property
    def store(self) -> Store:
        """The store of the jobs."""
        return get_store(self.alias)

    @property
    def jobs(self) -> JobQuerySet:
        """All jobs."""
        return Job.objects.using(self.alias)

    @cached_property
    def now(self) -> datetime:
        """The database's time at the first look."""
        return self.store.now()

    @cached_property
    def pools(self) -> list[Pool]:
        """All pools, dead ones included."""
        return list(Pool.objects.using(self.alias).order_by("started_at", "pk")[:MANY_POOLS])

    @property
    def living(self) -> list[Pool]:
        """The pools that have given a sign of life within their lease."""
        return [pool for pool in self.pools if pool.alive and not self.is_silent(pool)]

    @property
    def takers(self) -> list[Pool]:
        """The pools that take new jobs."""
        return [pool for pool in self.living if not pool.quiet]

    @cached_property
    def pauses(self) -> dict[str, Pause]:
        """The queues that rest, by name."""
        return self.store.pauses.all()

    @cached_property
    def class_pauses(self) -> dict[str, ClassPause]:
        """The classes that rest, by name."""
        return self.store.class_pauses.all()

    @property
    def needs_workers(self) -> bool:
        """Whether somebody has to work: in inline mode only where jobs wait."""
        return self.settings.mode != INLINE or bool(self.oldest)

    def pause_of(self, job: Job) -> Pause | ClassPause | None:
        """Return why jobs like this one rest: its queue does, or its class; None if neither does."""
        return self.pauses.get(job.queue) or self.class_pauses.get(job.name)

    @cached_property
    def lanes(self) -> list[Lane]:
        """Each queue and priority that has ready jobs, with its oldest."""
        return read_lanes(self.alias, LANES)

    @cached_property
    def awake(self) -> list[Lane]:
        """The same, without jobs of classes that rest."""
        return read_lanes(self.alias, LANES, awake=True) if self.class_pauses else self.lanes

    @cached_property
    def oldest(self) -> dict[str, datetime]:
        """Since when the oldest ready job of each queue is due, those of classes that rest left out."""
        oldest: dict[str, datetime] = {}
        for lane in self.awake:
            oldest[lane.queue] = min(lane.oldest, oldest.get(lane.queue, lane.oldest))
        return oldest

    @cached_property
    def waiting(self) -> dict[str, int]:
        """How many ready jobs the queues that have any hold, up to 10,000 each; of the first 100 queues."""
        return tallies.ready(self.alias, sorted(self.oldest)[:COUNTED_QUEUES], MOST_READY)

    def count(self) -> None:
        """Count what waits in all queues by one query, for those who ask for one after the other then."""
        self._counted.update(self.waiting)

    def waiting_in(self, queue: str) -> int:
        """How many ready jobs one queue holds, up to 10,000."""
        if queue not in self._counted:
            self._counted[queue] = self.store.waiting(queue, MOST_READY)
        return self._counted[queue]

    def is_silent(self, pool: Pool) -> bool:
        """Whether a pool's last heartbeat is longer ago than its lease."""
        return age(pool.beat_at, self.now) > self.settings.lease_seconds


def paused(pause: Pause | ClassPause, now: datetime) -> str:
    """Return since when something rests, by whom and why: paused by ana for 2 h (deploy)."""
    by = f" by {pause.paused_by}" if pause.paused_by else ""
    reason = f" ({pause.reason})" if pause.reason else ""
    return f"paused{by} for {span(max(age(pause.since, now), 0.0))}{reason}"


def address(pool: Pool) -> str:
    """Return what a pool is called on a command line: HOST:PID."""
    return shlex.quote(f"{pool.host}:{pool.pid}")


def takes(pool: Pool, lane: Lane) -> bool:
    """Whether a pool performs the jobs of a lane."""
    low, high = pool.min_priority, pool.max_priority
    in_bounds = (low is None or lane.priority >= low) and (high is None or lane.priority <= high)
    return in_bounds and listens(pool, lane.queue)


def listens(pool: Pool, queue: str) -> bool:
    """Whether a pool performs jobs of a queue, of some priority at least."""
    return not pool.queues or queue in pool.queues


def slots(pools: Sequence[Pool]) -> int:
    """Return how many jobs some pools perform at a time."""
    return sum(pool.processes * max(pool.threads, pool.coroutines) for pool in pools)
