"""Numbers and durations as pages write them: rounded, not cut off."""

from __future__ import annotations

import pytest

from jobqueue.templatetags.jobqueue import percent, rate
from jobqueue.templatetags.jobqueue_jobs import percent_of
from jobqueue.wording import duration, rounded


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.00004, "0.0 ms"),
        (0.00996, "10.0 ms"),
        (0.0406, "41 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.0 s"),
        (1.96, "2.0 s"),
        (41.6, "42 s"),
        (119.97, "120 s"),
        (131, "2 min"),
        (7190, "120 min"),
        (9000.1, "3 h"),
        (172_800 * 1.3, "3 days"),
    ],
)
def test_a_duration_is_rounded(seconds: float, told: str) -> None:
    assert duration(seconds) == told


def test_so_are_counts_shares_and_rates() -> None:
    assert (rounded(1999.7), rounded(0.96)) == ("2,000", "1")
    assert (percent(0.29996), percent(None)) == ("30.0 %", "")
    assert (rate(0.57), rate(41.7), rate(0)) == ("0.6", "42", "0")


def test_nothing_is_all_done_before_it_is() -> None:
    assert (percent_of(999, 1000), percent_of(1000, 1000), percent_of(1, 0)) == ("99 %", "100 %", "0 %")


def test_a_whole_percent_is_told_as_it_is() -> None:
    assert [percent_of(done, 100) for done in range(101)] == [f"{done} %" for done in range(101)]
