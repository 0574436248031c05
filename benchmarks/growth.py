"""What a large table costs: a long backlog, jobs far ahead, finished jobs that are kept, an old snapshot."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from time import perf_counter
from typing import NamedTuple
from uuid import uuid4

import psycopg

from benchmarks import drain, planting, table
from benchmarks.ledger import Ledger
from benchmarks.report import Figure, ratio_at_least
from benchmarks.rounds import alternate
from benchmarks.scale import Scale
from benchmarks.stage import pool
from jobqueue.models import Job
from jobqueue.outcomes import RELEASE
from jobqueue.rows import ClaimRequest, Finish
from jobqueue.states import State
from jobqueue.stores import get_store
from jobqueue.stores.pools import PoolRegistry

CLAIMS = 50


class Pace(NamedTuple):
    """How fast jobs at the head of a backlog are claimed and performed."""

    claims: float
    jobs: float


def run(database: str, scale: Scale) -> Iterator[Figure]:
    """Compare the same work on a small and on a huge table, and with and without an old snapshot."""
    small, huge = _paces(scale)
    what = f"3 x {scale.huge:,} rows / {scale.few:,}"
    yield Figure("growth", database, f"drain, {what}", "jobs/s", huge.jobs, small.jobs, ratio_at_least(0.9))
    yield Figure("growth", database, f"claim, {what}", "claims/s", huge.claims, small.claims, ratio_at_least(0.9))
    table.empty()
    if database == "postgresql":
        yield _old_snapshot(database, scale)


# A long backlog


def _paces(scale: Scale) -> tuple[Pace, Pace]:
    """Return the paces on a small and on a huge table. The small one comes before and after the huge one."""
    small = [_small(scale.few) for _ in range(scale.rounds)]
    huge = _huge(scale.huge, scale.few, scale.rounds)
    small += [_small(scale.few) for _ in range(scale.rounds)]
    return _middle(small), _middle(huge)


def _middle(paces: list[Pace]) -> Pace:
    return Pace(*map(median, zip(*paces, strict=True)))


def _small(jobs: int) -> Pace:
    table.empty()
    planting.plant(State.READY, jobs)
    return _measure(jobs)


def _huge(backlog: int, jobs: int, rounds: int) -> list[Pace]:
    table.empty()
    for state in (State.READY, State.SCHEDULED, State.SUCCEEDED):
        planting.plant(state, backlog)
    return [_measure(jobs) for _ in range(rounds)]


def _measure(jobs: int) -> Pace:
    """Claim and put back; then have so many jobs performed."""
    table.settle()
    claims = _claims_per_second(max(1, jobs // 100))
    table.settle()
    return Pace(claims, _performed_per_second(jobs))


def _claims_per_second(limit: int) -> float:
    """Return how often a second so many jobs could be claimed."""
    store, pools = get_store(), PoolRegistry(get_store())
    pool_id = pools.register(host="benchmark", pid=os.getpid())
    seconds, held = [], []
    for _ in range(CLAIMS):
        began = perf_counter()
        held += store.claim(ClaimRequest(uuid4(), pool_id, "benchmark", limit))
        seconds.append(perf_counter() - began)
    store.finish([Finish(job, RELEASE) for job in held])
    pools.retire(pool_id)
    if len(held) != CLAIMS * limit:
        raise AssertionError(f"{CLAIMS} claims of {limit} jobs have taken {len(held)}")
    return 1 / median(seconds)


def _performed_per_second(jobs: int) -> float:
    """Let a worker perform the first so many jobs; return how many it starts each second.

    All planted jobs have the same handler, so they cannot be told apart in the ledger. That each one has run at
    most once, and all that say so have run, is seen in the table; the ledger knows the number of runs.
    """
    kept = Job.objects.succeeded().count()
    ledger = Ledger.new(jobs)
    with pool() as running:
        running.wait_until(lambda: ledger.tallied >= jobs)
    _check(ledger.tallied, Job.objects.succeeded().count() - kept)
    return (jobs - 1) / (ledger.starts[jobs - 1] - ledger.starts[0])


def _check(runs: int, succeeded: int) -> None:
    """Make sure that each job was tried once if it has succeeded, else never, and that all runs are accounted for."""
    astray = Job.objects.exclude(state=State.SUCCEEDED, attempts=1).exclude(state__lt=State.RUNNING, attempts=0)
    if runs != succeeded or astray.exists():
        raise AssertionError(f"{runs} runs, {succeeded} succeeded jobs, {astray.count()} with attempts amiss")


# An old snapshot


def _old_snapshot(database: str, scale: Scale) -> Figure:
    """A session that sees the jobs as they were keeps the database from cleaning up behind the workers."""
    rate = alternate(
        scale.rounds,
        {"without": lambda: drain.drain(scale.many, 1), "with": lambda: _drain_beside_a_snapshot(scale.many)},
    )
    what = f"drain {scale.many:,}, old snapshot / without"
    return Figure("growth", database, what, "jobs/s", rate["with"], rate["without"], ratio_at_least(0.25))


def _drain_beside_a_snapshot(jobs: int) -> float:
    ledger = drain.store(jobs)
    table.analyse()
    with _snapshot():
        return drain.perform(ledger, 1)


@contextmanager
def _snapshot() -> Iterator[None]:
    with psycopg.connect(os.environ["DATABASE_URL"]) as session:
        session.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        session.execute("SELECT 1 FROM jobqueue_job LIMIT 1")
        yield
