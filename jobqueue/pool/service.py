"""What a pool tells its service manager: that it works, what it is doing, and that it still makes progress."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from enum import Enum

from jobqueue import logs
from jobqueue.conf import Settings
from jobqueue.pool.forked import Child
from jobqueue.pool.maintenance import patience
from jobqueue.pool.notify import Notifier, monotonic_usec
from jobqueue.worker import clerk
from jobqueue.worker.board import Board

#: What the status says may be so old.
STATUS_SECONDS = 2.0
#: A pool that waits for its database asks so often for so much more time to start.
EXTEND_EVERY, EXTEND_SECONDS = 5.0, 30
#: Beats in the time that the watchdog allows for one.
BEATS = 3


class Phase(Enum):
    """Where a pool stands in its life; the value is what the manager is told when it begins."""

    WORKING = ""
    RESTARTING = "RELOADING=1"
    STOPPING = "STOPPING=1"


class Service:
    """The pool as its service manager sees it. Without a manager all this does nothing.

    Beats say that the pool makes progress: this process goes round, maintenance does its duties, and no idle worker's
    clerk is silent. A worker that performs is judged by its job's time limit alone: code that keeps the interpreter
    to itself silences the clerk, too. A database that is away silences nobody, since all of them try again and again.

    Args:
        notifier: the way to the manager.
        board: of the pool.
        settings: of the project.
        detached: whether this process is not the one that the manager has started.
        clock: monotonic.
    """

    def __init__(
        self,
        notifier: Notifier | None,
        board: Board,
        settings: Settings,
        clock: Callable[[], float],
        *,
        detached: bool = False,
    ) -> None:
        self._notifier = notifier
        self._board = board
        self._patience = patience(settings)
        self._clock = clock
        self._main_pid = (f"MAINPID={os.getpid()}",) if detached else ()
        self._began = self._extended_at = clock()
        self._phase = Phase.WORKING
        self._ready = False
        self._told = ""
        self._told_at = self._beat_at = float("-inf")
        self._silent = ""

    def look(self, children: Sequence[Child], processes: int, phase: Phase, done: int) -> None:
        """Tell what has changed since the last look, and beat if it is time and all make progress.

        Args:
            children: the living workers.
            processes: how many there should be.
            phase: where the pool stands.
            done: jobs that it has performed.
        """
        if (notifier := self._notifier) is None:
            return
        if phase is not self._phase:
            self._enter(phase, notifier)
        if phase is Phase.WORKING and not self._ready:
            self._begin(children, processes, notifier)
        self._tell_status(self._status(children, done), notifier)
        if notifier.watchdog and self._clock() >= self._beat_at + notifier.watchdog / BEATS:
            self._beat(children, notifier)

    def _enter(self, phase: Phase, notifier: Notifier) -> None:
        moment = (monotonic_usec(),) if phase is Phase.RESTARTING else ()
        if notifier.tell(phase.value, *moment):
            self._phase = phase

    def _begin(self, children: Sequence[Child], processes: int, notifier: Notifier) -> None:
        """Say that the pool works; as long as the database lets it wait, ask for time."""
        up = len(children) == processes and all(child.slot.words.beat for child in children)
        if up and self._board.header.pool_id:
            self._ready = notifier.tell("READY=1", *self._main_pid)
        elif self._clock() >= self._extended_at + EXTEND_EVERY and not self._find_silent(children):
            self._extended_at = self._clock()
            notifier.tell(f"EXTEND_TIMEOUT_USEC={EXTEND_SECONDS * 1_000_000}")

    def _status(self, children: Sequence[Child], done: int) -> str:
        if self._silent:
            return self._silent
        busy = sum(len(child.slot.performing()) for child in children)
        if self._phase is not Phase.WORKING:
            return f"{self._phase.name.lower()}, {busy} still running, {done} done"
        if not self._ready:
            young = self._clock() < self._began + EXTEND_EVERY
            return "starting" if young or self._board.header.pool_id else "waiting for the database"
        quiet = "taking no new jobs, " if self._board.header.quiet else ""
        slots = len(children) * self._board.desks
        return f"{quiet}{busy} of {slots} slots busy, {done} {'job' if done == 1 else 'jobs'} done"

    def _tell_status(self, text: str, notifier: Notifier) -> None:
        now = self._clock()
        if text != self._told and now >= self._told_at + STATUS_SECONDS:
            self._told_at = now
            if notifier.tell(f"STATUS={text}"):
                self._told = text

    def _beat(self, children: Sequence[Child], notifier: Notifier) -> None:
        silent = self._find_silent(children) if self._phase is Phase.WORKING else ""
        if silent and not self._silent:
            logs.say(logging.ERROR, "warn", f"{silent}; the service manager is no longer told that all is well")
        self._silent = silent
        if not silent and notifier.tell("WATCHDOG=1"):
            self._beat_at = self._clock()

    def _find_silent(self, children: Sequence[Child]) -> str:
        """Say who should have given a sign of life and has not."""
        now = self._clock()
        if now - max(self._board.header.beat, self._began) > self._patience:
            return "maintenance is silent"
        for child in children:
            quiet_for = now - max(child.slot.words.beat, child.born)
            if quiet_for > clerk.SILENT_SECONDS and not child.slot.performing():
                return f"worker {child.slot.name} is silent"
        return ""
