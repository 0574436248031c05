"""What an error of the database says about trying again."""

from __future__ import annotations

import re

from django.db import connections

LOCK_NOT_AVAILABLE = "55P03"
INSUFFICIENT_PRIVILEGE = "42501"
UNDEFINED_TABLE = "42P01"
#: Others were first at the same rows (serialization failure, deadlock), or keep a lock. Nothing is wrong with the
#: connection.
CONTENTION = frozenset({"40001", "40P01", LOCK_NOT_AVAILABLE})

#: PostgreSQL's codes, and SQLite's words.
UNDEFINED = {UNDEFINED_TABLE: "is missing", "42703": "is out of date"}
SQLITE_SAYS = {"no such table": "is missing", "no such column": "is out of date", "no column": "is out of date"}

_OUR_TABLE = re.compile(r"\bjobqueue_(?:job|pool)\b")


def sqlstate(error: BaseException) -> str:
    """Return PostgreSQL's code of an error that Django has raised; nothing if it has none."""
    return getattr(error.__cause__, "sqlstate", None) or ""


def is_contention(error: BaseException) -> bool:
    """Whether others were in the way, so that the same may succeed in a moment."""
    return sqlstate(error) in CONTENTION


def is_locked_out(error: BaseException) -> bool:
    """Whether somebody keeps a row or a table locked."""
    return sqlstate(error) == LOCK_NOT_AVAILABLE


def is_undecided(error: BaseException, alias: str) -> bool:
    """Whether the statement may have been carried out all the same: a server that has said no has not done it."""
    return connections[alias].vendor == "postgresql" and not sqlstate(error)


def wrong_with_table(error: BaseException, alias: str) -> str | None:
    """Say which of our tables is missing or out of date, and what to type; None if none is.

    Read off the error: a failed transaction would answer no further question.
    """
    said = str(error)
    found = _OUR_TABLE.search(said)
    sqlite = (what for words, what in SQLITE_SAYS.items() if words in said)
    what = UNDEFINED.get(sqlstate(error)) or next(sqlite, None)
    if found is None or what is None:
        return None
    return f'The table {found[0]} {what} in database "{alias}". Run: {_migrate(alias)}'


def _migrate(alias: str) -> str:
    database = "" if alias == "default" else f" --database {alias}"
    return f"python manage.py migrate jobqueue{database}"
