"""Jobs that wait most of their time, and a worker that performs many of them at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from benchmarks import table
from benchmarks.jobs import doze, rest
from benchmarks.ledger import Ledger
from benchmarks.report import Figure, at_most
from benchmarks.rounds import middle
from benchmarks.scale import Scale
from benchmarks.stage import pool
from jobqueue import enqueue_many

JOBS = 200
SECONDS = 0.1


def run(database: str, scale: Scale) -> Iterator[Figure]:
    """Have waiting jobs performed by threads, and by one event loop."""
    yield threads(database, scale)
    yield coroutines(database, scale)


def threads(database: str, scale: Scale) -> Figure:
    """Jobs that sleep, on twenty threads."""
    calls = [rest.bind(number, SECONDS) for number in range(JOBS)]
    seconds = middle(scale.rounds, lambda: _span(calls, "--threads", "20"))
    return Figure(
        "waiting",
        database,
        f"{JOBS} jobs of 100 ms, --threads 20",
        "s",
        seconds,
        JOBS * SECONDS / 20,
        at_most(1.3),
    )


def coroutines(database: str, scale: Scale) -> Figure:
    """Coroutines that sleep, fifty at a time."""
    calls = [doze.bind(number, SECONDS) for number in range(JOBS)]
    seconds = middle(scale.rounds, lambda: _span(calls, "--async", "50"))
    return Figure(
        "waiting",
        database,
        f"{JOBS} async jobs of 100 ms, --async 50",
        "s",
        seconds,
        JOBS * SECONDS / 50,
        at_most(0.7),
    )


def _span(calls: Iterable[object], *words: str) -> float:
    """Return the seconds from the first start to the last finish written."""
    table.empty()
    ledger = Ledger.new(JOBS)
    enqueue_many(calls)
    with pool(*words) as running:
        running.wait_until(lambda: ledger.ran == JOBS and table.is_done())
    ledger.check()
    return table.span()
