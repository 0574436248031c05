from __future__ import annotations

import json

import pytest

from benchmarks.report import Bar, Figure, at_least, at_most, heading, ratio_at_least
from benchmarks.rounds import alternate


def figure(ours: float, raw: float | None, bar: Bar | None) -> Figure:
    return Figure("drain", "sqlite", "1 worker", "jobs/s", ours, raw, bar)


@pytest.mark.parametrize(
    ("ours", "raw", "bar", "met"),
    [
        (65, 100, ratio_at_least(0.65), True),
        (64, 100, ratio_at_least(0.65), False),
        (64, 100, at_least(64), True),
        (63, 100, at_least(64), False),
        (1.5, None, at_most(1.5), True),
        (1.6, None, at_most(1.5), False),
        (1, 2, None, None),
        (1, None, ratio_at_least(0.5), None),
        (1, 0, ratio_at_least(0.5), None),
    ],
)
def test_a_figure_is_judged_by_its_bar(ours: float, raw: float | None, bar: Bar | None, met: bool | None) -> None:
    assert figure(ours, raw, bar).met is met


def test_the_json_of_a_figure_has_its_ratio_its_bar_and_whether_that_is_met() -> None:
    told = json.loads(figure(50, 100, ratio_at_least(0.65)).as_json())
    assert told == {
        "bench": "drain",
        "database": "sqlite",
        "what": "1 worker",
        "unit": "jobs/s",
        "ours": 50,
        "raw": 100,
        "ratio": 0.5,
        "bar": "ratio >= 0.65",
        "met": False,
    }


def test_the_line_of_a_figure_stands_below_the_heading() -> None:
    line = figure(25_000, None, at_least(25_000)).as_line()
    assert line.split() == ["drain", "sqlite", "1", "worker", "25,000", "jobs/s", "value", ">=", "25000", "met"]
    assert line.index("jobs/s") == heading().index("unit")


def test_cases_are_measured_in_turn_and_every_other_round_backwards() -> None:
    order: list[str] = []

    def case(name: str) -> float:
        order.append(name)
        return float(len(order))

    middles = alternate(3, {"raw": lambda: case("raw"), "ours": lambda: case("ours")})
    assert order == ["raw", "ours", "ours", "raw", "raw", "ours"]
    assert middles == {"raw": 4, "ours": 3}
