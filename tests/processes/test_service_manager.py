"""Under a service manager that speaks systemd's protocol: it learns what the pool does, and notices when it hangs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from jobqueue import models as tables
from tests.processes import jobs
from tests.processes.harness import Journal, Pool, is_running, wait_until
from tests.processes.manager import AS_SERVICE, Manager, manager
from tests.processes.test_pool import all_succeeded

StartPool = Callable[..., Pool]
WATCHDOG = 1.5


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Manager]:
    with manager(tmp_path) as found:
        yield found


@pytest.fixture
def start_service(start_pool: StartPool, systemd: Manager) -> StartPool:
    """Start a pool as a service that is watched."""

    def start(*words: str, **settings: object) -> Pool:
        return start_pool(*words, under=AS_SERVICE, variables=systemd.environment(WATCHDOG), **settings)

    return start


def assert_beats(systemd: Manager) -> None:
    """The next three beats come in time."""
    count = len(systemd.told("WATCHDOG"))
    systemd.wait_for("WATCHDOG", count=count + 3)
    at = [each.at for each in systemd.messages if "WATCHDOG" in each.words][count:]
    assert max(later - earlier for earlier, later in pairwise(at)) < WATCHDOG, systemd.messages


@pytest.mark.parametrize("abstract", [False, True], ids=["file", "abstract"])
def test_it_is_ready_when_it_has_children_and_is_registered(
    start_pool: StartPool, tmp_path: Path, abstract: bool
) -> None:
    with manager(tmp_path, abstract=abstract) as systemd:
        pool = start_pool("-n", "2", variables=systemd.environment())
        ready = systemd.wait_for("READY", "1")
        assert tables.Pool.objects.filter(pid=pool.pid).exists()
        assert len(pool.children()) == 3
        assert ready.pid == pool.pid
        assert "MAINPID" not in ready.words
        assert pool.stop() == 0
        assert systemd.told("READY") == systemd.told("STOPPING") == ["1"]
        assert systemd.told("WATCHDOG") == [], "nobody watches"
        assert {each.pid for each in systemd.messages} == {pool.pid}


def test_the_status_tells_what_it_does(start_service: StartPool, systemd: Manager, journal: Journal) -> None:
    start_service("-n", "2", "--threads", "2")
    systemd.wait_for("STATUS", "0 of 4 slots busy, 0 jobs done")
    jobs.nap.enqueue(1, 4)
    systemd.wait_for("STATUS", "1 of 4 slots busy")
    systemd.wait_for("STATUS", "0 of 4 slots busy, 1 job done")
    told = len(systemd.told("STATUS"))
    assert_beats(systemd)
    assert_beats(systemd)
    assert len(systemd.told("STATUS")) == told, "an idle pool has nothing new to tell"


def test_a_reload_is_told_and_ends_with_being_ready_again(start_service: StartPool, systemd: Manager) -> None:
    pool = start_service()
    systemd.wait_for("READY")
    asked = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    pool.signal(signal.SIGHUP)
    reloading = systemd.wait_for("RELOADING", "1")
    assert asked < int(reloading.words["MONOTONIC_USEC"]) < time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    assert systemd.wait_for("READY", count=2).pid == pool.pid
    assert systemd.told("STOPPING") == []
    assert_beats(systemd)
    assert pool.stop() == 0
    systemd.wait_for("STOPPING", "1")


def test_it_beats_while_it_waits_for_the_last_jobs(
    start_service: StartPool, systemd: Manager, journal: Journal
) -> None:
    jobs.nap.enqueue(1, 4)
    pool = start_service()
    wait_until(lambda: journal.of(1), about=lambda: pool.text)
    pool.signal(signal.SIGTERM)
    systemd.wait_for("STOPPING", "1")
    assert_beats(systemd)
    assert pool.wait() == 0
    systemd.wait_for("STATUS", "stopping, 1 still running")


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_a_pool_that_is_stopped_or_killed_misses_its_watchdog(
    start_service: StartPool, systemd: Manager, number: signal.Signals
) -> None:
    pool = start_service("-n", "2")
    systemd.wait_for("READY")
    assert_beats(systemd)
    children = pool.children()
    pool.signal(number)
    time.sleep(WATCHDOG / 3)  # what was under way has arrived
    beats = len(systemd.told("WATCHDOG"))
    wait_until(lambda: systemd.quiet_for("WATCHDOG") > 2 * WATCHDOG)
    assert len(systemd.told("WATCHDOG")) == beats
    pool.process.kill()  # as the manager does then
    wait_until(lambda: not any(map(is_running, children)))


def test_a_pool_whose_maintenance_hangs_misses_its_watchdog(start_service: StartPool, systemd: Manager) -> None:
    """Its patience is that for a database which does not answer: with these settings half a minute."""
    pool = start_service(LEASE_SECONDS=2, HEARTBEAT_SECONDS=0.5)
    systemd.wait_for("READY")
    [maintenance] = [pid for pid in pool.children() if named(pid) == "job-maintenance"]
    os.kill(maintenance, signal.SIGSTOP)
    assert_beats(systemd)
    systemd.wait_for("STATUS", "maintenance is silent")
    wait_until(lambda: systemd.quiet_for("WATCHDOG") > 2 * WATCHDOG)
    assert "maintenance is silent" in pool.text
    os.kill(maintenance, signal.SIGCONT)
    assert_beats(systemd)


def named(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def test_a_worker_that_dies_is_replaced_without_a_beat_being_missed(
    start_service: StartPool, systemd: Manager
) -> None:
    pool = start_service("-n", "2")
    systemd.wait_for("READY")
    victim = next(pid for pid in pool.children() if named(pid) == "job-worker")
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: len(pool.children()) == 3 and victim not in pool.children(), about=lambda: pool.text)
    assert_beats(systemd)


def test_jobs_cannot_find_the_manager(start_service: StartPool, systemd: Manager, journal: Journal) -> None:
    start_service()
    jobs.look_around.enqueue(1)
    wait_until(lambda: journal.entries("around"))
    assert [entry.key for entry in journal.entries("around")] == ["nothing"]


def test_a_watchdog_that_is_meant_for_another_process_is_left_alone(
    start_pool: StartPool, systemd: Manager
) -> None:
    start_pool(variables=systemd.environment(WATCHDOG) | {"WATCHDOG_PID": "1"})
    systemd.wait_for("STATUS", "slots busy")
    assert systemd.told("WATCHDOG") == []


def test_a_manager_that_is_gone_keeps_no_pool_from_working(start_pool: StartPool, tmp_path: Path) -> None:
    pool = start_pool(variables={"NOTIFY_SOCKET": str(tmp_path / "gone"), "WATCHDOG_USEC": "600000"})
    jobs.note.enqueue(1)
    wait_until(lambda: all_succeeded(1), about=lambda: pool.text)
    assert pool.stop() == 0
    assert pool.text.count("the service manager cannot be told anything: No such file or directory") == 1


def test_a_daemon_tells_its_number(
    call: Callable[..., subprocess.CompletedProcess[str]], systemd: Manager
) -> None:
    """The manager knows only the process that it has started, and that one has ended."""
    started = call("start", **systemd.environment())
    try:
        assert started.returncode == 0, started.stderr
        ready = systemd.wait_for("READY")
        [pid] = re.findall(r"Started, pid (\d+)", started.stdout)
        assert ready.words["MAINPID"] == pid == str(ready.pid)
    finally:
        assert call("stop").returncode == 0
