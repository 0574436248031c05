"""How fast workers empty a queue."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import raw
from benchmarks.report import Figure, middle
from benchmarks.stage import Counts, analyse, empty_table, pool, wait_until

BATCH = 250


def run(database: str, jobs: int, rounds: int) -> Iterator[Figure]:
    """Drain no-op jobs: one worker beside the raw loop, two workers, stale statistics; then jobs that take time."""
    ours, floor, two, stale = [], [], [], []
    for _ in range(rounds):
        floor.append(drain_raw(jobs))
        ours.append(drain(jobs, 1))
        two.append(drain(jobs, 2))
        stale.append(drain(jobs, 1, fresh_statistics=False))
    least = 0.65 if database == "postgresql" else 0.15
    yield Figure("drain", database, "1 worker, no-op / raw loop", "jobs/s", middle(ours), middle(floor), least)
    yield Figure("drain", database, "2 workers / 1 worker", "jobs/s", middle(two), middle(ours), 1.3)
    yield Figure("drain", database, "stale statistics / fresh", "jobs/s", middle(stale), middle(ours), 0.9)
    for milliseconds in (1, 50):
        count = max(1, min(jobs, 3000 // milliseconds))
        ideal = 1000 / milliseconds
        rate = middle([drain(count, 1, milliseconds / 1000) for _ in range(rounds)])
        yield Figure("drain", database, f"1 worker, {milliseconds} ms / ideal", "jobs/s", rate, ideal, 0.95)


def drain(jobs: int, workers: int, seconds: float = 0.0, *, fresh_statistics: bool = True) -> float:
    """Return the jobs that so many workers perform each second, from the first start to the last finish written."""
    from benchmarks.jobs import nothing, rest
    from jobqueue import enqueue_many

    counts = _prepare(jobs)
    enqueue_many(rest.bind(number, seconds) if seconds else nothing.bind(number) for number in range(jobs))
    if fresh_statistics:
        analyse()
    with pool("-n", str(workers)):
        wait_until(lambda: counts.total() >= jobs and raw.left() == 0)
    counts.check()
    return jobs / _span()


def drain_raw(jobs: int) -> float:
    """Return what the raw loop performs each second."""
    from benchmarks.jobs import nothing
    from jobqueue import enqueue_many

    counts = _prepare(jobs)
    enqueue_many(nothing.bind(number) for number in range(jobs))
    analyse()
    rate = raw.drain(BATCH, nothing)
    counts.check()
    return rate


def _prepare(jobs: int) -> Counts:
    """Begin with an empty table whose statistics say so."""
    from benchmarks import jobs as counted

    empty_table()
    analyse()
    counted.forget()
    return Counts(jobs)


def _span() -> float:
    """Return the seconds from the first start to the moment when the last finish was written."""
    from django.db.models import Max, Min

    from jobqueue.models import Job

    times = Job.objects.aggregate(began=Min("started_at"), ended=Max("updated_at"))
    return float((times["ended"] - times["began"]).total_seconds())
