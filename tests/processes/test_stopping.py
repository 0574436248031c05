"""Signals, time limits, and what becomes of running jobs."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

from jobqueue import enqueue_many
from jobqueue import models as tables
from jobqueue.models import Job
from jobqueue.states import State
from tests.processes import jobs
from tests.processes.conftest import QUICK
from tests.processes.harness import MANAGE, Journal, Pool, environment, is_running, wait_until
from tests.processes.test_pool import states

StartPool = Callable[..., Pool]


def assert_no_lock_is_left() -> None:
    assert not Job.objects.exclude(locked_at=None, pool=None).exists()
    assert not tables.Pool.objects.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_it_finishes_the_running_job(
    start_pool: StartPool, journal: Journal, number: signal.Signals
) -> None:
    jobs.nap.enqueue(1, 2)
    pool = start_pool()
    wait_until(lambda: journal.of(1), about=lambda: pool.text)
    waiting = jobs.note.enqueue(2)
    pool.signal(number)
    assert pool.wait() == 0
    assert len(journal.of(1, "end")) == 1
    assert states() == {"succeeded": 1, "ready": 1}
    assert Job.objects.get(pk=waiting.pk).attempts == 0
    assert_no_lock_is_left()


def test_when_the_grace_is_over_the_running_job_is_put_back_uncharged(
    start_pool: StartPool, journal: Journal
) -> None:
    jobs.nap.enqueue(1, 60)
    pool = start_pool(SHUTDOWN_SECONDS=1)
    wait_until(lambda: journal.of(1), about=lambda: pool.text)
    assert pool.stop() == 4
    row = Job.objects.get()
    assert (row.state, row.attempts, row.crashes) == (State.READY, 0, 0)
    assert_no_lock_is_left()


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM, signal.SIGQUIT])
def test_asked_twice_it_leaves_at_once(start_pool: StartPool, journal: Journal, second: signal.Signals) -> None:
    jobs.nap.enqueue(1, 60)
    pool = start_pool()
    wait_until(lambda: journal.of(1), about=lambda: pool.text)
    pool.signal(signal.SIGINT)
    wait_until(lambda: "still running" in pool.text)
    pool.signal(second)
    assert pool.wait(10) == 4
    row = Job.objects.get()
    assert (row.state, row.attempts) == (State.READY, 0)
    assert_no_lock_is_left()


def test_a_job_that_ignores_the_order_to_leave_is_killed_and_put_back_uncharged(
    start_pool: StartPool, journal: Journal
) -> None:
    jobs.ignore_everything.enqueue(1)
    pool = start_pool()
    wait_until(lambda: journal.of(1), about=lambda: pool.text)
    pool.signal(signal.SIGQUIT)
    assert pool.wait() == 4
    row = Job.objects.get()
    assert (row.state, row.attempts, row.crashes) == (State.READY, 0, 0)
    assert_no_lock_is_left()


def test_jobs_only_claimed_go_back_uncharged(start_pool: StartPool, journal: Journal) -> None:
    enqueue_many(jobs.note.bind(key) for key in range(300))
    enqueue_many([jobs.nap.bind(-1, 2)], priority=-1)
    enqueue_many((jobs.note.bind(key) for key in range(300, 350)), priority=-2)
    pool = start_pool("-v", "0")
    wait_until(lambda: journal.of(-1), about=lambda: pool.text)
    assert pool.stop() == 0
    left = Job.objects.exclude(state=State.SUCCEEDED)
    assert {(row.state, row.attempts) for row in left} == {(State.READY, 0)}
    assert len(left) == 50
    assert_no_lock_is_left()


def test_quiet_takes_no_new_jobs_and_goes_on_running(start_pool: StartPool, journal: Journal) -> None:
    jobs.nap.enqueue(1, 1)
    pool = start_pool()
    wait_until(lambda: journal.of(1), about=lambda: pool.text)
    pool.signal(signal.SIGUSR1)
    wait_until(lambda: tables.Pool.objects.filter(quiet=True).exists())
    jobs.note.enqueue(2)
    wait_until(lambda: journal.of(1, "end"))
    beats = tables.Pool.objects.get().beats
    wait_until(lambda: tables.Pool.objects.get().beats > beats + 3)
    assert states() == {"succeeded": 1, "ready": 1}
    assert pool.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGUSR2, signal.SIGTTIN])
def test_it_shows_jobs_and_stacks_when_asked(
    start_pool: StartPool, journal: Journal, number: signal.Signals
) -> None:
    row = jobs.nap.enqueue(1, 60)
    pool = start_pool()
    wait_until(lambda: journal.of(1), about=lambda: pool.text)
    pool.signal(number)
    wait_until(lambda: f"job #{row.pk} for" in pool.text and "jobs.py" in pool.text, about=lambda: pool.text)
    pool.signal(signal.SIGQUIT)
    assert pool.wait() == 4


def test_hup_restarts_it_with_fresh_processes(start_pool: StartPool, journal: Journal) -> None:
    pool = start_pool()
    jobs.note.enqueue(1)
    wait_until(lambda: journal.of(1), about=lambda: pool.text)
    pool.signal(signal.SIGHUP)
    wait_until(lambda: pool.text.count("*** Starting job worker") == 2, about=lambda: pool.text)
    jobs.note.enqueue(2)
    wait_until(lambda: journal.of(2), about=lambda: pool.text)
    assert journal.of(1)[0].pid != journal.of(2)[0].pid
    assert pool.stop() == 0


def test_when_its_terminal_is_closed_it_finishes_and_stops(
    transactional_db: None, tmp_path: Path, journal: Journal
) -> None:
    jobs.nap.enqueue(1, 2)
    master, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, str(MANAGE), "jobworker"],
        env=environment(journal, QUICK),
        cwd=tmp_path,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(terminal)
    try:
        wait_until(lambda: journal.of(1))
        os.close(master)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
    assert len(journal.of(1, "end")) == 1
    assert states() == {"succeeded": 1}
    assert_no_lock_is_left()


def test_a_job_over_its_time_ends_by_the_soft_limit_and_is_retried(
    start_pool: StartPool, journal: Journal
) -> None:
    jobs.sleep_for_ever.using(max_run_time=1).enqueue(1)
    pool = start_pool()
    wait_until(lambda: states() == {"scheduled": 1}, about=lambda: pool.text)
    row = Job.objects.get()
    assert (row.attempts, row.crashes) == (1, 0)
    assert "JobTimeout" in str(row.last_error)
    assert 4 < (row.run_at - row.updated_at).total_seconds() <= 6
    assert len({entry.pid for entry in journal.entries()}) == 1


def test_a_job_that_swallows_the_soft_limit_is_killed_by_the_hard_one(
    start_pool: StartPool, journal: Journal
) -> None:
    jobs.ignore_everything.using(max_run_time=1).enqueue(1)
    pool = start_pool("-n", "1", KILL_SECONDS=1)
    wait_until(lambda: states() == {"scheduled": 1}, about=lambda: pool.text)
    row = Job.objects.get()
    assert (row.attempts, row.crashes) == (1, 0)
    assert "was killed" in str(row.last_error)
    assert 4 < (row.run_at - row.updated_at).total_seconds() <= 6
    jobs.note.enqueue(2)
    wait_until(lambda: journal.of(2), about=lambda: pool.text)
    assert pool.stop() == 0


def test_the_hard_limit_reaches_what_the_job_has_started(start_pool: StartPool, journal: Journal) -> None:
    jobs.leave_a_grandchild.using(max_run_time=0.5).enqueue(1)
    pool = start_pool(KILL_SECONDS=0.5)
    [entry] = wait_until(lambda: journal.entries("grandchild"), about=lambda: pool.text)
    wait_until(lambda: states() == {"scheduled": 1}, about=lambda: pool.text)
    wait_until(lambda: not is_running(int(entry.key)))


def test_on_threads_the_hard_limit_spares_the_neighbours_attempts(start_pool: StartPool, journal: Journal) -> None:
    late = jobs.sleep_for_ever.using(max_run_time=1).enqueue(1)
    neighbour = jobs.nap.enqueue(2, 30)
    pool = start_pool("--threads", "2", KILL_SECONDS=0.5)
    wait_until(lambda: len(journal.of(2)) == 2, about=lambda: pool.text)
    assert Job.objects.get(pk=neighbour.pk).attempts == 1
    row = Job.objects.get(pk=late.pk)
    assert (row.state, row.attempts) == (State.SCHEDULED, 1)
    pool.signal(signal.SIGQUIT)
    assert pool.wait() == 4


@pytest.mark.parametrize("signals", [(signal.SIGHUP, signal.SIGTERM), (signal.SIGTERM, signal.SIGHUP)], ids=str)
def test_asked_to_stop_and_to_restart_it_stops(
    start_pool: StartPool, journal: Journal, signals: tuple[signal.Signals, signal.Signals]
) -> None:
    pool = start_pool()
    jobs.nap.enqueue(1, 1.5)
    wait_until(lambda: journal.entries(), about=lambda: pool.text)
    pool.signal(signals[0])
    wait_until(lambda: "1 job still running" in pool.text, about=lambda: pool.text)
    pool.signal(signals[1])
    assert pool.wait() == 0
    assert journal.counts("end") == {1: 1}
    assert pool.text.count("*** Starting job worker") == 1
