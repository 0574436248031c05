"""Times and durations on the command line."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import CommandError

from jobqueue.insight.scene import Scene
from jobqueue.search.moments import moment_of, span_of

EXIT_WRONG_USAGE = 2


def add_time(parser: ArgumentParser, what: str) -> None:
    """Add ``--at`` and ``--in``."""
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--at", metavar="TIME", help=f"{what} at this time, as 2026-12-01T09:30 or +2h")
    either.add_argument(
        "--in", dest="wait", type=duration, metavar="SPAN", help=f"{what} in so long, as 30m or 7d"
    )


def time_of(words: dict[str, Any], scene: Scene) -> datetime | timedelta | None:
    """Return what ``--at`` or ``--in`` says; None if neither was given.

    Raises:
        CommandError: if it is no time.
    """
    if words["at"] is None:
        wait: timedelta | None = words["wait"]
        return wait
    try:
        return moment_of(words["at"], scene.now)
    except ValueError as error:
        raise CommandError(f"--at: {error}", returncode=EXIT_WRONG_USAGE) from None


def duration(word: str) -> timedelta:
    """Return a duration, for ``argparse``. Nothing must be deleted for a unit that was forgotten."""
    if word[-1:].isdigit() and word != "0":
        raise ArgumentTypeError(f'"{word}" has no unit: {word}s, {word}m, {word}h or {word}d?')
    try:
        return span_of(word)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None
