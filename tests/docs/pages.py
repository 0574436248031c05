"""Reads the pages of the documentation: their blocks of code, tables, headings and links.

Conventions of the pages, beside plain Markdown:

* ``python`` with a first line ``# shop/jobs.py`` is (or goes on with) that file of the reader's project; without such
  a line it is run in the project's shell.
* ``console`` is typed in the project's folder: lines after ``$`` are commands, the others what they print. ``…`` stands
  for any text, a line ``…`` for any lines, ``^C`` for the key; what follows ``>>>`` is typed, too.
* ``<!-- first: … -->`` in front of such Python is run before it, in the same shell; readers do not see it.
* ``toml``, ``ini`` and ``html`` with such a first line are written to that file, too.
* ``<!-- not run: … -->`` in front of a block gives the reason why it is not. In tutorials and how-to guides only
  ``text`` goes without: what cannot be done here (root, another machine, another queue's code) is marked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"

BLOCK = re.compile(
    r"(?:^ *<!-- (?P<word>first|not run):\s*(?P<said>(?:(?!-->).)*?)\s*-->\s*)?"
    r"^(?P<pad> *)```(?P<kind>\w+)\n(?P<text>.*?)^(?P=pad)```$",
    re.DOTALL | re.MULTILINE,
)
PATH = re.compile(r"# ([\w./-]+\.(?:py|html|toml|ini))\n")
FILES = {"python", "html", "toml", "ini"}
LINK = re.compile(r"(?<!!)\[[^\]\n]+\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
ANCHOR = re.compile(r'<a id="([^"]+)">')


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block; ``line`` is that of its first line of code."""

    kind: str
    text: str
    line: int
    first: str = ""
    not_run: str = ""

    @property
    def path(self) -> str | None:
        """The file that the block says it is."""
        found = PATH.match(self.text) if self.kind in FILES else None
        return found[1] if found else None

    @property
    def is_run(self) -> bool:
        """Whether the tests do what it says."""
        return not self.not_run and (self.kind in {"python", "console"} or self.path is not None)


def pages() -> list[Path]:
    """All pages for readers."""
    top = [
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "deploy/README.md",
        "benchmarks/README.md",
    ]
    return [*(ROOT / name for name in top), *sorted(DOCS.rglob("*.md"))]


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text()
    for found in BLOCK.finditer(text):
        line = text.count("\n", 0, found.start("text")) + 1
        code = re.sub(f"^{found['pad']}", "", found["text"], flags=re.MULTILINE)
        said = {found["word"]: found["said"]}
        yield Block(found["kind"], code, line, said.get("first", ""), said.get("not run", ""))


def rows(page: Path, heading: str = "") -> Iterator[list[str]]:
    """The cells of the body of each table under a heading; by default of the whole page."""
    text = page.read_text() if not heading else section(page, heading)
    for table in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        for line in table.splitlines()[2:]:
            yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def section(page: Path, heading: str) -> str:
    """What stands under a heading, up to the next of its level or above."""
    text = page.read_text()
    without_code = BLOCK.sub(lambda block: " " * len(block[0]), text)
    found = re.search(rf"^(#+) {re.escape(heading)}$", without_code, re.MULTILINE)
    assert found, f"{page.name} has no heading {heading!r}"
    end = re.compile(rf"^#{{1,{len(found[1])}}} ", re.MULTILINE).search(without_code, found.end())
    return text[found.end() : end.start() if end else None]


def code(cell: str) -> str:
    """The first code span of a cell."""
    found = re.search(r"`([^`]+)`", cell)
    assert found, f"no code in {cell!r}"
    return found[1]


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return BLOCK.sub("", page.read_text())


def anchors(page: Path) -> set[str]:
    """What a link to a place on the page may name."""
    if page.suffix != ".md":
        return set()
    text, slugs = prose(page), list[str]()
    for heading in HEADING.findall(text):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        slugs.append(slug if slug not in slugs else f"{slug}-1")  # as hosts of Markdown number them
    return {*slugs, *ANCHOR.findall(text)}
