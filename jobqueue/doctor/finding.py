"""What an examination finds."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class Level(IntEnum):
    """How bad it is."""

    #: All is well.
    OK = 0
    #: It works; it could be better.
    HINT = 1
    #: It works for now.
    WARNING = 2
    #: Jobs are not performed, or may be lost.
    ERROR = 3

    @property
    def label(self) -> str:
        """The word for it."""
        return self.name.lower()


class Finding(NamedTuple):
    """One thing that was looked at.

    Attributes:
        id: stable name, for programs.
        level: how bad it is.
        title: what was looked at, in a word.
        message: how it is.
        remedy: what to type or to do about it; empty where nothing is to be done.
    """

    id: str
    level: Level
    title: str
    message: str
    remedy: str = ""


def ok(id: str, message: str) -> Finding:
    """Return that something is well; its id is its title."""
    return Finding(id, Level.OK, id, message)


def hint(id: str, message: str, remedy: str) -> Finding:
    """Return that something could be better."""
    return Finding(id, Level.HINT, _title(id), message, remedy)


def warning(id: str, message: str, remedy: str) -> Finding:
    """Return that something works for now."""
    return Finding(id, Level.WARNING, _title(id), message, remedy)


def error(id: str, message: str, remedy: str) -> Finding:
    """Return that something is wrong."""
    return Finding(id, Level.ERROR, _title(id), message, remedy)


def _title(id: str) -> str:
    return id.partition(".")[0]
