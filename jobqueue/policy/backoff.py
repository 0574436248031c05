"""Pauses between attempts, and between restarts of a worker."""

from __future__ import annotations


def backoff(attempts: int) -> float:
    """Return the pause after ``attempts`` failed attempts, in seconds.

    Delayed Job's rule, ``attempts ** 4 + 5``: a fault that has lasted long is likely to go on.
    25 attempts span about twenty days.
    """
    return float(attempts**4 + 5)


def respawn_pause(young_deaths: int) -> float:
    """Return the pause before a worker is replaced, in seconds.

    Args:
        young_deaths: how many of its predecessors in a row died right after their start.
    """
    return 0.0 if young_deaths <= 1 else min(2.0 ** (young_deaths - 2), 30.0)


def reconnect_pause(failures: int, chance: float) -> float:
    """Return the pause before the next try to reach the database, in seconds.

    Args:
        failures: tries that failed in a row.
        chance: random number in [0, 1) that spreads the workers.
    """
    return min(0.1 * 2.0 ** min(failures, 10), 5.0) * (0.5 + chance / 2)
