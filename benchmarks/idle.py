"""What a pool costs that has nothing to do."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import psycopg
from django.db import connection

from benchmarks import table
from benchmarks.processes import cpu_seconds
from benchmarks.report import Figure, at_most
from benchmarks.scale import Scale
from benchmarks.stage import SERVER, hang_up, pool

WORKERS = 2


def run(database: str, scale: Scale) -> Iterator[Figure]:
    """Watch two workers that wait for jobs."""
    table.empty()
    if database == "postgresql":
        statements, cpu = _watch_with_server(scale)
        yield Figure("idle", database, "2 workers", "statem./s", statements, None, at_most(0.5))
    else:
        cpu = _watch(scale.warm_up_seconds, scale.idle_seconds)
    yield Figure("idle", database, "2 workers", "CPU s/min", cpu * 60 / scale.idle_seconds, None, at_most(0.3))


def _watch(warm_up: float, seconds: float) -> float:
    """Let a pool live so long after its warm-up; return the CPU seconds that all its processes use meanwhile."""
    with pool("-n", str(WORKERS)) as running:
        running.wait_until(lambda: len(running.pids) == WORKERS + 2)  # the supervisor and maintenance, too
        time.sleep(warm_up)
        pids = running.pids
        before = cpu_seconds(pids)
        time.sleep(seconds)
        return cpu_seconds(pids) - before


def _watch_with_server(scale: Scale) -> tuple[float, float]:
    """Return the statements a second and the CPU seconds.

    The server's figures are complete only when a session has ended. So two whole lives are compared, which
    differ in nothing but the idle time. Outside a block each statement is a transaction.
    """
    born = _transactions()
    _watch(scale.warm_up_seconds, 0)
    born_again = _transactions()
    cpu = _watch(scale.warm_up_seconds, scale.idle_seconds)
    short, long = born_again - born, _transactions() - born_again
    return (long - short) / scale.idle_seconds, cpu


def _transactions() -> int:
    """Return the transactions in our database so far, once all its sessions have ended; asked from another one."""
    name = connection.settings_dict["NAME"]
    hang_up()
    with psycopg.connect(os.environ[SERVER], autocommit=True) as outside:
        while outside.execute("SELECT 1 FROM pg_stat_activity WHERE datname = %s", [name]).fetchone():
            time.sleep(0.05)
        figures = outside.execute(
            "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = %s", [name]
        )
        [transactions] = figures.fetchone() or [0]
        return int(transactions)
