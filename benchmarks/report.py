"""One figure a line, for people or as JSON, and whether it is good enough."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure must reach.

    Attributes:
        of: the figure's ratio, or its own value.
        sign: whether the limit is the least or the most.
        limit: as a ratio, or in the figure's unit.
    """

    of: Literal["ratio", "value"]
    sign: Literal[">=", "<="]
    limit: float

    def is_met_by(self, number: float) -> bool:
        """Whether a ratio or value is good enough."""
        return number >= self.limit if self.sign == ">=" else number <= self.limit

    def __str__(self) -> str:
        return f"{self.of} {self.sign} {self.limit:g}"


def ratio_at_least(limit: float) -> Bar:
    """Ours to raw must be so much or more."""
    return Bar("ratio", ">=", limit)


def at_least(limit: float) -> Bar:
    """Ours must be so much or more, in the figure's unit."""
    return Bar("value", ">=", limit)


def at_most(limit: float) -> Bar:
    """Ours must be so much or less, in the figure's unit."""
    return Bar("value", "<=", limit)


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured.

    Attributes:
        bench: drain, enqueue, …
        database: postgresql or sqlite.
        what: the case.
        unit: of ours and raw.
        ours: median of the rounds.
        raw: the raw loop, or whatever it is compared with, in the same run; None without one.
        bar: what it must reach; None where it is only told.
    """

    bench: str
    database: str
    what: str
    unit: str
    ours: float
    raw: float | None = None
    bar: Bar | None = None

    @property
    def ratio(self) -> float | None:
        """Ours to raw."""
        return None if not self.raw else self.ours / self.raw

    @property
    def met(self) -> bool | None:
        """Whether the bar is reached; None without a bar, or without the ratio that it asks for."""
        number = self.ratio if self.bar is not None and self.bar.of == "ratio" else self.ours
        return None if self.bar is None or number is None else self.bar.is_met_by(number)

    def as_json(self) -> str:
        """Return the figure as one JSON object."""
        bar = None if self.bar is None else str(self.bar)
        return json.dumps({**asdict(self), "bar": bar, "ratio": self.ratio, "met": self.met})

    def as_line(self) -> str:
        """Return the figure as a line of the table."""
        verdict = {None: "", True: "met", False: "missed"}[self.met]
        bar = "" if self.bar is None else str(self.bar)
        return _row(self.bench, self.database, self.what, _short(self.ours), _short(self.raw), self.unit,
                    _short(self.ratio), bar, verdict)  # fmt: skip


def heading() -> str:
    """Return the names of the table's columns."""
    return _row("bench", "database", "what", "ours", "raw", "unit", "ratio", "bar", "")


def _row(*cells: str) -> str:
    return "{:<9}{:<11}{:<40}{:>11}{:>11} {:<11}{:>6}  {:<15} {}".format(*cells).rstrip()


def _short(number: float | None) -> str:
    """Return a number with as many digits as tell something."""
    if number is None:
        return ""
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:,.2f}"
