"""How a pool hears that jobs were stored, so that it need not ask all the time. Deaf, it still polls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from django.db import connections


class Ear(Protocol):
    """Listens on the calling thread's connection."""

    #: Seconds between two looks where the database cannot wake the listener; None where it can.
    interval: float | None

    def listen(self) -> None:
        """Begin to listen; repeat after the connection was lost."""

    def descriptor(self) -> int | None:
        """Return what becomes readable when there is something to hear."""

    def heard(self) -> frozenset[str] | None:
        """Return the queues rung for since the last look, or None; an empty set: something else has changed."""


class Deaf:
    """Hears nothing: for --no-listen."""

    interval: float | None = None

    def listen(self) -> None:
        """Nothing to do."""

    def descriptor(self) -> int | None:
        """Nothing to wait for."""
        return None

    def heard(self) -> frozenset[str] | None:
        """Nothing to hear."""
        return None


class NotificationEar:
    """PostgreSQL's LISTEN. Behind a pooler in transaction mode it stays silent."""

    interval: float | None = None

    def __init__(self, alias: str, channel: str) -> None:
        self._alias = alias
        self._channel = channel
        self._listening_on: object = None

    def listen(self) -> None:
        """Begin to listen, once for each connection."""
        connection = connections[self._alias]
        connection.ensure_connection()
        if self._listening_on is not connection.connection:
            with connection.cursor() as cursor:
                cursor.execute(f"LISTEN {self._channel}")
            self._listening_on = connection.connection

    def descriptor(self) -> int | None:
        """Return the connection's socket."""
        raw = connections[self._alias].connection
        return None if raw is None else int(raw.fileno())

    def heard(self) -> frozenset[str] | None:
        """Return the queues rung for since the last look."""
        connection = connections[self._alias]
        with connection.wrap_database_errors:
            rung = frozenset(notice.payload for notice in connection.connection.notifies(timeout=0))
        return rung or None


class FileChangeEar:
    """SQLite's ``data_version``: it changes when another connection has committed."""

    interval: float | None = 0.01

    def __init__(self, alias: str, queues_with_work: Callable[[], frozenset[str]]) -> None:
        self._alias = alias
        self._queues_with_work = queues_with_work
        self._version: int | None = None

    def listen(self) -> None:
        """Remember where we are."""
        if self._version is None:
            self._version = self._look()

    def descriptor(self) -> int | None:
        """Nothing to wait for."""
        return None

    def heard(self) -> frozenset[str] | None:
        """Return the queues with work if another connection has committed since the last look."""
        version, self._version = self._version, self._look()
        return None if version == self._version else self._queues_with_work()

    def _look(self) -> int:
        connection = connections[self._alias]
        connection.ensure_connection()
        [(version,)] = connection.connection.execute("PRAGMA data_version")
        return int(version)
