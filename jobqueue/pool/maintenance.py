"""The maintenance process: does the duties when they are due and listens in between. It performs no job."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from random import random

from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, connections

from jobqueue import logs
from jobqueue.policy.backoff import reconnect_pause
from jobqueue.pool.duties import DUTIES, DeclaredDead, Duty, Post
from jobqueue.pool.duties.promotion import Promotion
from jobqueue.pool.duties.settling import Settling
from jobqueue.pool.duties.strays import Strays
from jobqueue.stores.ears import SCHEDULE, Deaf, Ear
from jobqueue.worker.bell import Bell

logger = logging.getLogger("jobqueue.worker")

#: What the database says of a row, not of itself.
REFUSALS = (DataError, IntegrityError)
#: Seconds before a duty that has stumbled is tried again.
STUMBLED_PAUSE = 10.0
#: Seconds that a duty has at the least, however short the lease.
LEAST_PATIENCE = 5.0


class Maintenance:
    """Runs the duties of one pool until it is told to leave."""

    def __init__(self, post: Post, bell: Bell, kinds: Sequence[type[Duty]] = DUTIES) -> None:
        self._post = post
        self._bell = bell
        self._duties = [kind(post) for kind in kinds]
        self._due = dict.fromkeys(kinds, 0.0)
        self._ear: Ear = post.store.ear() if post.options.listen else Deaf()
        self._last_rung = -1
        self._failures = 0
        self._leaving = False
        self._deadline: AbstractContextManager[object] = nullcontext()

    def run(self) -> None:
        """Go on until ``stop``.

        Raises:
            DeclaredDead: if others have declared this pool dead.
        """
        # There must be time for another heartbeat before the lease is over.
        self._deadline = self._post.store.deadline(max(self._post.settings.lease_seconds / 3, LEAST_PATIENCE))
        while not self._leaving:
            try:
                self._turn()
            except (DatabaseError, InterfaceError) as error:
                self._mend(error)
        self._leave()

    def stop(self) -> None:
        """Leave after the present duty. Safe in signal handlers."""
        self._leaving = True
        self._bell.ring()

    def _turn(self) -> None:
        with self._deadline:
            self._ear.listen()
        for duty in self._duties:
            if self._due[type(duty)] <= self._post.clock():
                with self._deadline:
                    pause = self._do(duty)
                self._due[type(duty)] = self._post.clock() + pause
        if self._failures:
            self._failures = 0
            self._post.ring_workers()  # those that sleep do not know yet that they must connect anew
        self._sleep()

    def _do(self, duty: Duty) -> float:
        """Do a duty. One that stumbles over a row must not keep the others from being done."""
        try:
            return duty.run()
        except DeclaredDead:
            raise
        except Exception as error:
            if isinstance(error, DatabaseError | InterfaceError) and not isinstance(error, REFUSALS):
                raise
            logger.exception("%s could not be done", type(duty).__name__.lower())
            return STUMBLED_PAUSE

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
        self._last_rung = self._post.ring_one_worker(queues - {SCHEDULE}, self._last_rung)
        if SCHEDULE in queues:
            self._due[Promotion] = 0.0

    def _mend(self, error: Exception) -> None:
        """Drop the connection and what was observed through it, and pause; then everything is to be looked at."""
        connections[self._post.store.alias].close()
        for duty in self._duties:
            duty.forget()
            self._due[type(duty)] = 0.0
        pause = reconnect_pause(self._failures, random())  # noqa: S311 (it only spreads the pools)
        logs.unreachable(self._post.store.alias, error, pause, self._failures)
        self._failures += 1
        time.sleep(pause)

    def _leave(self) -> None:
        """Settle the last workers and give the lease back; the lease's end does it if the database is away."""
        try:
            for duty in self._duties:
                if isinstance(duty, Settling):
                    duty.run()
            if self._post.pool_id:
                self._post.pools.retire(self._post.pool_id)
        except (DatabaseError, InterfaceError) as error:
            logs.say(logging.WARNING, "stop", f"could not give the lease back: {logs.headline(str(error))}")
        connections.close_all()
