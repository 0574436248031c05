"""Whoever reads the dashboard in another language finds no English there, but for data and what is typed.

Each text that is translated gets marks here, but for the places in it: so what has none was never translated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from django.utils import translation

pytestmark = pytest.mark.django_db

#: What is filled in, or is no text at all.
PLACE = re.compile(r"(%\(\w+\)[sd]|%[sd%]|\{\w*\}|<[^>]*>)")
MARKED = re.compile(r"\N{LEFT WHITE LENTICULAR BRACKET}[^\N{RIGHT WHITE LENTICULAR BRACKET}]*.")
WORD = re.compile(r"[^\W\d_]{2,}")
#: Elements that hold what is typed, or is told by programs, as it is.
AS_IT_IS = {"code", "pre", "kbd", "samp", "textarea", "script", "style", "bdi", "datalist"}
SHOWN_ATTRIBUTES = {"title", "aria-label", "placeholder", "alt", "data-label"}


def marked(text: str) -> str:
    parts = PLACE.split(text)
    return "".join(part if number % 2 or not part.strip() else f"〖{part}〗" for number, part in enumerate(parts))


@pytest.fixture(autouse=True)
def marks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A language in which each text is the English one with marks."""
    for name in ("gettext", "ngettext", "pgettext", "npgettext"):
        monkeypatch.setattr(translation._trans, name, in_marks(getattr(translation._trans, name), name))
    with translation.override("eo"):
        yield


def in_marks(original: Callable[..., str], name: str) -> Callable[..., str]:
    def translate(*given: Any) -> str:
        if translation.get_language() is None:
            return original(*given)
        one, *more = given[1:] if name.startswith(("p", "np")) else given
        text = one if not more or more[1] == 1 else more[0]
        return marked(str(text))

    return translate


class Texts(HTMLParser):
    """All texts that a page shows."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inside: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in SHOWN_ATTRIBUTES and value]
        if tag in AS_IT_IS:
            self.inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.inside and self.inside[-1] == tag:
            self.inside.pop()

    def handle_data(self, data: str) -> None:
        if not self.inside:
            self.found.append(data)


def english(page: str) -> set[str]:
    left = (" ".join(MARKED.sub(" ", text).split()) for text in Texts(page).found)
    return {text for text in left if WORD.search(text)}
