"""How a command speaks: data to the one stream, notes to the other, in colours where somebody sees them."""

from __future__ import annotations

import shutil
from contextlib import suppress
from typing import Any

from django.core.management.base import OutputWrapper
from django.core.management.color import no_style

WIDTH = 80
NARROWEST = 40


class Voice:
    """Called with a line, says it on stdout. That nobody reads any more is no reason to fail."""

    def __init__(self, out: OutputWrapper, err: OutputWrapper, style: Any) -> None:
        self._out = out
        self._err = err
        self._style = style

    def __call__(self, line: str) -> None:
        """Say a line of what was asked for."""
        _write(self._out, line)

    def note(self, line: str) -> None:
        """Say a line about it, on stderr."""
        _write(self._err, line)

    def ask(self, question: str) -> None:
        """Say a question on stderr, and stay on its line."""
        _write(self._err, question, ending="")

    def clear(self) -> None:
        """Empty the screen, so that the next line stands at its top."""
        _write(self._out, "\x1b[H\x1b[J", ending="")

    def coloured(self, role: str, text: str) -> str:
        """Return a text in the colours of one of Django's roles (``SUCCESS``, ``WARNING``, ``ERROR`` …)."""
        painted: str = getattr(self._style, role)(text)
        return painted

    @property
    def is_terminal(self) -> bool:
        """Whether a person looks at stdout."""
        return bool(self._out.isatty())

    @property
    def is_coloured(self) -> bool:
        """Whether colours are wanted there."""
        return self.coloured("SUCCESS", "x") != "x"

    @property
    def width(self) -> int:
        """How many characters a line may have: 80, or as many as a narrower terminal has."""
        columns = shutil.get_terminal_size((WIDTH, 24)).columns if self.is_terminal else WIDTH
        return max(min(columns, WIDTH), NARROWEST)

    def can_say(self, text: str) -> bool:
        """Whether stdout has these characters."""
        return _as_written(self._out, text) == text


def style_for(out: OutputWrapper, style: Any, *, forced: bool) -> Any:
    """Return the colours for a stream: none where no person looks at it."""
    return style if forced or out.isatty() else no_style()


def _write(stream: OutputWrapper, line: str, ending: str | None = None) -> None:
    with suppress(OSError, ValueError):
        stream.write(_as_written(stream, line), style_func=str, ending=ending)
        stream.flush()


def _as_written(stream: OutputWrapper, text: str) -> str:
    """Return a text with ``\\xe9`` and the like for characters that the stream lacks."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
