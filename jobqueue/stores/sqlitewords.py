"""How SQLite's driver is spoken to: times and ids as text, and how long it waits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

#: Stands for a time that somebody has written by hand and nobody can read.
NO_TIME = datetime(1900, 1, 1)
#: Milliseconds that an impatient statement waits for the file's lock; others keep it for less, save in a transaction.
BRIEFLY = 50
#: What the driver waits by itself, seconds.
USUAL_TIMEOUT = 5.0


class Clock:
    """Moments of the monotonic clock as times of day."""

    def __init__(self) -> None:
        self.now = timezone.now()
        self._monotonic = time.monotonic()

    def at(self, moment: float | None) -> datetime | None:
        """Return the time of day of a moment."""
        return None if moment is None else self.now - timedelta(seconds=self._monotonic - moment)


@contextmanager
def lenient(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Have text read that is no UTF-8, too: its signature does not hold then, as that of any other changed text."""
    raw = connection.connection
    usual, raw.text_factory = raw.text_factory, lambda text: text.decode(errors="backslashreplace")
    try:
        yield
    finally:
        raw.text_factory = usual


def when(stored: Any) -> datetime:
    """Return a stored time; one that stands for none if it cannot be read."""
    try:
        moment = datetime.fromisoformat(stored)
    except (TypeError, ValueError):
        moment = NO_TIME
    return moment.replace(tzinfo=UTC) if settings.USE_TZ else moment


def uuid_of(stored: str) -> UUID | None:
    """Return a stored id, if it is one."""
    try:
        return UUID(stored)
    except ValueError:
        return None


@contextmanager
def impatient(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Wait hardly at all for the file's lock: a job's own transaction may keep it for as long as the job runs."""
    connection.ensure_connection()
    raw = connection.connection
    usual = int(connection.settings_dict["OPTIONS"].get("timeout", USUAL_TIMEOUT) * 1000)
    raw.execute(f"PRAGMA busy_timeout = {BRIEFLY}")
    try:
        yield
    finally:
        raw.execute(f"PRAGMA busy_timeout = {usual}")
