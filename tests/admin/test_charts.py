"""Charts: from numbers to shapes, from shapes to SVG."""

from __future__ import annotations

import pytest
from django.template import engines
from django.utils.translation import override

from jobqueue.admin.charts import drawing
from jobqueue.admin.charts.shapes import Bar, between, filled, line, nice, sparkline, stacked
from jobqueue.policy.histogram import BUCKETS, bucket_of


def render(source: str, **context: object) -> str:
    return engines["django"].from_string("{% load jobqueue %}" + source).render(context)


@pytest.mark.parametrize(
    ("largest", "end"),
    [(0, 2), (1, 2), (2, 2), (3, 4), (12, 20), (61, 80), (150, 200), (41_000, 60_000), (7, 8)],
)
def test_an_axis_ends_where_people_can_halve_it(largest: float, end: int) -> None:
    assert nice(largest) == end
    assert nice(largest) % 2 == 0


@pytest.mark.parametrize(
    ("values", "marks"),
    [
        ([], [0.001, 0.01]),
        ([0.00001], [0.001, 0.01]),
        ([0.04, 3.0], [0.01, 0.1, 1, 10]),
        ([1.0], [1, 10]),
        ([45.0, 1e9], [10, 60, 600, 3600, 36_000, 864_000]),
        ([1e9], [36_000, 864_000]),
    ],
)
def test_an_axis_of_durations_has_marks_that_people_know(values: list[float], marks: list[float]) -> None:
    assert list(between(values)) == marks


def test_bars_stand_one_upon_the_other() -> None:
    assert stacked({"succeeded": [2, 0], "failed": [1, 4]}, 4, ends_open=True) == [
        Bar("succeeded", 5.0, 50.0, 40.0, 50.0),
        Bar("failed", 5.0, 25.0, 40.0, 25.0),
        Bar("failed", 55.0, 0.0, 40.0, 100.0, is_open=True),
    ]


def test_no_numbers_are_no_bars() -> None:
    assert stacked({"succeeded": [], "failed": []}, 2) == []
    assert sparkline([]) == []


def test_a_line_has_gaps_where_nothing_was_measured() -> None:
    assert line("p50", [1.0, 10.0, None, 60.0], [1, 10, 60]).runs == [
        "12.50,100.00 37.50,50.00",
        "75.00,0.00 100.00,0.00",
    ]


def test_a_value_beyond_the_axis_stays_at_its_end() -> None:
    assert line("p50", [0.001, 1e9], [1, 10, 60]).runs == ["25.00,100.00 75.00,0.00"]


def test_a_sparkline_shows_little_and_nothing_differently() -> None:
    assert [(bar.key, bar.height) for bar in sparkline([0, 1, 1000])] == [("none", 1), ("some", 2), ("some", 20)]


def test_only_filled_buckets_are_shown() -> None:
    assert list(filled([0, 3, 0, 1, 0])) == [1, 2, 3]
    assert list(filled([0, 0])) == []


def counts(*seconds: float) -> list[int]:
    found = [0] * BUCKETS
    for each in seconds:
        found[bucket_of(each)] += 1
    return found


def test_a_histogram_says_the_same_as_its_table() -> None:
    found = drawing.histogram(counts(0.003, 0.003, 0.1), "Run times")
    assert found is not None
    assert list(found.rows) == [["4.0 ms", "2"], ["128 ms", "1"]]
    assert found.x == ["≤ 4.0 ms", "≤ 8.0 ms", "≤ 16 ms", "≤ 32 ms", "≤ 64 ms", "≤ 128 ms"]
    assert len(found.bars) == 2


def test_not_each_of_many_bars_has_a_label() -> None:
    found = drawing.histogram(counts(0.003, 100.0), "Run times")
    assert found is not None
    assert found.x[:4] == ["≤ 4.0 ms", "", "", "≤ 32 ms"]


def test_the_last_bucket_has_no_end() -> None:
    found = drawing.histogram(counts(1e9), "Run times")
    assert found is not None
    assert found.rows == [["over 9 h", "1"]]


def test_a_histogram_of_nothing_says_so() -> None:
    assert "Nothing was counted" in render("{% histogram counts 'Run times' %}", counts=counts())


def test_shapes_are_written_the_same_in_all_languages() -> None:
    with override("de"):
        drawn = render("{% histogram counts 'Run times' %}", counts=counts(0.003, 0.1, 0.1))
    assert 'x="1.67"' in drawn
    assert "style=" not in drawn


def test_a_sparkline_is_told_to_those_who_do_not_see_it() -> None:
    drawn = render("{% sparkline numbers label 'failed' %}", numbers=[0, 2], label="<b> in 24 h")
    assert "<title>&lt;b&gt; in 24 h</title>" in drawn
    assert 'role="img"' in drawn
    assert "jq-c-failed" in drawn
