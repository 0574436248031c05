"""The libraries of others that the dashboard brings along."""

from __future__ import annotations

import re

import pytest

from tests.vendored import FOLDER, MANIFEST, Vendored, hash_of, vendored

#: A reader that finds one of these would ask another host, or run text as code.
FORBIDDEN = (
    rb"sourceMappingURL",
    rb"\beval\(",
    rb"new Function",
    rb"https?://(?!www\.w3\.org)",
    rb"@import",
    rb"url\(",
)


@pytest.mark.parametrize("each", vendored(), ids=lambda each: each.ours)
def test_it_is_what_was_fetched(each: Vendored) -> None:
    assert hash_of((FOLDER / each.ours).read_bytes()) == each.hash


def test_there_is_nothing_else_in_the_folder() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {each.ours for each in vendored()} | {MANIFEST.name}


def test_each_comes_with_its_licence() -> None:
    licences = {each.package for each in vendored() if each.theirs == "LICENSE"}
    assert licences == {each.package for each in vendored()}


@pytest.mark.parametrize(
    "each", [each for each in vendored() if each.theirs != "LICENSE"], ids=lambda each: each.ours
)
def test_it_asks_no_other_host_and_runs_no_text(each: Vendored) -> None:
    content = (FOLDER / each.ours).read_bytes()
    content = re.sub(rb"/\*!.*?\*/", b"", content, flags=re.DOTALL)  # who made it
    assert [each for each in FORBIDDEN if re.search(each, content)] == []


@pytest.mark.parametrize("name", ["jobqueue.js", "charts.js"])
def test_our_own_scripts_are_small_and_run_no_text(name: str) -> None:
    script = FOLDER.parent / name
    assert len(script.read_text().splitlines()) <= 250
    for forbidden in (
        "innerHTML =",
        "outerHTML =",
        "insertAdjacentHTML",
        "eval(",
        "new Function",
        "document.write",
    ):
        assert forbidden not in script.read_text()
