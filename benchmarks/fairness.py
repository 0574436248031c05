"""How long quick jobs wait behind a slow one."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks import table
from benchmarks.jobs import hold, stamp
from benchmarks.ledger import Ledger
from benchmarks.report import Figure, at_most
from benchmarks.rounds import alternate
from benchmarks.scale import Scale
from benchmarks.stage import pool
from jobqueue import enqueue_many


def run(database: str, scale: Scale) -> Iterator[Figure]:
    """Start quick jobs with and without one among them that takes a minute; two workers share them."""
    jobs = scale.few
    seconds = alternate(
        scale.rounds,
        {
            "without": lambda: _seconds_to_last_start(jobs, beside_a_long_one=False),
            "with": lambda: _seconds_to_last_start(jobs, beside_a_long_one=True),
        },
    )
    extra = seconds["with"] - seconds["without"]
    what = f"last of {jobs:,} beside a job of 60 s"
    yield Figure("fairness", database, what, "s later", extra, None, at_most(1.5))


def _seconds_to_last_start(jobs: int, *, beside_a_long_one: bool) -> float:
    """Return the seconds from the moment when all are stored to the last start of a quick one.

    The long one stands in the middle, so that its worker holds quick ones when it takes it. It is let go when
    they are done.
    """
    table.empty()
    first, last = 0, jobs + 1
    ledger = Ledger.new(jobs + 2)
    calls = [stamp.bind(number) for number in range(1, last)]
    calls.insert(jobs // 2, (hold if beside_a_long_one else stamp).bind(last))
    with pool("-n", "2") as running:
        stamp.enqueue(first)
        running.wait_until(lambda: ledger.ran == 1)
        enqueue_many(calls)
        stored = time.monotonic()
        running.wait_until(lambda: ledger.ran == jobs + 2)
        ledger.release()
        running.wait_until(table.is_done)
    ledger.check()
    return max(ledger.starts[1:last]) - stored
