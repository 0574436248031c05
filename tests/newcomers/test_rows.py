"""Each of the thirty has its test, or the reason why not, and its line on the page about errors."""

from __future__ import annotations

import re
from pathlib import Path

from tests.docs.pages import DOCS

ALL = set(range(1, 31))
#: Rows without a test here, each with its reason.
ELSEWHERE = {
    16: "what jobqueue.testing says is tested with it",
    22: "there are no recurring jobs yet",
    24: "there are no recurring jobs yet",
}


def test_each_row_is_tested() -> None:
    names = [
        name
        for file in Path(__file__).parent.glob("test_*.py")
        for name in re.findall(r"def test_(\d\d)_", file.read_text())
    ]
    assert set(map(int, names)) == ALL - set(ELSEWHERE)


def test_each_row_is_on_the_page() -> None:
    page = (DOCS / "reference" / "errors.md").read_text()
    assert {int(number) for number in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)} == ALL - set(ELSEWHERE)
