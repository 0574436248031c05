"""What a pool's process does when the database does not do what it asks: it waits, as long as that may help."""

from __future__ import annotations

from random import random

from django.db import connections

from jobqueue import logs
from jobqueue.policy.backoff import reconnect_pause
from jobqueue.stores.base import Store
from jobqueue.stores.errors import is_contention
from jobqueue.stores.sharing import why_locked
from jobqueue.worker.board import Board

#: So often in a row the database may refuse what no waiting mends by itself: people need a moment to mend it.
REFUSED_TRIES = 8
#: So often in a row others may be in the way before that is worth a line.
CONTENDED_TRIES = 5


class Refused(Exception):
    """The database still refuses; the message says what, and what to do."""


class Trouble:
    """Errors in a row, on one process's connection to the jobs."""

    def __init__(self, store: Store, board: Board) -> None:
        self._store = store
        self._header = board.header
        self._kind = ""
        self._failures = 0

    def pause_after(self, error: Exception) -> float:
        """Say what is worth a line, and return the seconds until the next try.

        Raises:
            Refused: if it has been refused too often in a row.
        """
        refusal = self._store.refusal(error)
        kind = "contention" if is_contention(error) else "refusal" if refusal else "outage"
        self._failures = self._failures + 1 if kind == self._kind else 1
        self._kind = kind
        pause = reconnect_pause(self._failures - 1, random())  # noqa: S311 (it only spreads the processes)
        if refusal:
            self._note_refusal(refusal)
        elif kind == "contention":
            self._note_contention(error)
        else:
            connections[self._store.alias].close()
            locked = why_locked(error, self._store.alias)
            logs.unreachable(self._store.alias, error, pause, self._failures - 1, locked)
        return pause

    def is_over(self) -> bool:
        """Note that the database has done what was asked; return whether there was any trouble."""
        if not self._failures:
            return False
        if self._kind == "refusal":
            self._header.refused = 0
        self._failures = 0
        return True

    def _note_refusal(self, text: str) -> None:
        """Whoever of the pool is refused first says so for all."""
        if self._failures > REFUSED_TRIES:
            raise Refused(text)
        if not self._header.refused:
            self._header.refused = 1
            logs.refused(text)

    def _note_contention(self, error: Exception) -> None:
        """Nothing is wrong with the connection: others were first, or keep a lock."""
        if self._failures > CONTENDED_TRIES:
            logs.held_up(self._store.alias, error, self._failures - CONTENDED_TRIES - 1)
