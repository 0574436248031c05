"""How far long work has come."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jobqueue.cli.progress import progress
from jobqueue.cli.voice import Voice

ROOT = Path(__file__).resolve().parents[2]
#: Some work, in a process of its own.
WORK = """
import sys
from django.core.management.base import OutputWrapper
from django.core.management.color import no_style
from jobqueue.cli.progress import progress
from jobqueue.cli.voice import Voice
with progress(Voice(OutputWrapper(sys.stdout), OutputWrapper(sys.stderr), no_style()), "Counting", 2000) as advance:
    advance(500)
    advance(2500)
"""
HIDE_RICH = "import sys; sys.modules['rich'] = None\n"


class Notes(Voice):
    """Keeps what is said on stderr."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, line: str) -> None:
        self.notes.append(line)


def on_a_terminal(code: str) -> str:
    """What a person sees on stderr."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100", "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", code], stderr=theirs, env=environment) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                seen += os.read(ours, 10_000)
            except OSError:
                break
    os.close(ours)
    assert process.returncode == 0, seen.decode()
    return seen.decode()


def test_where_nobody_looks_it_is_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    voice = Notes()
    with progress(voice, "Counting", 2000, every=0.0) as advance:
        advance(500)
        advance(2500)
    first, last = voice.notes
    assert re.fullmatch(r"Counting: 500 of 2,000, [\d,]+/s", first)
    assert re.fullmatch(r"Counting: 2,500 of 2,500, [\d,]+/s", last)


def test_quick_work_says_nothing() -> None:
    voice = Notes()
    with progress(voice, "Counting", 2000) as advance:
        advance(2000)
    assert voice.notes == []


def test_lines_come_every_few_seconds() -> None:
    voice = Notes()
    with progress(voice, "Counting", 10, every=0.05) as advance:
        began, calls = time.monotonic(), 0
        while time.monotonic() < began + 0.5:
            advance(1)
            calls += 1
    assert 1 <= len(voice.notes) <= 10 < calls


def test_on_a_terminal_it_is_a_bar() -> None:
    seen = on_a_terminal(WORK)
    assert "Counting" in seen
    assert "2500/2500" in seen


def test_without_rich_a_terminal_gets_lines() -> None:
    assert on_a_terminal(HIDE_RICH + WORK) == ""
