"""Writes what running jobs tell: each at most once a second, and once at its end."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from threading import get_ident

from django.db import DatabaseError, InterfaceError, connections, transaction

from jobqueue.exceptions import DecryptionError
from jobqueue.performing.notes import Notes
from jobqueue.rows import Told
from jobqueue.stores.base import Store
from jobqueue.stores.reports import Reports

logger = logging.getLogger("jobqueue.job")

PAUSE_SECONDS = 1.0
#: The last words of an attempt are given up when they have failed so often in a row.
MOST_FAILURES = 60


class Teller:
    """``note`` is for any thread, all else for the one that has the connection.

    It never raises what the database says: progress may get lost, a job must not.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._noted: set[Notes] = set()

    def note(self, notes: Notes) -> bool:
        """Take down that there is something to write; return whether that is news."""
        if notes in self._noted:
            return notes.ended
        self._noted.add(notes)
        return True

    def due_in(self) -> float | None:
        """Return the seconds until something is to be written; None if there is nothing."""
        if not self._noted:
            return None
        return max(min(map(self._due_at, list(self._noted))) - self._clock(), 0.0)

    def write(self) -> None:
        """Write what is due."""
        now = self._clock()
        due = [each for each in list(self._noted) if self._due_at(each) <= now]
        # Before they are read: what is added meanwhile is noted anew.
        self._noted.difference_update(due)
        due = [each for each in due if each.kept]
        written = not due or self._write(due)
        for each in due:
            each.written_at = now
            each.failures = 0 if written else each.failures + 1
        self._noted.update(each for each in due if 0 < each.failures < (MOST_FAILURES if each.ended else math.inf))

    def _due_at(self, notes: Notes) -> float:
        if notes.written_at is None or (notes.ended and not notes.failures):
            return 0.0
        return notes.written_at + PAUSE_SECONDS

    def _write(self, due: list[Notes]) -> bool:
        try:
            if connections[self._store.alias].in_atomic_block:
                # What the job itself does in its transaction must go on whatever comes of this.
                with transaction.atomic(using=self._store.alias):
                    self._tell(due)
            else:
                self._tell(due)
        except (DatabaseError, InterfaceError) as error:
            logger.debug("what jobs tell could not be written: %s", error)
            if not connections[self._store.alias].in_atomic_block:
                connections[self._store.alias].close_if_unusable_or_obsolete()
            return False
        return True

    def _tell(self, due: list[Notes]) -> None:
        unread = [each for each in due if each.has_lines and each.before is None]
        if unread:
            logs = self._logs(unread)
            for each in unread:
                each.before = logs.get(each.job.id, "")
        told: list[Told] = [each.told() for each in due]
        Reports(self._store).tell(told)

    def _logs(self, unread: list[Notes]) -> dict[int, str]:
        try:
            return Reports(self._store).logs([each.job.id for each in unread])
        except DecryptionError as error:
            return {each.job.id: f"({error})" for each in unread}


class OwnTeller:
    """For workers without a clerk: writes on the thread that performs, when that comes by.

    Args:
        store: whose jobs.
    """

    def __init__(self, store: Store) -> None:
        self._teller = Teller(store)
        self._thread = get_ident()

    def __call__(self, notes: Notes) -> None:
        """Write it now or later: not on other threads, which have connections of their own, nor in an event loop."""
        self._teller.note(notes)
        if get_ident() == self._thread and not _is_in_loop():
            self._teller.write()


def _is_in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
