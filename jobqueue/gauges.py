"""The figures of a site, for metrics and probes: read by index, at a cost that does not grow with the table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from jobqueue.conf import get_settings
from jobqueue.insight.scene import LANES, PATIENCE, Scene
from jobqueue.models import Pool
from jobqueue.states import State
from jobqueue.stores import tallies
from jobqueue.wording import age

#: The ready jobs of a queue are counted up to here …
MOST_READY = 2_500
#: … and those of another state, of all queues together, up to here.
MOST_OTHERS = 10_000
#: Failures are told of for so long.
LATELY = timedelta(days=1)


class Worker(NamedTuple):
    """One worker as of its pool's latest heartbeat."""

    pid: int
    busy: int
    succeeded: int
    failed: int


@dataclass(frozen=True)
class Gauges:
    """What a look has found.

    Attributes:
        now: the database's time.
        counts: jobs by state and queue, as far as they are counted; failed ones are those of a day.
        oldest: seconds for which the oldest ready job of a queue waits, those of classes that rest left out.
        pools: those alive.
        paused: queues that rest.
        paused_classes: classes that rest.
    """

    now: datetime
    counts: dict[State, dict[str, int]]
    oldest: dict[str, float]
    pools: list[Pool]
    paused: set[str]
    paused_classes: set[str]

    @property
    def queues(self) -> list[str]:
        """All queues of which anything is known."""
        counted = {queue for each in self.counts.values() for queue in each}
        taken = {str(queue) for pool in self.pools for queue in pool.queues}
        return sorted({*counted, *taken, *self.paused, *get_settings().queues})


def read_gauges() -> Gauges:
    """Look.

    Raises:
        DatabaseError: if the database does not answer, or the tables are not there.
    """
    scene = Scene(get_settings())
    with scene.store.looking(PATIENCE):
        oldest = {queue: max(age(since, scene.now), 0.0) for queue, since in scene.oldest.items()}
        queues = {lane.queue for lane in scene.lanes}
        counts = {
            State.READY: {queue: scene.store.waiting(queue, MOST_READY) for queue in queues},
            State.SCHEDULED: tallies.scheduled(scene.alias, MOST_OTHERS),
            State.RUNNING: tallies.running(scene.alias, MOST_OTHERS),
            State.FAILED: tallies.failed(scene.alias, scene.now - LATELY, MOST_OTHERS),
        }
        paused, classes = (set(list(each)[:LANES]) for each in (scene.pauses, scene.class_pauses))
        return Gauges(scene.now, counts, oldest, scene.living, paused, classes)


def slots(pool: Pool) -> int:
    """Return how many jobs a pool performs at a time."""
    return pool.processes * max(pool.threads, pool.coroutines)


def workers(pool: Pool) -> Iterator[Worker]:
    """Yield the workers of a pool. A pass of ``work_off`` tells of none."""
    for told in pool.workers:
        yield Worker(
            _number(told, "pid"), len(told.get("jobs", ())), _number(told, "succeeded"), _number(told, "failed")
        )


def _number(told: dict[str, Any], key: str) -> int:
    return int(told.get(key) or 0)
