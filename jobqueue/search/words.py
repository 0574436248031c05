"""From the text of a search to its terms. ``state:failed,cancelled -queue:mail "no stream"``

Spaces are "and", commas inside of a term are "or", a minus in front is "not". Quotes keep what they hold together;
inside of them ``\\"`` and ``\\\\`` stand for a quote and a backslash.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from django.utils.translation import gettext_lazy as _

from jobqueue.exceptions import JobQueueError
from jobqueue.sentences import Sentence
from jobqueue.wording import Amount

#: Longest search, in characters, and most terms.
LONGEST = 1000
MOST_TERMS = 50

FIELD = re.compile(r"([A-Za-z_][\w.]*):")
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
BARE = re.compile(r'[^\s,"]+')
SPACE = re.compile(r"\s*")
ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class SearchError(JobQueueError, ValueError):
    """A search that cannot be understood.

    Args:
        message: what is wrong, and what may have been meant.
        position: the number of the character at which it begins, from 1.
    """

    def __init__(self, message: str, position: int) -> None:
        super().__init__(Sentence(_("%(message)s (character %(position)s)"), message=message, position=position))
        self.message = message
        self.position = position

    def __reduce__(self) -> tuple[type[SearchError], tuple[str, int]]:
        return SearchError, (self.message, self.position)


class Word(NamedTuple):
    """One value of a term, and where it stands."""

    text: str
    position: int


class Term(NamedTuple):
    """One condition: any of the values.

    Attributes:
        field: what it is about; empty: any text of a job.
        values: one of them must hold.
        negated: none of them may.
        position: where the term begins, from 1.
    """

    field: str
    values: tuple[Word, ...]
    negated: bool
    position: int


def terms(text: str) -> list[Term]:
    """Return the terms of a search.

    Raises:
        SearchError: naming the place at which it cannot be understood.
    """
    if len(text) > LONGEST:
        told = _("A search has at most %(most)s characters; this one has %(number)s.")
        raise SearchError(Sentence(told, most=Amount(LONGEST), number=Amount(len(text))), LONGEST + 1)
    _check_characters(text)
    found: list[Term] = []
    at = _skip(text, 0)
    while at < len(text):
        term, end = _term(text, at)
        found.append(term)
        if len(found) > MOST_TERMS:
            raise SearchError(Sentence(_("A search has at most %(most)s terms."), most=MOST_TERMS), at + 1)
        if end < len(text) and not text[end].isspace():
            raise SearchError(Sentence(_("A space is missing.")), end + 1)
        at = _skip(text, end)
    return found


def _check_characters(text: str) -> None:
    for number, char in enumerate(text, 1):
        if char == "\0" or "\ud800" <= char <= "\udfff":
            raise SearchError(Sentence(_("%(character)s is in no stored text."), character=repr(char)), number)


def _skip(text: str, at: int) -> int:
    space = SPACE.match(text, at)
    return space.end() if space else at


def _term(text: str, start: int) -> tuple[Term, int]:
    at = start
    negated = text[at] == "-"
    if negated:
        at += 1
    field = ""
    if found := FIELD.match(text, at):
        field, at = found[1], found.end()
    values, at = _values(text, at, field)
    return Term(field, values, negated, start + 1), at


def _values(text: str, at: int, field: str) -> tuple[tuple[Word, ...], int]:
    """Read ``a,b,"c d"``."""
    values = []
    while True:
        word, end = _word(text, at, field)
        values.append(word)
        if end >= len(text) or text[end] != ",":
            return tuple(values), end
        at = end + 1


def _word(text: str, at: int, field: str) -> tuple[Word, int]:
    if found := QUOTED.match(text, at):
        return Word(ESCAPED.sub(r"\1", found[1]), at + 1), found.end()
    if text[at : at + 1] == '"':
        raise SearchError(Sentence(_("The closing quote is missing.")), at + 1)
    if found := BARE.match(text, at):
        return Word(found[0], at + 1), found.end()
    told = Sentence(_("There must be something after a comma or minus."))
    if field:
        told = Sentence(_('There must be something after "%(field)s:".'), field=field)
    raise SearchError(told, at + 1)
