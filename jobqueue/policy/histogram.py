"""Durations counted in fixed buckets, each twice as wide as the one before: counts of many processes simply add up."""

from __future__ import annotations

from collections.abc import Sequence

#: The first bucket ends at 1 ms, the last but one at 9 hours; the last has no end.
BUCKETS = 27
#: Where each but the last ends, in seconds.
BOUNDS = tuple(2**bucket / 1000 for bucket in range(BUCKETS - 1))


def bucket_of(seconds: float) -> int:
    """Return the bucket that a duration falls into; less than nothing counts as nothing."""
    if seconds >= BOUNDS[-1]:
        return BUCKETS - 1
    return int(seconds * 1000).bit_length() if seconds > 0 else 0


def percentile(counts: Sequence[int], percent: float) -> float | None:
    """Return the seconds that so many percent of the durations do not exceed, about; None if there are none.

    Within a bucket durations are taken to lie evenly; of the last bucket only where it begins is known.

    Args:
        counts: how many durations fell into each bucket.
        percent: above 0, at most 100.
    """
    wanted = sum(counts) * percent / 100
    before = 0
    for bucket, count in enumerate(counts):
        if count and before + count >= wanted:
            low = BOUNDS[bucket - 1] if bucket else 0.0
            high = BOUNDS[bucket] if bucket < len(BOUNDS) else low
            return low + (high - low) * (wanted - before) / count
        before += count
    return None
