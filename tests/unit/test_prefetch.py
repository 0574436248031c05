"""How many jobs a worker holds unstarted: none behind a slow one, many of the quick ones."""

from __future__ import annotations

import pytest

from jobqueue.policy.prefetch import HORIZON_SECONDS, moving_average, prefetch


def test_before_the_first_run_none_waits_behind_a_job_of_unknown_length() -> None:
    assert prefetch(None, ceiling=250) == 0


@pytest.mark.parametrize(
    ("average", "held"),
    [
        (3600.0, 0),
        (0.11, 0),
        (0.1, 1),
        (0.05, 2),
        (0.01, 10),
        (0.001, 100),
        (0.0004, 250),
        (1e-9, 250),
        (0.0, 250),
    ],
)
def test_it_holds_what_it_performs_in_a_tenth_of_a_second_up_to_the_ceiling(average: float, held: int) -> None:
    assert prefetch(average, ceiling=250) == held


@pytest.mark.parametrize("average", [0.09, 0.03, 0.007, 0.0009])
def test_what_it_holds_takes_no_longer_than_the_horizon(average: float) -> None:
    held = prefetch(average, ceiling=10_000)
    assert held * average <= HORIZON_SECONDS < (held + 1) * average


def test_several_performers_hold_several_times_as_much() -> None:
    assert prefetch(0.05, ceiling=250, performers=8) == 16
    assert prefetch(0.5, ceiling=250, performers=8) == 1


def test_the_ceiling_is_for_the_worker_whatever_its_performers() -> None:
    assert prefetch(0.001, ceiling=3, performers=8) == 3


def test_the_first_run_is_the_average() -> None:
    assert moving_average(None, 0.25) == 0.25


def test_each_further_run_counts_a_fifth() -> None:
    assert moving_average(1.0, 2.0) == pytest.approx(1.2)
    assert moving_average(1.0, 0.0) == pytest.approx(0.8)


def test_the_average_follows_when_jobs_become_slow() -> None:
    average: float | None = 0.001
    for _ in range(3):
        average = moving_average(average, 1.0)
    assert prefetch(average, ceiling=250) == 0
