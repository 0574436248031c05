"""How fast workers empty a queue."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks import jobs as counted
from benchmarks import raw, table
from benchmarks.ledger import Ledger
from benchmarks.report import Figure, at_least, ratio_at_least
from benchmarks.rounds import alternate
from benchmarks.scale import Scale
from benchmarks.stage import pool
from jobqueue import enqueue_many
from jobqueue.conf import get_settings


def run(database: str, scale: Scale) -> Iterator[Figure]:
    """Drain jobs that do nothing, by one worker and by two; then jobs that take time."""
    yield from _nothing(database, scale)
    for seconds in (0.001, 0.05):
        yield _timed(database, scale, seconds)


def _nothing(database: str, scale: Scale) -> Iterator[Figure]:
    """One worker beside the raw loop, two workers beside one, stale statistics beside fresh ones."""
    jobs = scale.jobs
    rate = alternate(
        scale.rounds,
        {
            "raw": lambda: drain_raw(jobs),
            "ours": lambda: drain(jobs, 1),
            "two": lambda: drain(jobs, 2),
            "stale": lambda: drain(jobs, 1, fresh_statistics=False),
        },
    )
    ours = rate["ours"]
    bars = {"postgresql": (0.65, 25_000), "sqlite": (0.15, 15_000)}
    least, fastest = bars[database]
    on_postgresql = database == "postgresql"
    two = ratio_at_least(1.3) if on_postgresql else None
    stale = ratio_at_least(0.9) if on_postgresql else None
    yield Figure("drain", database, "1 worker / raw loop", "jobs/s", ours, rate["raw"], ratio_at_least(least))
    yield Figure("drain", database, "1 worker", "jobs/s", ours, None, at_least(fastest))
    yield Figure("drain", database, "2 workers / 1 worker", "jobs/s", rate["two"], ours, two)
    yield Figure("drain", database, "stale statistics / fresh", "jobs/s", rate["stale"], ours, stale)


def _timed(database: str, scale: Scale, seconds: float) -> Figure:
    """Jobs that sleep, beside a loop that does nothing but sleep: as much as the run times alone allow."""
    jobs = max(1, min(scale.jobs, round(scale.timed_seconds / seconds)))
    rate = alternate(
        scale.rounds, {"sleeps": lambda: sleeps(jobs, seconds), "ours": lambda: drain(jobs, 1, seconds)}
    )
    bar = ratio_at_least(0.95) if database == "postgresql" else None
    what = f"1 worker, jobs of {seconds * 1000:g} ms / bare sleeps"
    return Figure("drain", database, what, "jobs/s", rate["ours"], rate["sleeps"], bar)


def drain(jobs: int, workers: int, seconds: float = 0.0, *, fresh_statistics: bool = True) -> float:
    """Return the jobs that so many workers perform each second."""
    ledger = store(jobs, seconds)
    if fresh_statistics:
        table.analyse()
    return perform(ledger, workers)


def store(jobs: int, seconds: float = 0.0) -> Ledger:
    """Put so many jobs into an empty table whose statistics say that it is empty."""
    table.empty()
    ledger = Ledger.new(jobs)
    enqueue_many(
        counted.rest.bind(number, seconds) if seconds else counted.nothing.bind(number) for number in range(jobs)
    )
    return ledger


def perform(ledger: Ledger, workers: int) -> float:
    """Have the stored jobs performed; return how many a second, from the first start to the last finish written."""
    jobs = len(ledger.counts)
    with pool("-n", str(workers)) as running:
        running.wait_until(lambda: ledger.ran == jobs and table.is_done())
    ledger.check()
    return jobs / table.span()


def drain_raw(jobs: int) -> float:
    """Return what the raw loop performs each second, in batches as large as a worker claims ahead."""
    ledger = store(jobs)
    table.analyse()
    counted.forget()
    rate = raw.drain(get_settings().claim_ahead, counted.nothing)
    ledger.check()
    return rate


def sleeps(count: int, seconds: float) -> float:
    """Return how often a second one can sleep so long; each time it is a little longer."""
    began = time.perf_counter()
    for _ in range(count):
        time.sleep(seconds)
    return count / (time.perf_counter() - began)
