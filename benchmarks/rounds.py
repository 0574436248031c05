"""Rounds: what is compared is measured in turn, so that a slow minute of the machine slows down all of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import median


def alternate(rounds: int, cases: Mapping[str, Callable[[], float]]) -> dict[str, float]:
    """Measure all cases once a round, every other round backwards, and return each one's median."""
    names = list(cases)
    seen: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):
            seen[name].append(cases[name]())
    return {name: median(figures) for name, figures in seen.items()}


def middle(rounds: int, case: Callable[[], float]) -> float:
    """Measure one case so many times and return the median."""
    return median(case() for _ in range(rounds))
