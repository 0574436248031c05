"""How soon the first job runs after the command was given."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks import table
from benchmarks.jobs import stamp
from benchmarks.ledger import Ledger
from benchmarks.report import Figure, at_most
from benchmarks.rounds import middle
from benchmarks.scale import Scale
from benchmarks.stage import pool


def run(database: str, scale: Scale) -> Iterator[Figure]:
    """Start a worker of a site with ten apps, whose job is waiting."""
    seconds = middle(scale.rounds, _seconds_to_first_job)
    yield Figure("start", database, "command to first job, 10 apps", "s", seconds, None, at_most(1.0))


def _seconds_to_first_job() -> float:
    table.empty()
    ledger = Ledger.new(1)
    stamp.enqueue(0)
    began = time.monotonic()
    with pool("run", settings="benchmarks.settings_ten_apps") as running:
        running.wait_until(table.is_done)
    ledger.check()
    return ledger.starts[0] - began
