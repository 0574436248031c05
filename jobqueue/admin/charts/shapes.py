"""From numbers to shapes: pure arithmetic, on a drawing area of 100 by 100 that grows from its lower left corner."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from math import floor, log, log10
from typing import NamedTuple

#: Width and height of the drawing area; browsers stretch it.
SIZE = 100.0
#: The part of its place that a bar fills.
FILLED = 0.8
#: Steps of an axis that people can halve.
STEPS = (1, 2, 4, 6, 8, 10)
#: An axis of durations, in seconds: 1 ms, 10 ms, 100 ms, 1 s, 10 s, 1 min, 10 min, 1 h, 10 h, 10 days.
MARKS = (0.001, 0.01, 0.1, 1.0, 10.0, 60.0, 600.0, 3600.0, 36_000.0, 864_000.0)
#: A sparkline, in pixels.
SPARK_STEP, SPARK_BAR, SPARK_HEIGHT = 4, 3, 20


class Bar(NamedTuple):
    """A rectangle.

    Attributes:
        key: of its colour.
        x, y, width, height: where it is; y counts from the top, as in SVG.
        is_open: whether its time is not over yet.
    """

    key: str
    x: float
    y: float
    width: float
    height: float
    is_open: bool = False


class Line(NamedTuple):
    """A line.

    Attributes:
        key: of its colour and its dashes.
        runs: "x,y x,y …" for each stretch without a gap.
    """

    key: str
    runs: list[str]


def nice(largest: float) -> int:
    """Return where an axis from 0 ends that shall hold a number, even, so that people can halve it."""
    if largest <= 2:
        return 2
    magnitude = 10 ** floor(log10(largest))
    return int(next(step * magnitude for step in STEPS if step * magnitude >= largest))


def between(values: Sequence[float]) -> Sequence[float]:
    """Return the marks between which all durations lie, in seconds, two at least; of none the first two."""
    low = bisect_right(MARKS, min(values, default=0)) - 1
    high = bisect_left(MARKS, max(values, default=0))
    low = min(max(low, 0), len(MARKS) - 2)
    return MARKS[low : max(high, low + 1) + 1]


def stacked(stacks: Mapping[str, Sequence[float]], top: float, *, ends_open: bool = False) -> list[Bar]:
    """Return bars, one upon the other at each place.

    Args:
        stacks: numbers from left to right, by the key of their colour; the first lie at the bottom.
        top: the number that fills the whole height.
        ends_open: whether the time of the last place is not over yet.
    """
    return list(_stacked(stacks, top, ends_open))


def _stacked(stacks: Mapping[str, Sequence[float]], top: float, ends_open: bool) -> Iterator[Bar]:
    places = list(zip(*stacks.values(), strict=True))
    step = SIZE / max(len(places), 1)
    for place, numbers in enumerate(places):
        below = 0.0
        for key, number in zip(stacks, numbers, strict=True):
            if number > 0:
                height = min(number / top, 1.0) * SIZE
                x, y = place * step + step * (1 - FILLED) / 2, SIZE - below - height
                is_open = ends_open and place == len(places) - 1
                yield Bar(key, round(x, 2), round(y, 2), round(step * FILLED, 2), round(height, 2), is_open)
                below += height


def line(key: str, values: Sequence[float | None], marks: Sequence[float]) -> Line:
    """Return a line of durations; where there is no value it has a gap.

    Args:
        key: of its colour.
        values: from left to right, in seconds.
        marks: of the axis, one as far from the next as all others; what lies between two is drawn by its logarithm.
    """
    step = SIZE / max(len(values), 1)
    runs = []
    places = enumerate(values)
    for is_there, group in groupby(places, key=lambda each: each[1] is not None and each[1] > 0):
        if is_there:
            points = [((place + 0.5) * step, _height(value or marks[0], marks)) for place, value in group]
            runs.append(_run(points, step))
    return Line(key, runs)


def _height(value: float, marks: Sequence[float]) -> float:
    value = min(max(value, marks[0]), marks[-1])
    place = min(bisect_right(marks, value), len(marks) - 1) - 1
    share = log(value / marks[place]) / log(marks[place + 1] / marks[place])
    return SIZE - (place + share) * SIZE / (len(marks) - 1)


def _run(points: list[tuple[float, float]], step: float) -> str:
    if len(points) == 1:  # one point alone would not be seen
        [(x, y)] = points
        points = [(x - step / 2, y), (x + step / 2, y)]
    return " ".join(f"{x:.2f},{y:.2f}" for x, y in points)


def sparkline(numbers: Sequence[float]) -> list[Bar]:
    """Return bars for a word-sized chart, in pixels; the largest number has its whole height, 0 a mere stroke."""
    largest = max(numbers, default=0) or 1
    return [
        Bar(
            "some" if number > 0 else "none",
            place * SPARK_STEP,
            SPARK_HEIGHT - (height := max(round(number / largest * SPARK_HEIGHT), 2 if number > 0 else 1)),
            SPARK_BAR,
            height,
        )
        for place, number in enumerate(numbers)
    ]


def filled(counts: Sequence[int]) -> range:
    """Return the places from the first to the last that hold anything."""
    places = [place for place, count in enumerate(counts) if count]
    return range(places[0], places[-1] + 1) if places else range(0)
