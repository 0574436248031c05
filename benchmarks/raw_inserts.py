"""The floor of enqueueing: the same rows, stored by the bare driver."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg
from django.db import connection

from jobqueue.models import Job

#: The columns of a stored job that say what it is.
SAID = ("handler", "name", "queue", "priority")
COLUMNS = f"{', '.join(SAID)}, attempts, crashes, run_at, created_at, updated_at, state"
NOW = {"postgresql": "now()", "sqlite": "datetime('now')"}

Row = tuple[Any, ...]


def stored_rows() -> list[Row]:
    """Return what is in the table."""
    return list(Job.objects.order_by("pk").values_list(*SAID))


def one_by_one(rows: Sequence[Row]) -> float:
    """Insert each row by itself on Django's connection in autocommit; return how many a second."""
    statement = f"{_insert('%s')} RETURNING id"
    began = time.perf_counter()
    for row in rows:
        with connection.cursor() as cursor:
            cursor.execute(statement, row)
            cursor.fetchone()
    return len(rows) / (time.perf_counter() - began)


def at_once(rows: Sequence[Row]) -> float:
    """Insert all rows in one transaction, as fast as the database can; return how many a second."""
    return _copy(rows) if connection.vendor == "postgresql" else _execute_many(rows)


def _copy(rows: Sequence[Row]) -> float:
    now = datetime.now(UTC)
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as raw, raw.cursor() as cursor:
        began = time.perf_counter()
        with cursor.copy(f"COPY jobqueue_job ({COLUMNS}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row((*row, 0, 0, now, now, now, 1))
        return len(rows) / (time.perf_counter() - began)


def _execute_many(rows: Sequence[Row]) -> float:
    raw = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None, timeout=20)
    raw.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;")
    try:
        began = time.perf_counter()
        raw.execute("BEGIN IMMEDIATE")
        raw.executemany(_insert("?"), rows)
        raw.execute("COMMIT")
        return len(rows) / (time.perf_counter() - began)
    finally:
        raw.close()


def _insert(mark: str) -> str:
    now = NOW[connection.vendor]
    values = f"{mark}, {mark}, {mark}, {mark}, 0, 0, {now}, {now}, {now}, 1"
    return f"INSERT INTO jobqueue_job ({COLUMNS}) VALUES ({values})"  # noqa: S608 (constants)
