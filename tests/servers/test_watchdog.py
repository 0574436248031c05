"""A service manager does not take an outage of the database for a pool that hangs."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.chaos.plan import Kind
from tests.processes.harness import wait_until
from tests.processes.manager import Manager, manager
from tests.servers.stage import Stage

WATCHDOG = 1.5


def longest_silence(systemd: Manager, since: float) -> float:
    at = [since, *(each.at for each in systemd.messages if "WATCHDOG" in each.words and each.at > since)]
    return max(later - earlier for earlier, later in zip(at, [*at[1:], time.monotonic()], strict=True))


@pytest.mark.parametrize(
    ("hangs", "outage"),
    [
        pytest.param(False, 6, id="refused for 6 s"),
        pytest.param(True, 10, id="silent for 10 s"),
        pytest.param(True, 100, id="silent for 100 s", marks=[pytest.mark.long, pytest.mark.timeout(300)]),
    ],
)
def test_while_the_database_is_away_the_pool_beats(
    stage: Stage, tmp_path: Path, hangs: bool, outage: float
) -> None:
    with manager(tmp_path) as systemd:
        pool = stage.start_pool(through_proxy=hangs, environment=systemd.environment(WATCHDOG))
        stage.store(Kind.REST, 0.05, count=20)
        systemd.wait_for("READY")
        systemd.wait_for("WATCHDOG")
        began = time.monotonic()
        stage.proxy.hold() if hangs else stage.stop_server()
        time.sleep(outage)
        assert longest_silence(systemd, began) < WATCHDOG
        stage.proxy.let_pass() if hangs else stage.start_server()
        stage.wait_until_all_succeeded(60)
        assert longest_silence(systemd, began) < WATCHDOG
        assert pool.stop() == 0


def test_a_pool_that_starts_before_its_database_asks_for_time(stage: Stage, tmp_path: Path) -> None:
    stage.stop_server()
    with manager(tmp_path) as systemd:
        pool = stage.launch_pool(environment=systemd.environment(WATCHDOG))
        systemd.wait_for("STATUS", "waiting for the database")
        systemd.wait_for("EXTEND_TIMEOUT_USEC", count=2)
        assert systemd.told("READY") == []
        stage.start_server()
        ready = systemd.wait_for("READY")
        assert ready.pid == pool.pid
        asked = len(systemd.told("EXTEND_TIMEOUT_USEC"))
        wait_until(lambda: systemd.quiet_for("EXTEND_TIMEOUT_USEC") > 6, about=lambda: os.fspath(pool.log))
        assert len(systemd.told("EXTEND_TIMEOUT_USEC")) == asked
        assert pool.stop() == 0
