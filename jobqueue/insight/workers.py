"""Who works: how each pool is, what each of its workers performs, and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.core.exceptions import ImproperlyConfigured

from jobqueue.insight.figures import MANY
from jobqueue.insight.scene import Scene, slots
from jobqueue.models import Pool
from jobqueue.release import release
from jobqueue.wording import age

#: So many pools are told of, and jobs of one look named.
SHOWN = 200
NAMED = 2000
#: What clocks may differ by: a heartbeat may wait for a lock meanwhile.
SKEW_SECONDS = 5.0
#: Leases from a pool's last beat until others have surely noticed that it is gone.
NOTICED = 1.5


@dataclass(frozen=True)
class Doing:
    """A job that is performed, for how many seconds by now. Its name is empty if it is not known."""

    job_id: int
    name: str
    seconds: float

    @property
    def short(self) -> str:
        """The last part of the name."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True)
class Process:
    """One worker of a pool, as of its latest heartbeat; ``memory`` in bytes, None: not told."""

    pid: int
    memory: int | None
    succeeded: int
    failed: int
    buffered: int
    doing: list[Doing]


@dataclass(frozen=True)
class WorkerLook:
    """A pool.

    Attributes:
        pool: its row.
        state: "ok", "quiet", "silent" or "dead".
        slots: how many jobs it performs at a time.
        processes: its workers.
        held: jobs that it holds, if it is silent or dead.
        back_at: when those are put back; None: not before another pool works, or at once.
        is_alone: whether no pool lives that could put them back.
        newer: the release that this site runs, if the pool runs another.
    """

    pool: Pool
    state: str
    slots: int
    processes: list[Process]
    held: int = 0
    back_at: datetime | None = None
    is_alone: bool = False
    newer: str = ""

    @property
    def busy(self) -> int:
        """How many jobs it performs."""
        return sum(len(process.doing) for process in self.processes)

    @property
    def memory(self) -> int | None:
        """Bytes of all its workers; None: not told."""
        return memory(self.pool)

    @property
    def doing(self) -> list[Doing]:
        """What all of its workers perform."""
        return [each for process in self.processes for each in process.doing]

    @property
    def is_gone(self) -> bool:
        """Whether it does nothing any more, as far as one knows."""
        return self.state in {"silent", "dead"}


class Workers(NamedTuple):
    """Pools by host, and how many more there are."""

    shown: list[WorkerLook]
    others: int


def workers(scene: Scene) -> Workers:
    """Return all pools, by host and age."""
    pools = sorted(scene.pools, key=lambda pool: (pool.host, pool.started_at))
    return Workers(looks(scene, pools[:SHOWN]), max(len(pools) - SHOWN, 0))


def worker(scene: Scene, pool_id: int) -> WorkerLook | None:
    """Return one pool; None if it is not there."""
    found = Pool.objects.using(scene.alias).filter(pk=pool_id).first()
    return looks(scene, [found])[0] if found else None


def looks(scene: Scene, pools: list[Pool]) -> list[WorkerLook]:
    """Look at pools."""
    told = {pool.pk: [*told_by(pool)] for pool in pools}
    ids = [job["id"] for each in told.values() for process in each for job in process["jobs"]]
    names = dict(scene.jobs.filter(pk__in=ids[:NAMED]).values_list("pk", "name"))
    held, mine = _held(scene, pools), _own_release()
    return [_look(scene, pool, told[pool.pk], names, held[pool.pk], mine) for pool in pools]


def state_of(pool: Pool, scene: Scene) -> str:
    """Return how a pool is, in a word."""
    if not pool.alive:
        return "dead"
    if scene.is_silent(pool):
        return "silent"
    return "quiet" if pool.quiet else "ok"


def busy(pool: Pool) -> int:
    """Return how many jobs it performed at its latest heartbeat."""
    return sum(len(process["jobs"]) for process in told_by(pool))


def memory(pool: Pool) -> int | None:
    """Return the bytes that its workers used at its latest heartbeat; None: not told."""
    told = [process["memory"] for process in told_by(pool) if process["memory"] is not None]
    return sum(told) if told else None


def wrong_clocks(pools: Iterable[Pool]) -> dict[str, float]:
    """Return by how many seconds the clocks of hosts are before the database's, of those that differ too much."""
    skews = {pool.host: skew_of(pool) for pool in pools}
    return {host: skew for host, skew in skews.items() if abs(skew) > SKEW_SECONDS}


def skew_of(pool: Pool) -> float:
    """Return by how many seconds its host's clock was before the database's at its latest heartbeat; 0: not told."""
    clocks = [process["clock"] for process in told_by(pool) if process["clock"]]
    return clocks[0] - pool.beat_at.timestamp() if clocks else 0.0


def _look(
    scene: Scene, pool: Pool, told: list[dict[str, Any]], names: dict[int, str], held: int, mine: str
) -> WorkerLook:
    state, since = state_of(pool, scene), max(age(pool.beat_at, scene.now), 0.0)
    others = [each for each in scene.living if each.pk != pool.pk]
    back_at = pool.beat_at + timedelta(seconds=NOTICED * scene.settings.lease_seconds)
    return WorkerLook(
        pool,
        state,
        slots([pool]),
        [_process(process, names, since) for process in told],
        held=held,
        back_at=back_at if state == "silent" and others and back_at > scene.now else None,
        is_alone=not others,
        newer=mine if mine and pool.release != mine and state in {"ok", "quiet"} else "",
    )


def _process(told: dict[str, Any], names: dict[int, str], since: float) -> Process:
    doing = [Doing(job["id"], names.get(job["id"], ""), job["seconds"] + since) for job in told["jobs"]]
    return Process(
        told["pid"], told["memory"], told["succeeded"] or 0, told["failed"] or 0, told["buffered"] or 0, doing
    )


def told_by(pool: Pool) -> Iterable[dict[str, Any]]:
    """Yield what a pool tells of its workers. It is JSON in a table: what has another form is left out."""
    for each in pool.workers if isinstance(pool.workers, list) else ():
        if isinstance(each, dict):
            numbers = {name: _whole(each.get(name)) for name in ("memory", "succeeded", "failed", "buffered")}
            jobs = each.get("jobs")
            yield {
                **numbers,
                "pid": _whole(each.get("pid")) or 0,
                "clock": float(_number(each.get("clock"))),
                "jobs": [
                    {"id": job_id, "seconds": max(float(_number(job.get("seconds"))), 0.0)}
                    for job in (jobs if isinstance(jobs, list) else ())
                    if isinstance(job, dict) and (job_id := _whole(job.get("id")))
                ],
            }


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63 else None


def _number(value: Any) -> float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 10**11 else 0.0


def _held(scene: Scene, pools: list[Pool]) -> Counter[int]:
    """Return how many jobs each pool holds of which nothing more is heard."""
    gone = [pool.pk for pool in pools if state_of(pool, scene) in {"silent", "dead"}]
    if not gone:
        return Counter()
    return Counter(scene.jobs.running().filter(pool_id__in=gone).values_list("pool_id", flat=True)[:MANY])


def _own_release() -> str:
    try:
        return release()
    except ImproperlyConfigured:
        return ""
