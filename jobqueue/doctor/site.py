"""What is examined: one project's jobs in one database."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from django.db import connections

from jobqueue.conf import Settings
from jobqueue.doctor.words import age
from jobqueue.models import Job, JobQuerySet, Pool
from jobqueue.stores import get_store
from jobqueue.stores.base import Store

#: More pools than anybody has.
MANY_POOLS = 1000


class Site:
    """Where topics look; what several of them need is read once.

    Args:
        settings: those of jobqueue.
        thorough: whether to take as long as it needs.
        strict: whether to raise what keeps a topic from looking, instead of reporting it.
        release: of the code that the site runs; "" if it is not known.
        clock: this host's time of day, as ``time.time``.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        thorough: bool = False,
        strict: bool = False,
        release: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self.alias = settings.database
        self.thorough = thorough
        self.strict = strict
        self.release = release
        self.clock = clock

    @property
    def connection(self) -> Any:
        """Django's connection to the database of the jobs."""
        return connections[self.alias]

    @property
    def store(self) -> Store:
        """The store of the jobs."""
        return get_store(self.alias)

    @property
    def jobs(self) -> JobQuerySet:
        """All jobs."""
        return Job.objects.using(self.alias)

    @cached_property
    def file(self) -> Path | None:
        """The file of a SQLite database; None if it is in memory."""
        [path] = [path for _, name, path in self.rows("PRAGMA database_list") if name == "main"]
        return Path(path) if path else None

    @cached_property
    def now(self) -> datetime:
        """The database's time at the first look."""
        return self.store.now()

    @cached_property
    def pools(self) -> list[Pool]:
        """All pools, dead ones included."""
        return list(Pool.objects.using(self.alias).order_by("started_at", "pk")[:MANY_POOLS])

    @property
    def living(self) -> list[Pool]:
        """The pools that have given a sign of life within their lease."""
        return [pool for pool in self.pools if pool.alive and not self.is_silent(pool)]

    def is_silent(self, pool: Pool) -> bool:
        """Whether a pool's last heartbeat is longer ago than its lease."""
        return age(pool.beat_at, self.now) > self.settings.lease_seconds

    def row(self, query: str, *parameters: object) -> tuple[Any, ...]:
        """Return the one row of a query."""
        [row] = self.rows(query, *parameters)
        return row

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with self.connection.cursor() as cursor:
            cursor.execute(query, parameters or None)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
