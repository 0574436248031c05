"""Searches that links write: the one that was typed, with one term more or less."""

from __future__ import annotations

import re

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
    values = ",".join(quoted(each.text, term.field) for each in term.values)
    return f"{'-' * term.negated}{term.field}{':' * bool(term.field)}{values}"
