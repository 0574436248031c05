"""Charts of what happened when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from jobqueue.admin.charts.drawing import Chart, Legend
from jobqueue.admin.charts.shapes import between, line, nice, stacked
from jobqueue.insight.series import Series
from jobqueue.wording import duration, rounded

LABELS: Mapping[str, str | Promise] = {
    "succeeded": pgettext_lazy("attempts", "succeeded"),
    "retried": pgettext_lazy("attempts", "failed, tried again"),
    "failed": pgettext_lazy("attempts", "failed for good"),
    "p50": gettext_lazy("half (p50)"),
    "p95": gettext_lazy("95 of 100 (p95)"),
    "p99": gettext_lazy("99 of 100 (p99)"),
    "oldest": gettext_lazy("oldest waiting job"),
}
MARK_UNITS = (
    (86_400, gettext_lazy("%(number)s d")),
    (3600, gettext_lazy("%(number)s h")),
    (60, gettext_lazy("%(number)s min")),
    (1, gettext_lazy("%(number)s s")),
    (0.001, gettext_lazy("%(number)s ms")),
)
COLOURS = {"retried": "retrying"}
DASH = "\N{EN DASH}"
#: Labels below a chart.
LABELLED = 4


def colour(key: str) -> str:
    """Return the name of the colour of a series: run_p50 and wait_p50 share one."""
    last = key.rpartition("_")[2]
    return COLOURS.get(last, last)


def label(key: str) -> str:
    """Return what a series is called."""
    return str(LABELS[key.rpartition("_")[2]])


def throughput(series: Series, url: str) -> Chart | None:
    """Return how many attempts ended, and how, as bars; the last is not over yet. None if there are none."""
    stacks = {key: [value or 0 for value in values] for key, values in series.values.items()}
    largest = max((sum(place) for place in zip(*stacks.values(), strict=True)), default=0)
    if not largest:
        return None
    top = nice(largest)
    return Chart(
        label=_("Attempts that ended, by time"),
        y=[rounded(top), rounded(top // 2), "0"],
        x=_ticks(series),
        bars=stacked({colour(key): values for key, values in stacks.items()}, top, ends_open=True),
        legend=_legend(series.values),
        columns=[_("From"), *(label(key) for key in series.values)],
        rows=_rows(series, series.values, rounded),
        series=url,
        keys=list(series.values),
        kind="bars",
    )


def latency(series: Series, keys: Sequence[str], title: str, url: str) -> Chart | None:
    """Return how long attempts ran, or had waited, as lines; None if nobody knows."""
    chosen = {key: series.values[key] for key in keys}
    measured = [value for values in chosen.values() for value in values if value]
    if not measured:
        return None
    marks = between(measured)
    return Chart(
        label=title,
        y=[mark(each) for each in reversed(marks)],
        x=_ticks(series),
        lines=[line(colour(key), values, marks) for key, values in chosen.items()],
        legend=_legend(chosen),
        columns=[_("From"), *(label(key) for key in chosen)],
        rows=_rows(series, chosen, duration),
        series=url,
        keys=list(keys),
        kind="lines",
    )


def mark(seconds: float) -> str:
    """Return the label of a mark of the axis of durations: 10 ms, 1 s, 10 min."""
    size, text = next(each for each in MARK_UNITS if seconds >= each[0])
    return str(text) % {"number": rounded(seconds / size)}


def as_json(series: Series) -> dict[str, Any]:
    """Return a series for scripts: seconds since 1970, and for each key its label, colour and values."""
    return {
        "times": [int(time.timestamp()) for time in series.times],
        "seconds": series.minutes * 60,
        "series": [
            {"key": key, "label": label(key), "colour": colour(key), "values": values}
            for key, values in series.values.items()
        ],
    }


def _legend(keys: Mapping[str, Any]) -> list[Legend]:
    return [Legend(colour(key), label(key)) for key in keys]


def _rows(series: Series, chosen: Mapping[str, Sequence[float | None]], shown: Any) -> list[list[str]]:
    """Return the rows of the table, the newest first; points without anything are left out."""
    rows = [
        [_time(time, series.minutes), *(DASH if value is None else shown(value) for value in values)]
        for time, *values in zip(series.times, *chosen.values(), strict=True)
        if any(values)
    ]
    return rows[::-1]


def _ticks(series: Series) -> list[str]:
    last = len(series.times) - 1
    places = [round(last * tick / (LABELLED - 1)) for tick in range(LABELLED)]
    return [_time(series.times[place], series.minutes) for place in places]


def _time(moment: datetime, minutes: int) -> str:
    """Return a point's time as far as it is told from the next one's."""
    local = timezone.localtime(moment)
    if minutes >= 1440:
        return date_format(local, "MONTH_DAY_FORMAT")
    if minutes >= 60:
        return f"{date_format(local, 'D j')} {date_format(local, 'H:i')}"
    return date_format(local, "H:i")
