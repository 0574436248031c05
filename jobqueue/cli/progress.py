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
