"""Searches that links write: the one that was typed, with one term more or less."""

from __future__ import annotations

import re

from jobqueue.search.fields import is_of_payload
from jobqueue.search.words import SearchError, Term, terms

#: What stands behind a field as it is; and what does so alone.
BARE = re.compile(r'[^\s,"]+')
ALONE = re.compile(r'[^\s,":-][^\s,":]*')


def with_term(text: str, field: str, value: str) -> str:
    """Return a search in which a field has one value; one that cannot be understood is left behind."""
    return " ".join([*_others(text, field), f"{field}:{quoted(value, field)}"])


def without(text: str, field: str) -> str:
    """Return a search that asks nothing of a field."""
    return " ".join(_others(text, field))


def value_of(text: str, field: str) -> str | None:
    """Return what a search asks of a field, if that is one value."""
    found = [each for each in _terms(text) if each.field == field and not each.negated]
    return found[0].values[0].text if len(found) == 1 and len(found[0].values) == 1 else None


def veiled(text: str) -> str:
    """Return a search as everybody may read it: without what it looks for in arguments, errors and texts."""
    return " ".join(_veiled(each) if is_of_payload(each) else _again(each) for each in _terms(text))


def quoted(value: str, field: str) -> str:
    """Return a value of a field, or a text alone, as a search takes it."""
    if (BARE if field else ALONE).fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _others(text: str, field: str) -> list[str]:
    return [_again(each) for each in _terms(text) if each.field != field]


def _terms(text: str) -> list[Term]:
    try:
        return terms(text)
    except SearchError:
        return []


def _again(term: Term) -> str:
    return _head(term) + ",".join(quoted(each.text, term.field) for each in term.values)


def _veiled(term: Term) -> str:
    return f"{_head(term)}…"


def _head(term: Term) -> str:
    return f"{'-' * term.negated}{term.field}{':' * bool(term.field)}"
