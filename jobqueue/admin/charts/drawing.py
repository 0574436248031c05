"""Charts with their words: axes, labels, and the table that says the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from jobqueue.admin.charts.shapes import SIZE, Bar, Line, filled, nice, stacked
from jobqueue.policy.histogram import BOUNDS
from jobqueue.wording import duration, rounded

#: Labels below bars, at most.
LABELLED = 6


class Legend(NamedTuple):
    """What a colour stands for."""

    key: str
    label: str


@dataclass(frozen=True)
class Chart:
    """A chart to be drawn.

    Attributes:
        label: what it shows, for those who do not see it.
        y: labels of the vertical axis, evenly from top to bottom.
        x: labels of the horizontal axis, evenly from left to right; "" where there is no room.
        bars, lines: what is drawn.
        legend: what the colours stand for.
        columns: heads of the table.
        rows: cells of the table; the first of each is its head.
        series: the address of the same numbers for a script; "": there is none.
        keys: which of them.
        kind: how a script draws them, "bars" or "lines".
        is_by_bar: whether each label stands below a bar of its own.
    """

    label: str
    y: Sequence[str]
    x: Sequence[str]
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    bars: Sequence[Bar] = ()
    lines: Sequence[Line] = ()
    legend: Sequence[Legend] = ()
    series: str = ""
    keys: Sequence[str] = ()
    kind: str = ""
    is_by_bar: bool = False

    @property
    def grid(self) -> list[float]:
        """Where the horizontal lines are, one for each label of the vertical axis."""
        return [round(place * SIZE / max(len(self.y) - 1, 1), 2) for place in range(len(self.y))]


def histogram(counts: Sequence[int], label: str) -> Chart | None:
    """Return the chart of durations that were counted in fixed buckets; None if there are none.

    Args:
        counts: as ``jobqueue.policy.histogram`` has them.
        label: what it shows.
    """
    places = filled(counts)
    if not places:
        return None
    shown = [counts[place] for place in places]
    bounds = [up_to(place) for place in places]
    top = nice(max(shown))
    return Chart(
        label=label,
        y=[rounded(top), rounded(top // 2), "0"],
        x=_spaced([at_most(place) for place in places]),
        is_by_bar=True,
        bars=stacked({"running": shown}, top),
        columns=[pgettext("of durations", "Up to"), _("Attempts")],
        rows=[[bound, rounded(count)] for bound, count in zip(bounds, shown, strict=True) if count],
    )


def up_to(bucket: int) -> str:
    """Return where a bucket ends; of the last, where it begins."""
    if bucket < len(BOUNDS):
        return duration(BOUNDS[bucket])
    return _("over %(duration)s") % {"duration": duration(BOUNDS[-1])}


def at_most(bucket: int) -> str:
    """Return where a bucket ends, in short."""
    return f"\N{LESS-THAN OR EQUAL TO} {up_to(bucket)}" if bucket < len(BOUNDS) else up_to(bucket)


def _spaced(labels: Sequence[str]) -> list[str]:
    """Return as many labels, of which those that had no room on a phone are empty."""
    step = ceil(len(labels) / LABELLED)
    return ["" if place % step else label for place, label in enumerate(labels)]
