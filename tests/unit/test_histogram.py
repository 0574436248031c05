"""Durations in buckets, and what can be said of them afterwards."""

from __future__ import annotations

from random import Random

import pytest

from jobqueue.policy.histogram import BOUNDS, BUCKETS, bucket_of, percentile


def counted(durations: list[float]) -> list[int]:
    counts = [0] * BUCKETS
    for each in durations:
        counts[bucket_of(each)] += 1
    return counts


@pytest.mark.parametrize("bucket", range(BUCKETS - 1))
def test_a_bucket_ends_before_its_bound(bucket: int) -> None:
    assert bucket_of(BOUNDS[bucket] * 0.999) == bucket
    assert bucket_of(BOUNDS[bucket]) == bucket + 1


@pytest.mark.parametrize(
    ("seconds", "bucket"), [(-5.0, 0), (0.0, 0), (1e9, BUCKETS - 1), (float("inf"), BUCKETS - 1)]
)
def test_the_first_and_the_last_take_the_rest(seconds: float, bucket: int) -> None:
    assert bucket_of(seconds) == bucket


@pytest.mark.parametrize("percent", [50, 95, 99, 100])
def test_a_percentile_lies_in_the_bucket_of_the_true_one(percent: int) -> None:
    chance = Random(percent)
    durations = sorted(chance.lognormvariate(-2, 2) for _ in range(5000))
    true = durations[len(durations) * percent // 100 - 1]
    told = percentile(counted(durations), percent)
    assert told is not None
    assert true / 2 <= told <= true * 2


def test_nothing_has_no_percentile() -> None:
    assert percentile([0] * BUCKETS, 95) is None


def test_of_the_last_bucket_its_beginning_is_told() -> None:
    assert percentile(counted([1e9]), 50) == BOUNDS[-1]
