"""How many jobs a worker holds unstarted."""

from __future__ import annotations

#: A worker holds no more jobs than it can perform in about so many seconds.
HORIZON_SECONDS = 0.1
#: Weight of the newest run in the moving average.
NEWEST = 0.2


def moving_average(average: float | None, run_seconds: float) -> float:
    """Return the average run time with one more run in it, in seconds."""
    return run_seconds if average is None else average + NEWEST * (run_seconds - average)


def prefetch(average: float | None, ceiling: int, performers: int = 1) -> int:
    """Return how many jobs a worker may hold besides those it performs.

    None until it knows how long its jobs take: a job must not wait behind a slow one.

    Args:
        average: moving average of its run times in seconds; None before the first.
        ceiling: the most it may hold (CLAIM_AHEAD).
        performers: jobs that it performs at a time.
    """
    if average is None:
        return 0
    if average <= 0:
        return ceiling
    return min(int(HORIZON_SECONDS * performers / average), ceiling)
