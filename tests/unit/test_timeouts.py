"""The soft time limit: the timer goes on from job to job, and still each job has its own end."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from jobqueue.exceptions import JobInterrupted, JobTimeout
from jobqueue.performing.timeouts import RESET_SECONDS, Alarm


@pytest.fixture
def alarm() -> Iterator[Alarm]:
    with Alarm() as alarm:
        yield alarm


def wait_for_ever() -> None:
    time.sleep(30)
    raise AssertionError("nothing was raised")


def test_it_raises_inside_the_job(alarm: Alarm) -> None:
    alarm.start(0.05)
    with pytest.raises(JobTimeout):
        wait_for_ever()
    assert alarm.stop(), "it was torn out of its work"


def test_a_timer_that_fires_for_a_job_that_is_over_is_set_for_the_present_one(alarm: Alarm) -> None:
    alarm.start(0.05)
    assert not alarm.stop()
    began = time.monotonic()
    alarm.start(0.2)
    with pytest.raises(JobTimeout):
        wait_for_ever()
    assert time.monotonic() - began >= 0.2


def test_a_shorter_limit_after_a_longer_one_holds(alarm: Alarm) -> None:
    alarm.start(3600)
    alarm.stop()
    alarm.start(0.05)
    with pytest.raises(JobTimeout):
        wait_for_ever()


def test_between_two_jobs_nothing_is_raised(alarm: Alarm) -> None:
    alarm.start(0.01)
    alarm.stop()
    deadline = time.monotonic() + 0.1
    while time.monotonic() < deadline:
        time.sleep(0.01)
    alarm.start(0.05)
    with pytest.raises(JobTimeout):
        wait_for_ever()


def test_a_timer_that_a_job_has_cleared_is_set_again(alarm: Alarm) -> None:
    alarm.start(3600)
    signal.alarm(0)
    alarm.stop()
    alarm.start(0.05)
    with pytest.raises(JobTimeout):
        wait_for_ever()


def test_a_handler_that_a_job_has_left_behind_is_replaced(alarm: Alarm) -> None:
    alarm.start(3600)
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    alarm.stop()
    time.sleep(2 * RESET_SECONDS)
    alarm.start(0.05)
    with pytest.raises(JobTimeout):
        wait_for_ever()


def test_the_order_to_leave_ends_this_job_and_all_that_would_follow(alarm: Alarm) -> None:
    alarm.start(3600)
    with pytest.raises(JobInterrupted):
        alarm.interrupt()
    assert alarm.stop()
    with pytest.raises(JobInterrupted):
        alarm.start(3600)


def test_afterwards_the_timer_and_the_handler_are_as_before() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with Alarm() as alarm:
        alarm.start(3600)
        alarm.stop()
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
