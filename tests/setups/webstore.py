"""The store of a test process whose enqueues are the web's, and all else the owner's."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from django.db import connections

from jobqueue.models import Job
from jobqueue.rows import NewJob
from jobqueue.stores.base import NewJobs
from jobqueue.stores.postgresql import PostgreSQLStore
from tests.setups.roles import WEB


class WebStore(PostgreSQLStore):
    """Takes the web's role, on the caller's connection and in its transaction, while it stores jobs and rings."""

    def insert(self, new: NewJob) -> Job | None:
        """Store a job as the web."""
        with self._as_web():
            return super().insert(new)

    def insert_many(self, new: NewJobs) -> list[int]:
        """Store many jobs as the web."""
        with self._as_web():
            return super().insert_many(new)

    def keyed(self, key: str) -> Job | None:
        """Look for a key as the web."""
        with self._as_web():
            return super().keyed(key)

    def notify(self, queues: Collection[str]) -> None:
        """Ring as the web."""
        with self._as_web():
            super().notify(queues)

    @contextmanager
    def _as_web(self) -> Iterator[None]:
        connection = connections[self.alias]
        connection.ensure_connection()
        connection.connection.execute(f"SET ROLE {WEB}")
        try:
            yield
        except BaseException:
            # A failed transaction takes no more statements, and gives the role back by itself.
            if not connection.in_atomic_block:
                connection.connection.execute("RESET ROLE")
            raise
        connection.connection.execute("RESET ROLE")
