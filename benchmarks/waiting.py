"""Jobs that wait most of their time, and a worker that performs many of them at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from benchmarks import table
from benchmarks.jobs import doze, rest
from benchmarks.ledger import Ledger
from benchmarks.report import Bar, Figure, at_most
from benchmarks.rounds import middle
from benchmarks.scale import Scale
from benchmarks.stage import pool
from jobqueue import enqueue_many
from jobqueue.handlers import DeclaredFunction

JOBS = 200
SECONDS = 0.1


def run(database: str, scale: Scale) -> Iterator[Figure]:
    """Have waiting jobs performed by threads, and by one event loop."""
    yield _figure(database, scale, "jobs", rest, 20, "--threads", at_most(1.3))
    yield _figure(database, scale, "async jobs", doze, 50, "--async", at_most(0.7))


def _figure(
    database: str, scale: Scale, kind: str, job: DeclaredFunction, at_a_time: int, option: str, bar: Bar
) -> Figure:
    """Jobs that sleep, so many at a time, beside the least time in which that can be done."""
    calls = [job.bind(number, SECONDS) for number in range(JOBS)]
    seconds = middle(scale.rounds, lambda: _span(calls, option, str(at_a_time)))
    what = f"{JOBS} {kind} of 100 ms, {option} {at_a_time}"
    return Figure("waiting", database, what, "s", seconds, JOBS * SECONDS / at_a_time, bar)


def _span(calls: Iterable[object], *words: str) -> float:
    """Return the seconds from the first start to the last finish written."""
    table.empty()
    ledger = Ledger.new(JOBS)
    enqueue_many(calls)
    with pool(*words) as running:
        running.wait_until(lambda: ledger.ran == JOBS and table.is_done())
    ledger.check()
    return table.span()
