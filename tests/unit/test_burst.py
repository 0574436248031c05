"""Delayed Job's line about a pass (DJ19), with a clock of our own."""

from __future__ import annotations

import re

import pytest

from jobqueue.pool.burst import REST_SECONDS, Burst, processed_line


class Clock:
    """Stands still until it is set on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def burst(clock: Clock) -> Burst:
    return Burst(clock)


def after(clock: Clock, seconds: float) -> None:
    clock.now += seconds


@pytest.mark.parametrize("done", [0, 1, 12_345])
@pytest.mark.parametrize("failed", [0, 7])
@pytest.mark.parametrize("seconds", [0.0, 1e-9, 0.3, 41.7, 1e6])
def test_the_line_is_delayed_job_s_to_the_letter(done: int, failed: int, seconds: float) -> None:
    line = processed_line(done, failed, seconds)
    assert re.fullmatch(r"\d+ jobs processed at \d+\.\d{4} j/s, \d+ failed \.\.\.", line)


def test_the_line_of_the_book() -> None:
    assert processed_line(1, 0, 41.7) == "1 jobs processed at 0.0240 j/s, 0 failed ..."


def test_an_idle_pool_says_nothing(burst: Burst, clock: Clock) -> None:
    for _ in range(100):
        after(clock, 1)
        assert burst.look(0, 0, busy=False) is None


def test_a_pass_is_told_once_when_nothing_has_followed_for_a_while(burst: Burst, clock: Clock) -> None:
    after(clock, 60)
    burst.look(0, 0, busy=False)
    assert burst.look(0, 0, busy=True) is None
    after(clock, 2)
    assert burst.look(3, 1, busy=False) is None
    after(clock, REST_SECONDS)
    assert burst.look(3, 1, busy=False) == "4 jobs processed at 2.0000 j/s, 1 failed ..."
    after(clock, 60)
    assert burst.look(3, 1, busy=False) is None


def test_a_short_rest_does_not_end_it(burst: Burst, clock: Clock) -> None:
    burst.look(1, 0, busy=True)
    after(clock, REST_SECONDS / 2)
    assert burst.look(1, 0, busy=False) is None
    after(clock, REST_SECONDS / 4)
    assert burst.look(2, 0, busy=False) is None
    after(clock, REST_SECONDS / 2)
    assert burst.look(2, 0, busy=False) is None


def test_a_long_job_is_not_the_end_of_it(burst: Burst, clock: Clock) -> None:
    burst.look(0, 0, busy=True)
    for _ in range(100):
        after(clock, 60)
        assert burst.look(0, 0, busy=True) is None
    burst.look(1, 0, busy=False)
    after(clock, REST_SECONDS)
    assert burst.look(1, 0, busy=False) == "1 jobs processed at 0.0002 j/s, 0 failed ..."


def test_the_second_pass_counts_from_its_own_start(burst: Burst, clock: Clock) -> None:
    burst.look(0, 0, busy=True)
    after(clock, 1)
    burst.look(5, 2, busy=False)
    after(clock, 100)
    assert burst.look(5, 2, busy=False) == "7 jobs processed at 7.0000 j/s, 2 failed ..."
    after(clock, 100)
    burst.look(5, 2, busy=False)
    burst.look(5, 2, busy=True)
    after(clock, 2)
    burst.look(6, 2, busy=False)
    after(clock, REST_SECONDS)
    assert burst.look(6, 2, busy=False) == "1 jobs processed at 0.5000 j/s, 0 failed ..."


def test_jobs_too_quick_to_be_seen_running_are_counted(burst: Burst, clock: Clock) -> None:
    after(clock, 10)
    assert burst.look(3, 0, busy=False) is None
    after(clock, REST_SECONDS)
    line = burst.look(3, 0, busy=False)
    assert line is not None
    assert line.startswith("3 jobs processed at ")


def test_what_was_only_put_back_is_no_pass(burst: Burst, clock: Clock) -> None:
    burst.look(0, 0, busy=True)
    after(clock, REST_SECONDS)
    assert burst.look(0, 0, busy=False) is None


def test_the_counts_of_a_worker_that_has_ended_stay(burst: Burst, clock: Clock) -> None:
    burst.look(10, 1, busy=True)
    burst.add(4, 1)
    after(clock, REST_SECONDS / 2)
    assert burst.look(6, 0, busy=False) is None
    assert (burst.succeeded, burst.failed) == (10, 1)
    after(clock, REST_SECONDS)
    line = burst.look(6, 0, busy=False)
    assert line is not None
    assert line.startswith("11 jobs processed at ")
    assert line.endswith(" 1 failed ...")
