"""What a pool that has nothing to do asks of the database, with the defaults and under a service manager (DJ44)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pytest_django import DjangoDbBlocker

from jobqueue.conf import Settings
from tests.processes.manager import manager
from tests.servers.stage import Stage, stage

SECONDS = 30
#: A session tells the server's figures what it has done after so long at the latest.
SETTLED = 12
#: What lies between two tellings may count in or out; in statements a second.
BLUR = 0.2
DEFAULTS = {
    name.upper(): getattr(Settings(), name) for name in ("poll_seconds", "heartbeat_seconds", "lease_seconds")
}


@pytest.fixture
def unswept(template: Path, tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[Stage]:
    """A server without autovacuum, whose transactions would be counted with the pool's."""
    with django_db_blocker.unblock(), stage(template, tmp_path, autovacuum="off") as found:
        yield found


def test_dj44_an_idle_pool_asks_the_database_hardly_anything(unswept: Stage, tmp_path: Path) -> None:
    """The two looks are at one life: what its start asks differs from start to start."""
    with manager(tmp_path) as systemd:
        pool = unswept.start_pool(environment=systemd.environment(60), **DEFAULTS)
        systemd.wait_for("READY")
        time.sleep(SETTLED)
        before = transactions(unswept)
        time.sleep(SECONDS)
        asked = (transactions(unswept) - before) / SECONDS
        assert pool.stop() == 0
    print(f"{asked:.2f} statements a second")
    assert asked <= 0.5 + BLUR


def transactions(stage: Stage) -> int:
    """Transactions in the pool's database so far, asked from another one."""
    with psycopg.connect(stage.server.url, dbname="template1", autocommit=True) as outside:
        figures = outside.execute(
            "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = 'postgres'"
        )
        [found] = figures.fetchone() or [0]
        return int(found)
