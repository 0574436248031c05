"""The maintenance process: does the duties when they are due and listens in between. It performs no job."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, connections

from jobqueue import logs
from jobqueue.conf import Settings
from jobqueue.pool.duties import DUTIES, DeclaredDead, Duty, Post
from jobqueue.pool.duties.promotion import Promotion
from jobqueue.pool.duties.rescue import Rescue
from jobqueue.pool.duties.settling import Settling
from jobqueue.pool.duties.strays import Strays
from jobqueue.stores.ears import SCHEDULE, WISH, Deaf, Ear
from jobqueue.stores.errors import is_contention
from jobqueue.worker.bell import Bell
from jobqueue.worker.trouble import Trouble

logger = logging.getLogger("jobqueue.worker")

#: What the database says of a row, not of itself.
REFUSALS = (DataError, IntegrityError)
#: Seconds before a duty that has stumbled is tried again.
STUMBLED_PAUSE = 10.0
#: Seconds that a duty has at the least, however short the lease.
LEAST_PATIENCE = 5.0
#: When leaving, try for so long to write the last figures.
LAST_SECONDS = 2.0
#: What connecting, and the pause before the next try, may take beside.
CONNECTING_SECONDS = 30.0


def deadline(settings: Settings) -> float:
    """Return the seconds after which a duty is given up: there must be time for another beat within the lease."""
    return max(settings.lease_seconds / 3, LEAST_PATIENCE)


def patience(settings: Settings) -> float:
    """Return the seconds after which maintenance that gives no sign of life hangs."""
    return settings.heartbeat_seconds + 1.25 * deadline(settings) + CONNECTING_SECONDS


class Maintenance:
    """Runs the duties of one pool until it is told to leave."""

    def __init__(self, post: Post, bell: Bell, kinds: Sequence[type[Duty]] = DUTIES) -> None:
        self._post = post
        self._bell = bell
        self._duties = [kind(post) for kind in kinds]
        self._due = dict.fromkeys(kinds, 0.0)
        self._ear: Ear = post.store.ear() if post.options.listen else Deaf()
        self._last_rung = -1
        self._trouble = Trouble(post.store, post.board)
        self._locks = {kind: Trouble(post.store, post.board) for kind in kinds}
        self._leaving = False
        self._deadline: AbstractContextManager[object] = nullcontext()

    def run(self) -> None:
        """Go on until ``stop``.

        Raises:
            DeclaredDead: if others have declared this pool dead.
            Refused: if the database refuses what no waiting mends.
        """
        self._deadline = self._post.store.deadline(deadline(self._post.settings))
        while not self._leaving:
            try:
                self._turn()
            except (DatabaseError, InterfaceError) as error:
                self._forget()
                self._due = dict.fromkeys(self._due, 0.0)  # it may be another database now
                time.sleep(self._trouble.pause_after(error))
        self._leave()

    def stop(self) -> None:
        """Leave after the present duty. Safe in signal handlers."""
        self._leaving = True
        self._bell.ring()

    def _turn(self) -> None:
        self._beat()
        with self._deadline:
            self._ear.listen()
        for duty in self._duties:
            if self._due[type(duty)] <= self._post.clock():
                pause = self._do(duty)
                self._due[type(duty)] = self._post.clock() + pause
        if self._trouble.is_over():
            self._post.ring_workers()  # those that sleep do not know yet that they must connect anew
        self._sleep()

    def _do(self, duty: Duty) -> float:
        """Do a duty and return the seconds until the next time. One that stumbles over a row, or over somebody's lock,
        must not keep the others from being done.
        """
        self._beat()
        locks = self._locks[type(duty)]
        try:
            with self._deadline:
                pause = duty.run()
        except DeclaredDead:
            raise
        except Exception as error:
            if is_contention(error):
                self._forget()
                return locks.pause_after(error)
            if isinstance(error, DatabaseError | InterfaceError) and not isinstance(error, REFUSALS):
                raise
            logger.exception("%s could not be done", type(duty).__name__.lower())
            return STUMBLED_PAUSE
        locks.is_over()
        return pause

    def _beat(self) -> None:
        self._post.board.header.beat = time.monotonic()

    def _sleep(self) -> None:
        """Sleep until a duty is due, the supervisor rings, or something is heard."""
        while not self._leaving:
            pause = min(self._due.values()) - self._post.clock()
            if pause <= 0:
                return
            descriptor = self._ear.descriptor()
            also = [] if descriptor is None else [descriptor]
            if self._bell.wait(min(pause, self._ear.pause()), also):
                self._due[Settling] = self._due[Strays] = 0.0
            queues = self._ear.heard()
            if queues is not None:
                self._answer(queues)

    def _answer(self, queues: frozenset[str]) -> None:
        """Pass a ring on. One worker is enough for one job; the look that follows wakes all if there are more."""
        self._last_rung = self._post.ring_one_worker(queues - {SCHEDULE, WISH}, self._last_rung)
        if SCHEDULE in queues:
            self._due[Promotion] = 0.0
        if WISH in queues:
            self._due[Rescue] = 0.0

    def _forget(self) -> None:
        """Drop what was observed: others may be in the same trouble, and silent for that reason."""
        for duty in self._duties:
            duty.forget()

    def _leave(self) -> None:
        """Settle the last workers and give the lease back; the lease's end does it if the database is away."""
        try:
            for duty in self._duties:
                if isinstance(duty, Settling):
                    duty.run()
            if self._post.pool_id:
                self._post.pools.retire(self._post.pool_id)
            self._post.minutes.write_all(LAST_SECONDS)
        except (DatabaseError, InterfaceError) as error:
            logs.say(logging.WARNING, "stop", f"could not give the lease back: {logs.headline(str(error))}")
        connections.close_all()
