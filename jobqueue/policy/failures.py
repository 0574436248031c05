"""What kind of failure is it? The same for two that differ in nothing but numbers, ids and quoted values."""

from __future__ import annotations

import re
from hashlib import blake2b
from pathlib import PurePath
from typing import NamedTuple

#: The first line of an error: the exception's class, and what it says.
HEADLINE = re.compile(r"(?P<exception>[A-Za-z_][\w.]*)(?:: (?P<message>.*))?")
FRAME = re.compile(r'^  File "(?P<file>[^"\n]+)", line \d+, in (?P<function>.+)$', re.MULTILINE)
#: Code of others, which many failures have in common.
LIBRARY = re.compile(r"[/\\](?:site-packages|dist-packages|lib[/\\]python\d[\d.]*)[/\\]|^<")
#: What differs from one failure to the next of the same kind: ids, numbers and quoted values.
VARIABLE = re.compile(
    r"0x[0-9a-fA-F]+|\b(?=\w*\d)[0-9a-fA-F][0-9a-fA-F-]{7,}\b|\d+(?:[.,]\d+)*|'[^']*'|\"[^\"]*\""
)

LONGEST_EXCEPTION = 200
LONGEST_MESSAGE = 300
DIGEST_BYTES = 8


class Failure(NamedTuple):
    """What can be told from an error's text.

    Attributes:
        exception: its class, as the error names it; empty if it names none.
        message: the rest of its first line, with what varies left out.
        place: file and function of the last frame of the project's own code; empty if there is none.
    """

    exception: str
    message: str
    place: str


def failure_in(error: str) -> Failure:
    """Read an error as ``last_error`` has it: a headline, an empty line, and the frames."""
    headline, _, trace = error.partition("\n")
    found = HEADLINE.fullmatch(headline.strip())
    message = headline if found is None else found["message"] or ""
    exception = "" if found is None else found["exception"]
    return Failure(exception[:LONGEST_EXCEPTION], blanked(message)[:LONGEST_MESSAGE], _place(trace))


def fingerprint(name: str, failure: Failure, *, with_message: bool = True) -> str:
    """Return 16 hexadecimal digits for failures of one kind of one class.

    Args:
        name: of the class.
        failure: as read from its error.
        with_message: whether failures with other messages are of another kind.
    """
    parts = (name, failure.exception, failure.place, failure.message if with_message else "")
    return blake2b("\0".join(parts).encode(), digest_size=DIGEST_BYTES).hexdigest()


def blanked(message: str) -> str:
    """Return a message with an ellipsis in place of ids, numbers and quoted values."""
    return VARIABLE.sub("…", message)


def _place(trace: str) -> str:
    frames = [(each["file"], each["function"]) for each in FRAME.finditer(trace)]
    own = [frame for frame in frames if not LIBRARY.search(frame[0])] or frames
    return f"{PurePath(own[-1][0]).name} {own[-1][1]}" if own else ""
