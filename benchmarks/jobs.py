"""Jobs that do next to nothing, and count that they did it exactly once."""

from __future__ import annotations

import mmap
import os
import time

from jobqueue import job

_counts: mmap.mmap | None = None


def counts() -> mmap.mmap:
    """Return the memory that all processes of a run share: one byte for each job."""
    global _counts
    if _counts is None:
        with open(os.environ["BENCHMARK_COUNTS"], "r+b") as file:
            _counts = mmap.mmap(file.fileno(), 0)
    return _counts


def forget() -> None:
    """Look at the counters of the next run."""
    global _counts
    _counts = None


@job
def nothing(number: int) -> None:
    """Count."""
    counts()[number] += 1


@job
def rest(number: int, seconds: float) -> None:
    """Count, and take a while."""
    counts()[number] += 1
    time.sleep(seconds)
