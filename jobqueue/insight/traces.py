"""The text of an error, taken apart for people: the frames of the project's own code, and those of libraries."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from jobqueue.policy.failures import FRAME, LIBRARY

OWN, LIBRARIES, WORDS = "own", "libraries", "words"


class Piece(NamedTuple):
    """Lines that belong together.

    Attributes:
        kind: "own" for frames of the project, "libraries" for those of others, "words" for what stands between.
        text: the lines.
        frames: how many frames they are.
    """

    kind: str
    text: str
    frames: int


def headline_of(error: str) -> str:
    """Return what an error says above its frames."""
    return error.partition("\n\n")[0].strip("\n")


def pieces_of(error: str) -> list[Piece]:
    """Return what stands below the headline, piece by piece."""
    trace = error.partition("\n\n")[2].strip("\n")
    joined = groupby(_frames(trace.split("\n")), key=lambda each: each[0])
    found = [(kind, [text for _, text in texts]) for kind, texts in joined]
    return [
        Piece(kind, "\n".join(texts), 0 if kind == WORDS else len(texts))
        for kind, texts in found
        if any(text.strip() for text in texts)
    ]


def _frames(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Yield each frame with the source below it, and each other line, with its kind."""
    kind, held = WORDS, list[str]()
    for line in lines:
        frame = FRAME.match(line)
        if held and (frame or not line.startswith("    ")):
            yield kind, "\n".join(held)
            held = []
        if frame:
            kind, held = (LIBRARIES if LIBRARY.search(frame["file"]) else OWN), [line]
        elif held:
            held.append(line)
        else:
            yield WORDS, line
    if held:
        yield kind, "\n".join(held)
