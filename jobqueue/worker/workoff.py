"""Performs all due jobs in this process, without children: the base of the test helpers."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from uuid import uuid4

from django.db import DatabaseError, InterfaceError, connections

from jobqueue import logs
from jobqueue.conf import Settings
from jobqueue.notifying import Tell, background
from jobqueue.outcomes import FAILURES, RELEASE, Released
from jobqueue.performing.executor import Ended, Executor
from jobqueue.policy.prefetch import moving_average, prefetch
from jobqueue.policy.suspects import set_apart
from jobqueue.release import release
from jobqueue.rows import ClaimedJob, ClaimRequest, Finish
from jobqueue.stores.base import Store
from jobqueue.stores.pools import PoolRegistry
from jobqueue.stores.wishes import Wishes
from jobqueue.worker.clerk import FLUSH_JOBS, Selection
from jobqueue.worker.ends import ASIDE_SECONDS, write
from jobqueue.worker.minutes import Minutes, without

#: The ends of jobs that took less than this are gathered and written together.
QUICK_SECONDS = 0.001
#: At the end, try for so long to write the last figures, where nobody waits.
LAST_SECONDS = 2.0


@dataclass(slots=True)
class Tally:
    """What a pass has done."""

    performed: int = 0
    failed: int = 0
    put_back: int = 0
    seconds: float = 0.0


@dataclass
class WorkOff:
    """One pass over all jobs that are due, those that become due meanwhile included.

    Args:
        store: whose jobs.
        settings: of the project.
        executor: performs them on the calling thread.
        selection: which of them.
        limit: stop after so many jobs; None does them all.
        is_asked_to_stop: looked at between two jobs.
        tell: has the notifiers told of jobs that have failed for good.
        minutes: counts what is done, for the figures of each minute; None: nobody does.
        patience: for so many seconds the last figures are tried to be written.
    """

    store: Store
    settings: Settings
    executor: Executor
    selection: Selection = field(default_factory=Selection)
    limit: int | None = None
    name: str = ""
    is_asked_to_stop: Callable[[], bool] = lambda: False
    tell: Tell = background.tell
    minutes: Minutes | None = None
    patience: float = LAST_SECONDS
    tally: Tally = field(default_factory=Tally)
    _average: float | None = None
    _wary: bool = False
    _ended: list[Ended] = field(default_factory=list)
    _locked: list[Finish] = field(default_factory=list)
    _pulse: Pulse | None = None

    def run(self, pulse: Callable[[int], Pulse] | None = None) -> Tally:
        """Perform, and return what was done.

        Args:
            pulse: makes what keeps the lease alive meanwhile; None where the pass is short or in a transaction.
        """
        began = time.monotonic()
        pools = PoolRegistry(self.store)
        host, pid = socket.gethostname(), os.getpid()
        queues = list(self.selection.queues)
        pool_id = pools.register(name=self.name, host=host, pid=pid, release=release(), queues=queues)
        beating = self._pulse = pulse(pool_id) if pulse else None
        try:
            self.executor.worker = locked_by = f"{self.name} host:{host} pid:{pid}".strip()
            while jobs := self.claim(pool_id, locked_by):
                self._perform_all(jobs)
            self._outwait_locks()
        finally:
            if beating:
                beating.stop()
            pools.retire(pool_id)
            if self.minutes:
                self.minutes.write_all(self.patience)
        self.tally.seconds = time.monotonic() - began
        return self.tally

    def claim(self, pool_id: int, locked_by: str) -> list[ClaimedJob]:
        """Return the next jobs; none ends the pass."""
        limit = 1 if self._wary else 1 + prefetch(self._average, self.settings.claim_ahead)
        if self.limit is not None:
            limit = min(limit, self.limit - self.tally.performed)
        if limit < 1 or self._must_stop():
            return []
        if self.store.promote().wishes:
            Wishes(self.store).sweep()
        request = ClaimRequest(uuid4(), pool_id, locked_by, limit, **asdict(self.selection))
        kept, rest = set_apart(self.store.claim(request), hungry=1)
        self._wary = bool(rest or (kept and kept[0].crashes))
        if rest:
            self.store.finish([Finish(job, RELEASE) for job in rest])
        return kept

    def _must_stop(self) -> bool:
        return self.is_asked_to_stop() or (self._pulse is not None and self._pulse.is_asked_to_stop)

    def _perform_all(self, jobs: Sequence[ClaimedJob]) -> None:
        waiting = list(reversed(jobs))
        try:
            while waiting and not self._must_stop():
                self._perform(waiting.pop())
        finally:
            self._flush()
            if waiting:
                self._write([Finish(job, RELEASE) for job in waiting])

    def _perform(self, job: ClaimedJob) -> None:
        logs.started(job)
        ended = self.executor.perform(job)
        logs.ended(ended)
        took = ended.ended - ended.started
        self._average = moving_average(self._average, took)
        self._count(ended)
        self._ended.append(ended)
        if took > QUICK_SECONDS or ended.acknowledge or len(self._ended) >= FLUSH_JOBS:
            self._flush()

    def _count(self, ended: Ended) -> None:
        self.tally.performed += 1
        if isinstance(ended.outcome, FAILURES):
            self.tally.failed += 1
        elif isinstance(ended.outcome, Released):
            self.tally.put_back += 1

    def _flush(self) -> None:
        finishes = [each.finish for each in self._ended if not each.written]
        self._note(each.finish for each in self._ended if each.written)
        self._ended.clear()
        if finishes:
            for lost in self._write(finishes):
                logs.lost(lost.job)
        if self.minutes and self.minutes.due_in() == 0:
            self.minutes.write()

    def _write(self, finishes: Sequence[Finish]) -> list[Finish]:
        lost, locked = write(self.store, finishes)
        self._locked += locked
        self.tell(finishes, [*lost, *locked])
        self._note(without(finishes, lost, locked))
        return lost

    def _note(self, written: Iterable[Finish]) -> None:
        if self.minutes:
            self.minutes.add(written)

    def _outwait_locks(self) -> None:
        """Write what others keep locked as soon as they let go."""
        while self._locked and not self._must_stop():
            time.sleep(ASIDE_SECONDS)
            tried = self._locked
            lost, self._locked = self.store.finish_around_locks(tried)
            self.tell(tried, [*lost, *self._locked])
            self._note(without(tried, lost, self._locked))


class Pulse(threading.Thread):
    """Keeps the lease of a pass alive while its one thread performs, and learns whether somebody asks it to stop."""

    def __init__(self, store: Store, pool_id: int, seconds: float) -> None:
        super().__init__(name="pulse", daemon=True)
        self._store = store
        self._pool_id = pool_id
        self._seconds = seconds
        self._over = threading.Event()
        self.is_asked_to_stop = False
        self.start()

    def run(self) -> None:
        """Beat until stopped; a database that is away is asked again at the next beat."""
        while not self._over.wait(self._seconds):
            try:
                pools = PoolRegistry(self._store)
                pools.beat(self._pool_id)
                self.is_asked_to_stop = self.is_asked_to_stop or pools.wished(self._pool_id) == "stop"
            except (DatabaseError, InterfaceError) as error:
                connections[self._store.alias].close()
                logs.unreachable(self._store.alias, error, self._seconds, 0)
        connections.close_all()

    def stop(self) -> None:
        """End the thread."""
        self._over.set()
        self.join()
