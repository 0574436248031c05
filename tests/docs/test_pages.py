"""Links lead somewhere, and the README keeps its shape."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import jobqueue
from tests.docs.pages import DOCS, LINK, ROOT, anchors, pages, prose

README = ROOT / "README.md"
PICTURE = re.compile(r'(?:!\[[^\]]*\]\(|src(?:set)?=")([^)"]+\.png)')


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(prose(page)):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = page if not path else (page.parent / path).resolve()
        assert target.exists(), f"{link} leads nowhere"
        assert not anchor or anchor in anchors(target), f"{target.name} has no place #{anchor}"


def test_every_page_is_in_the_index_with_a_line_about_it() -> None:
    items = re.findall(r"^- \[[^]]+\]\(([^)]+)\): \S", (DOCS / "README.md").read_text(), re.MULTILINE)
    listed = [(DOCS / link).resolve() for link in items]
    below = {page for page in pages() if page.parent != DOCS / "decisions"} | {DOCS / "decisions" / "README.md"}
    assert sorted(listed) == sorted(below - {README, DOCS / "README.md"})


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_picture_is_there_and_small(page: Path) -> None:
    for path in PICTURE.findall(prose(page)):
        assert 0 < (page.parent / path).stat().st_size < 200_000, path


class TestReadme:
    lines = README.read_text().splitlines()

    def test_it_is_short(self) -> None:
        assert len(self.lines) <= 300

    def test_the_first_screen_has_what_decides(self) -> None:
        screen = "\n".join(self.lines[:40])
        for wanted in (
            "**Background jobs for Django in the database you already have.**",
            "send_receipt.enqueue(order)",
            "python manage.py jobworker",
            "**When not to use it.**",
            "python3 dev.py demo",
            "(#add-it-to-your-project)",
            "docs/_static/overview-light.png",
            "docs/_static/overview-dark.png",
        ):
            assert wanted in screen

    def test_each_of_the_five_facts_links_to_its_proof(self) -> None:
        facts = re.findall(r"^- \*\*.*(?:\n  .*)*", "\n".join(self.lines[:40]), re.MULTILINE)
        assert len(facts) == 5
        assert all(re.search(r"\((docs|tests)/", fact) for fact in facts)

    def test_versions_and_licence_are_those_of_the_package(self) -> None:
        with (ROOT / "pyproject.toml").open("rb") as file:
            project = tomllib.load(file)["project"]
        djangos = re.findall(r"Django :: (\d\.\d)", " ".join(project["classifiers"]))
        status = "alpha" if "Development Status :: 3 - Alpha" in project["classifiers"] else jobqueue.__version__
        python = project["requires-python"].removeprefix(">=")
        facts = (
            f"Python {python}+",
            f"Django {', '.join(djangos)}",
            "SQLite or PostgreSQL",
            project["license"],
            status,
        )
        assert " · ".join(facts) in self.lines[:6]
