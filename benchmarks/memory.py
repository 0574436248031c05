"""How much memory a pool holds once it has worked, and whether that grows."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import drain, table
from benchmarks.jobs import nothing
from benchmarks.ledger import Ledger
from benchmarks.processes import pss_megabytes
from benchmarks.report import Figure, at_most
from benchmarks.scale import Scale
from benchmarks.stage import Pool, pool
from jobqueue import enqueue_many

FEW_JOBS = 1000
FURTHER_WORKERS = 4


def run(database: str, scale: Scale) -> Iterator[Figure]:
    """Weigh a pool of one and of five workers; then one worker before and after very many jobs."""
    jobs = min(FEW_JOBS, scale.jobs)
    one = _weigh_after(jobs, 1)
    further = (_weigh_after(jobs, 1 + FURTHER_WORKERS) - one) / FURTHER_WORKERS
    yield Figure("memory", database, "1 worker, supervisor and maintenance", "MB", one, None, at_most(75))
    yield Figure("memory", database, "each further worker", "MB", further, None, at_most(15))
    growth = _growth(scale.few, scale.many)
    yield Figure("memory", database, f"growth over {scale.many:,} jobs", "MB", growth, None, at_most(2))


def _weigh_after(jobs: int, workers: int) -> float:
    """Return the size of a pool that has performed jobs of a millisecond, so that each worker had some."""
    ledger = drain.store(jobs, 0.001)
    with pool("-n", str(workers)) as running:
        running.wait_until(lambda: ledger.ran == jobs and table.is_done())
        size = pss_megabytes(running.pids)
    ledger.check()
    return size


def _growth(first: int, then: int) -> float:
    """Return by how much a pool has grown between two of its jobs."""
    table.empty()
    ledger = Ledger.new(first + then)
    with pool() as running:
        before = _weigh_when_done(running, ledger, range(first))
        after = _weigh_when_done(running, ledger, range(first, first + then))
    ledger.check()
    return after - before


def _weigh_when_done(running: Pool, ledger: Ledger, numbers: range) -> float:
    enqueue_many(nothing.bind(number) for number in numbers)
    running.wait_until(lambda: ledger.ran == numbers.stop and table.is_done())
    return pss_megabytes(running.pids)
