"""The page of promises: each of the ten, with tests and rules that exist."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import DOCS, LINK, rows
from tests.docs.test_delayed_job import functions

PAGE = DOCS / "explanation" / "promises.md"


def table() -> list[list[str]]:
    """The rows P1 to P10."""
    return [cells for cells in rows(PAGE) if re.fullmatch(r"P\d+", cells[0])]


def test_all_ten_are_there() -> None:
    assert [cells[0] for cells in table()] == [f"P{number}" for number in range(1, 11)]


@pytest.mark.parametrize("promise", [f"P{number}" for number in range(1, 11)])
def test_each_names_what_shows_it(promise: str) -> None:
    [shown_by] = [cells[3] for cells in table() if cells[0] == promise]
    named = re.findall(r"\[(\w+)\]\(([^)]+\.py)\)", shown_by)
    assert named
    assert len(named) == len(LINK.findall(shown_by))
    for name, path in named:
        assert name in functions(PAGE.parent / path), f"{path} has no {name}"
