"""What stands between a connection and its PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg


def is_direct(connection: psycopg.Connection[Any]) -> bool:
    """Whether no pooler stands between: one tells clients a process id of its own invention."""
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    return row is not None and row[0] == connection.info.backend_pid
