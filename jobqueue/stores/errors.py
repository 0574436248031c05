"""What an error of the database says about trying again."""

from __future__ import annotations

import re

LOCK_NOT_AVAILABLE = "55P03"
INSUFFICIENT_PRIVILEGE = "42501"
UNDEFINED_TABLE = "42P01"
#: Others were first at the same rows (serialization failure, deadlock), or keep a lock. Nothing is wrong with the
#: connection.
CONTENTION = frozenset({"40001", "40P01", LOCK_NOT_AVAILABLE})

_OUR_TABLE = re.compile(r"\bjobqueue_(?:job|pool)\b")


def sqlstate(error: BaseException) -> str | None:
    """Return PostgreSQL's code of an error that Django has raised."""
    return getattr(error.__cause__, "sqlstate", None)


def is_contention(error: BaseException) -> bool:
    """Whether others were in the way, so that the same may succeed in a moment."""
    return sqlstate(error) in CONTENTION


def is_locked_out(error: BaseException) -> bool:
    """Whether somebody keeps a row or a table locked."""
    return sqlstate(error) == LOCK_NOT_AVAILABLE


def missing_table(error: BaseException) -> str | None:
    """Return which of our tables an error says is missing.

    Read off the error: a failed transaction would answer no further question.
    """
    text = str(error).partition("\n")[0]
    if sqlstate(error) == UNDEFINED_TABLE or "no such table" in text:
        found = _OUR_TABLE.search(text)
        return found and found[0]
    return None


def says_missing(table: str, alias: str) -> str:
    """Say that a table is missing, and what to type."""
    return f'The table {table} is missing in database "{alias}". Run: {migrate_command(alias)}'


def migrate_command(alias: str) -> str:
    """Return what to type for the tables of a database to fit."""
    database = "" if alias == "default" else f" --database {alias}"
    return f"python manage.py migrate jobqueue{database}"
