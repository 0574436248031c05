"""Reads the figures of past minutes: how much was done, how long it took, how long it had waited."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from django.db.models import F, QuerySet, Sum

from jobqueue.models.rollup import COUNTS, Rollup, columns_of, minute_of

Kind = Literal["run", "wait"]
By = Literal["queue", "name"]


class Range(NamedTuple):
    """A span of time until now, and how finely it is shown.

    Attributes:
        name: as addresses have it.
        minutes: how long it is.
        step: minutes of one point.
    """

    name: str
    minutes: int
    step: int


RANGES = {
    each.name: each
    for each in (Range("1h", 60, 1), Range("24h", 1440, 15), Range("7d", 10_080, 120), Range("90d", 129_600, 1440))
}


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted; see ``Rollup``."""

    stored: int = 0
    succeeded: int = 0
    retried: int = 0
    failed: int = 0
    cancelled: int = 0
    run_seconds: float = 0.0

    @property
    def ended(self) -> int:
        """Jobs that came to an end."""
        return self.succeeded + self.failed + self.cancelled

    @property
    def attempts(self) -> int:
        """Attempts that ended."""
        return self.ended + self.retried

    @property
    def failure_rate(self) -> float | None:
        """The share of ended jobs that failed, 0 to 1; None if none has ended."""
        return self.failed / self.ended if self.ended else None


class Done(NamedTuple):
    """All that is known of a point of time, a queue or a class: counts, how long attempts ran and had waited."""

    counts: Counts
    run: list[int]
    wait: list[int]


class Rollups:
    """The figures of some jobs within a range.

    Args:
        alias: of the database.
        range_: how far back.
        now: until when.
        queue: only of this queue.
        name: only of this class.
    """

    def __init__(
        self, alias: str, range_: Range, now: datetime, *, queue: str | None = None, name: str | None = None
    ) -> None:
        self.range = range_
        last = minute_of(now) // range_.step
        #: The points of time, each as the minute in which it begins; the last one is not over yet.
        self.points = [step * range_.step for step in range(last - range_.minutes // range_.step + 1, last + 1)]
        wanted = {key: value for key, value in (("queue", queue), ("name", name)) if value is not None}
        self._rows: QuerySet[Rollup] = Rollup.objects.using(alias).filter(minute__gte=self.points[0], **wanted)

    def total(self) -> Counts:
        """Return all together."""
        return _counts(self._rows.aggregate(**_sums(*COUNTS, "run_seconds")))

    def by(self, which: By) -> dict[str, Counts]:
        """Return what was counted of each queue, or of each class."""
        rows = self._rows.order_by().values(which).annotate(**_sums(*COUNTS, "run_seconds"))
        return {str(row.pop(which)): _counts(row) for row in rows}

    def groups(self, which: By) -> dict[str, Done]:
        """Return all that was counted of each queue, or of each class, by one look at each row."""
        sums = _sums(*COUNTS, "run_seconds", *columns_of("run"), *columns_of("wait"))
        rows = self._rows.order_by().values(which).annotate(**sums)
        return {str(row[which]): _done(row) for row in rows}

    def series(self) -> list[Counts]:
        """Return what was counted at each of the points."""
        rows = self._at_points(*COUNTS, "run_seconds")
        found = {row.pop("point"): _counts(row) for row in rows}
        return [found.get(point // self.range.step, Counts()) for point in self.points]

    def histogram(self, kind: Kind) -> list[int]:
        """Return how long attempts ran, or had waited, as counts for ``policy.histogram``."""
        return _histogram(self._rows.aggregate(**_sums(*columns_of(kind))), kind)

    def histograms(self, kind: Kind, by: By) -> dict[str, list[int]]:
        """Return the same for each queue, or for each class."""
        rows = self._rows.order_by().values(by).annotate(**_sums(*columns_of(kind)))
        return {str(row[by]): _histogram(row, kind) for row in rows}

    def histogram_series(self, kind: Kind) -> list[list[int]]:
        """Return the same for each of the points."""
        found = {row["point"]: _histogram(row, kind) for row in self._at_points(*columns_of(kind))}
        empty = _histogram({}, kind)
        return [found.get(point // self.range.step, empty) for point in self.points]

    def story(self) -> list[Done]:
        """Return counts and both histograms of each of the points, by one look."""
        rows = self._at_points(*COUNTS, "run_seconds", *columns_of("run"), *columns_of("wait"))
        found = {row["point"]: _done(row) for row in rows}
        return [found.get(point // self.range.step) or _done({}) for point in self.points]

    def _at_points(self, *columns: str) -> Iterator[Any]:
        points = self._rows.order_by().annotate(point=F("minute") / self.range.step).values("point")
        return iter(points.annotate(**_sums(*columns)))


def _sums(*columns: str) -> dict[str, Sum]:
    # Named otherwise than the columns, which an aggregate may not hide.
    return {f"sum_{column}": Sum(column) for column in columns}


def _counts(row: dict[str, Any]) -> Counts:
    return Counts(
        **{name.removeprefix("sum_"): value or 0 for name, value in row.items() if name.startswith("sum_")}
    )


def _done(row: dict[str, Any]) -> Done:
    counts = {f"sum_{name}": row.get(f"sum_{name}") for name in (*COUNTS, "run_seconds")}
    return Done(_counts(counts), _histogram(row, "run"), _histogram(row, "wait"))


def _histogram(row: dict[str, Any], kind: Kind) -> list[int]:
    return [row.get(f"sum_{column}") or 0 for column in columns_of(kind)]
