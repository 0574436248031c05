"""What a pool tells its service manager, and when it no longer says that all is well."""

from __future__ import annotations

import os
from multiprocessing import get_context

import pytest

from jobqueue.conf import Settings
from jobqueue.pool import maintenance
from jobqueue.pool.forked import Child
from jobqueue.pool.notify import Notifier
from jobqueue.pool.service import EXTEND_EVERY, STATUS_SECONDS, Phase, Service
from jobqueue.worker import clerk
from jobqueue.worker.board import Board

WATCHDOG = 30.0


class Told(Notifier):
    """Keeps what would be sent."""

    def __init__(self) -> None:
        super().__init__({"NOTIFY_SOCKET": "@nobody", "WATCHDOG_USEC": str(int(WATCHDOG * 1e6))})
        self.lines: list[str] = []

    def tell(self, *assignments: str) -> bool:
        self.lines += assignments
        return True


class Stage:
    """A pool of one worker that is up, and a clock that a test turns."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.board = Board(1, desks=2)
        self.notifier = Told()
        slot = self.board.slots[0]
        slot.sit_down()
        slot.words.name = b"host:atlas pid:1"
        self.child = Child(get_context("fork").Process(), slot, born=self.now)
        self.service = Service(self.notifier, self.board, Settings(), lambda: self.now)
        self.phase = Phase.WORKING

    def look(self, seconds: float = 0.0, *, maintenance: bool = True, clerk: bool = True) -> list[str]:
        """Let time go by, in which these give signs of life; return what is told then."""
        self.now += seconds
        if maintenance:
            self.board.header.beat = self.now
        if clerk:
            self.child.slot.words.beat = self.now
        self.notifier.lines.clear()
        self.service.look([self.child], 1, self.phase, done=12)
        return list(self.notifier.lines)


@pytest.fixture
def stage() -> Stage:
    found = Stage()
    found.board.header.pool_id = 7
    found.look()
    return found


def test_it_beats_three_times_in_the_time_of_its_watchdog(stage: Stage) -> None:
    assert "WATCHDOG=1" not in stage.look(WATCHDOG / 3 - 0.1)
    assert "WATCHDOG=1" in stage.look(0.1)


def test_with_maintenance_silent_it_beats_no_more(stage: Stage) -> None:
    patience = maintenance.patience(Settings())
    assert "WATCHDOG=1" in stage.look(patience, maintenance=False)
    stage.look(WATCHDOG, maintenance=False)
    assert stage.look(WATCHDOG, maintenance=False) == ["STATUS=maintenance is silent"]
    assert "WATCHDOG=1" in stage.look(1)


def test_with_an_idle_workers_clerk_silent_it_beats_no_more(stage: Stage) -> None:
    assert "WATCHDOG=1" in stage.look(clerk.SILENT_SECONDS, clerk=False)
    assert "WATCHDOG=1" not in stage.look(WATCHDOG, clerk=False)
    assert stage.look(STATUS_SECONDS, clerk=False) == ["STATUS=worker host:atlas pid:1 is silent"]


def test_a_worker_that_performs_is_judged_by_its_time_limit_alone(stage: Stage) -> None:
    """Code that keeps the interpreter to itself silences the clerk, too."""
    stage.child.slot.start(0, job_id=1, since=stage.now, deadline=stage.now + 1e6)
    assert "WATCHDOG=1" in stage.look(10 * clerk.SILENT_SECONDS, clerk=False)


def test_a_stopping_pool_is_judged_by_its_own_time_limit(stage: Stage) -> None:
    stage.phase = Phase.STOPPING
    assert "WATCHDOG=1" in stage.look(10 * clerk.SILENT_SECONDS, clerk=False, maintenance=False)


def test_a_young_worker_has_time_to_begin() -> None:
    stage = Stage()
    assert "WATCHDOG=1" in stage.look(clerk.SILENT_SECONDS - 1, clerk=False)


def test_it_is_ready_once_and_only_when_it_can_work() -> None:
    stage = Stage()
    assert "READY=1" not in stage.look(), "not registered"
    stage.board.header.pool_id = 7
    stage.child.slot.words.beat = 0
    assert "READY=1" not in stage.look(clerk=False), "the worker has not begun"
    assert "READY=1" in stage.look()
    assert "READY=1" not in stage.look()


def test_it_asks_for_time_only_while_it_makes_progress() -> None:
    stage = Stage()
    assert "EXTEND_TIMEOUT_USEC=30000000" in stage.look(EXTEND_EVERY)
    assert stage.look(10 * maintenance.patience(Settings()), maintenance=False) == []


def test_busy_slots_and_performed_jobs_are_the_status(stage: Stage) -> None:
    stage.child.slot.start(0, job_id=1, since=stage.now, deadline=stage.now + 1e6)
    assert "STATUS=1 of 2 slots busy, 12 jobs done" in stage.look(STATUS_SECONDS)
    assert stage.look(STATUS_SECONDS) == [], "nothing has changed"
    stage.board.header.quiet = 1
    assert stage.look(STATUS_SECONDS) == ["STATUS=taking no new jobs, 1 of 2 slots busy, 12 jobs done"]


def test_a_restart_that_becomes_an_end_is_told_as_both(stage: Stage) -> None:
    stage.phase = Phase.RESTARTING
    first, moment, *_ = stage.look()
    assert (first, moment.partition("=")[0]) == ("RELOADING=1", "MONOTONIC_USEC")
    stage.phase = Phase.STOPPING
    assert stage.look()[0] == "STOPPING=1"


@pytest.mark.parametrize(
    ("variables", "watchdog"),
    [
        ({"WATCHDOG_USEC": "1500000"}, 1.5),
        ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": str(os.getpid())}, 1.5),
        ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_variables_are_taken_out_and_may_be_put_back(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], watchdog: float | None
) -> None:
    given = {"NOTIFY_SOCKET": "/run/systemd/notify", **variables}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    notifier = Notifier.take()
    assert notifier is not None
    assert notifier.watchdog == watchdog
    assert not given.keys() & os.environ.keys()
    notifier.hand_on()
    assert given.items() <= os.environ.items()


@pytest.mark.parametrize("address", ["", "vsock:2:1234", "relative"])
def test_what_is_no_socket_of_this_machine_is_no_manager(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    assert Notifier.take() is None
    assert "NOTIFY_SOCKET" not in os.environ
