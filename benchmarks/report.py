"""One figure a line, for people or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median


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
        bar: smallest allowed ratio (largest, where less is better); None without one.
    """

    bench: str
    database: str
    what: str
    unit: str
    ours: float
    raw: float | None = None
    bar: float | None = None

    @property
    def ratio(self) -> float | None:
        """Ours to raw."""
        return None if not self.raw else self.ours / self.raw

    def as_json(self) -> str:
        """Return the figure as one JSON object."""
        return json.dumps({**asdict(self), "ratio": self.ratio})

    def as_line(self) -> str:
        """Return the figure as a line of a table."""
        raw = "" if self.raw is None else f"{self.raw:>12,.1f}"
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        bar = "" if self.bar is None else f"bar {self.bar:g}"
        line = f"{self.bench:<8} {self.database:<11} {self.what:<34} {self.ours:>12,.1f} {raw:>12} {self.unit:<8}"
        return f"{line} {ratio:>6} {bar}".rstrip()


def middle(rounds: Sequence[float]) -> float:
    """Return the median of some rounds."""
    return float(median(rounds))
