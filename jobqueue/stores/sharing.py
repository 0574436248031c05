"""A SQLite file that several processes write: how it should be set up, and what to say when it is locked."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from typing import Any

from django.db import connections

#: Shorter waits for SQLite's one write lock end in "database is locked".
LEAST_TIMEOUT = 5
REMEDY = (
    'In DATABASES["{alias}"]["OPTIONS"] set "transaction_mode": "IMMEDIATE", "timeout": 20, '
    '"init_command": "PRAGMA journal_mode=WAL". '
)
LIMIT = "For more than about 4 workers use PostgreSQL."


def lacking(options: dict[str, Any]) -> Iterator[str]:
    """Yield what the OPTIONS of a SQLite database lack for several processes, each in a few words."""
    if not _waits_for_its_turn(options):
        yield "no IMMEDIATE"
    if not re.search(r"journal_mode\W+wal\b", str(options.get("init_command")), re.IGNORECASE):
        yield "no WAL"
    timeout = options.get("timeout", LEAST_TIMEOUT)
    if not isinstance(timeout, int | float) or timeout < LEAST_TIMEOUT:
        yield f"timeout under {LEAST_TIMEOUT} s"


def remedy(alias: str) -> str:
    """Return what to set."""
    return REMEDY.format(alias=alias) + LIMIT


def why_locked(error: BaseException, alias: str | None = None) -> str | None:
    """Say how a SQLite database could be locked for too long, and what to set; None if the error is another.

    Args:
        error: that Django has raised.
        alias: whose it is; by default the first that is SQLite.
    """
    if not isinstance(error.__cause__, sqlite3.OperationalError) or "is locked" not in str(error):
        return None
    alias = alias or next((each.alias for each in connections.all() if each.vendor == "sqlite"), None)
    if alias is None:
        return None
    options = connections[alias].settings_dict["OPTIONS"]
    seconds = options.get("timeout", LEAST_TIMEOUT)
    # Without IMMEDIATE a transaction that began with a read is refused at once.
    what = f"stayed locked for {seconds} s" if _waits_for_its_turn(options) else "was locked"
    advice = remedy(alias) if any(lacking(options)) else LIMIT
    return f"SQLite {what}. It takes one writer at a time. {advice}"


def _waits_for_its_turn(options: dict[str, Any]) -> bool:
    return str(options.get("transaction_mode")).upper() in {"IMMEDIATE", "EXCLUSIVE"}
