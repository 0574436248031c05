"""What is examined: one project's jobs in one database."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from django.db import connections

from jobqueue.conf import Settings
from jobqueue.insight.scene import Scene


class Site(Scene):
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
        super().__init__(settings)
        self.thorough = thorough
        self.strict = strict
        self.release = release
        self.clock = clock

    @property
    def connection(self) -> Any:
        """Django's connection to the database of the jobs."""
        return connections[self.alias]

    @cached_property
    def file(self) -> Path | None:
        """The file of a SQLite database; None if it is in memory."""
        [path] = [path for _, name, path in self.rows("PRAGMA database_list") if name == "main"]
        return Path(path) if path else None

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
