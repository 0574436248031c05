"""How far long work has come: a bar for those who look, else a line each few seconds."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from jobqueue.cli.voice import Voice

#: Seconds between two lines.
EVERY = 5.0

#: Takes how many are done.
Advance = Callable[[int], None]


@contextmanager
def progress(say: Voice, what: str, total: int, every: float = EVERY) -> Iterator[Advance]:
    """Yield what is called with how many are done so far; all of it goes to stderr.

    Args:
        say: says the lines.
        what: what is done, "Renewing jobs".
        total: how many there will be, as far as is known.
        every: seconds between two lines where there is no bar.
    """
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and find_spec("rich"):
        with _bar(what, total) as advance:
            yield advance
    else:
        yield _lines(say, what, total, every)


#: Takes how much is done, of how much (None: nobody knows), and what is being done.
Follow = Callable[[float, float | None, str], None]


@contextmanager
def following(say: Voice, every: float = EVERY) -> Iterator[Follow]:
    """Yield what is called with how far something has come that goes on elsewhere; all of it goes to stderr."""
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and find_spec("rich"):
        with _moving_bar() as follow:
            yield follow
    else:
        yield _news(say, every)


def _news(say: Voice, every: float) -> Follow:
    last, told = 0.0, ""

    def follow(done: float, total: float | None, text: str) -> None:
        nonlocal last, told
        line = f"{share_of(done, total)} {text}".strip()
        if line and line != told and time.monotonic() - last >= every:
            last, told = time.monotonic(), line
            say.note(line)

    return follow


def share_of(done: float, total: float | None) -> str:
    """Return how much is done in a word: 62 %, or a number where nobody knows of how much."""
    if total:
        return f"{min(max(done / total, 0.0), 1.0):.0%}".replace("%", " %")
    return f"{done:g}" if done else ""


@contextmanager
def _moving_bar() -> Iterator[Follow]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    text = TextColumn("{task.description}", markup=False)
    with Progress(
        BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), text, console=Console(stderr=True)
    ) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, text: bar.update(task, completed=done, total=total, description=text)


def _lines(say: Voice, what: str, total: int, every: float) -> Advance:
    began = last = time.monotonic()

    def advance(done: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= every:
            last = now
            say.note(f"{what}: {done:,} of {max(done, total):,}, {done / (now - began):,.0f}/s")

    return advance


@contextmanager
def _bar(what: str, total: int) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done, total=max(done, total))
