"""What charts show: numbers at points of time, out of the rollups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from jobqueue.insight.rollups import Done, Range
from jobqueue.models.rollup import time_of
from jobqueue.policy.histogram import percentile

Values = list[float | None]
#: The percentiles that are shown, by the end of their keys.
PERCENTS = {"p50": 50, "p95": 95, "p99": 99}


class Series(NamedTuple):
    """Numbers at points of time.

    Attributes:
        times: when each point begins; the last one is not over yet.
        minutes: how long each is.
        values: numbers by key, one for each point; None where nothing was measured.
    """

    times: list[datetime]
    minutes: int
    values: dict[str, Values]


def throughput(range_: Range, points: Sequence[int], story: Sequence[Done]) -> Series:
    """Return how many attempts succeeded, failed and are tried again, and failed for good."""
    keys = ("succeeded", "retried", "failed")
    values: dict[str, Values] = {key: [getattr(each.counts, key) for each in story] for key in keys}
    return Series([time_of(point) for point in points], range_.step, values)


def latency(range_: Range, points: Sequence[int], story: Sequence[Done], oldest: Values) -> Series:
    """Return in how many seconds 50, 95 and 99 of 100 attempts were done, and how long they had waited.

    Args:
        range_, points, story: of the rollups.
        oldest: how long the job had waited by then that waits longest now.
    """
    values: dict[str, Values] = {}
    for kind in ("run", "wait"):
        for name, percent in PERCENTS.items():
            values[f"{kind}_{name}"] = [percentile(getattr(each, kind), percent) for each in story]
    return Series([time_of(point) for point in points], range_.step, {**values, "oldest": oldest})


def waited(points: Sequence[int], minutes: int, since: datetime | None, now: datetime) -> Values:
    """Return how long a job that is due since some time, and waits now, had waited at the end of each point.

    Percentiles fall silent when a queue stalls, for they know only jobs that began; this does not.
    """
    return list(_waited(points, minutes, since, now))


def _waited(points: Sequence[int], minutes: int, since: datetime | None, now: datetime) -> Iterator[float | None]:
    for point in points:
        end = min((point + minutes) * 60, now.timestamp())
        yield end - since.timestamp() if since is not None and since.timestamp() < end else None
