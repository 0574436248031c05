"""The clerk: a worker's second thread. It claims ahead and writes finishes, in batches.

It has the only connection through which the worker touches its own jobs, so that whatever a job does to its
connections never comes in between.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from random import random
from typing import TypeVar
from uuid import uuid4

from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    ProgrammingError,
    connections,
)

from jobqueue import logs
from jobqueue.outcomes import FAILURES, RELEASE, Decision, Released
from jobqueue.performing.executor import Ended
from jobqueue.policy.backoff import reconnect_pause
from jobqueue.policy.suspects import set_apart
from jobqueue.rows import ClaimedJob, ClaimRequest, Finish
from jobqueue.states import State
from jobqueue.stores.base import Store
from jobqueue.worker.bell import Bell
from jobqueue.worker.board import Ending, Slot
from jobqueue.worker.buffer import Buffer
from jobqueue.worker.stock import Stock

logger = logging.getLogger("jobqueue.worker")

FLUSH_JOBS = 50
FLUSH_SECONDS = 0.05
#: What the database or its driver will never write, however often it is asked.
REFUSALS = (DataError, IntegrityError, ValueError, OverflowError)
#: An error that no waiting mends, such as a missing table, ends the worker after so many tries.
FATAL_TRIES = 3
#: A question that is not answered for so long is given up, and its connection with it; statements end before.
PATIENCE_SECONDS = 20.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which jobs a pool takes. Empty queues and None mean all."""

    queues: tuple[str, ...] = ()
    min_priority: int | None = None
    max_priority: int | None = None


@dataclass(slots=True)
class _Renewal:
    """Jobs whose claims a performer wants renewed, and the answer."""

    job: ClaimedJob
    done: threading.Event = field(default_factory=threading.Event)
    kept: ClaimedJob | None = None


class Clerk(threading.Thread):
    """Claims, renews, writes; survives a database that is away for a while."""

    def __init__(
        self,
        store: Store,
        buffer: Buffer,
        slot: Slot,
        bell: Bell,
        stock: Stock,
        *,
        pool_id: Callable[[], int],
        selection: Selection,
        quiet: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(name="clerk", daemon=True)
        self._store = store
        self._buffer = buffer
        self._bell = bell
        self._slot = slot
        self._stock = stock
        self._pool_id = pool_id
        self._selection = selection
        self._quiet = quiet
        self._handing_in = threading.Lock()
        self._ended: deque[Ended] = deque()
        self._oldest = 0.0
        self._urgent = False
        self._renewals: deque[_Renewal] = deque()
        self._wary = False
        self._closing = False
        self._stopping = False
        self._deadline: AbstractContextManager[object] = nullcontext()
        self.error: Exception | None = None

    # The performers' side

    def hand_in(self, ended: Ended) -> None:
        """Take over an ended attempt; it is written after 50 jobs or 50 ms, at once if that is waited for."""
        with self._handing_in:
            if not self._ended:
                self._oldest = time.monotonic()
            self._slot.end(ended.job.id, ending_of(ended))
            self._ended.append(ended)
            waiting = len(self._ended)
        if ended.acknowledge is not None:
            self._urgent = True
            self._bell.ring()
            self._wait_for(ended.acknowledge)
        elif waiting in {1, FLUSH_JOBS}:
            self._bell.ring()

    def give_back(self, job: ClaimedJob) -> None:
        """Put a job back that was taken and not begun; the attempt is given back."""
        now = time.monotonic()
        self.hand_in(Ended(job, Released("not begun"), RELEASE, now, now))

    def renew(self, job: ClaimedJob) -> ClaimedJob | None:
        """Put a job, and all that is buffered, under a new claim; None if the job is no longer ours."""
        renewal = _Renewal(job)
        self._renewals.append(renewal)
        self._bell.ring()
        self._wait_for(renewal.done)
        return renewal.kept

    def _wait_for(self, answer: threading.Event) -> None:
        """Wait for an answer of the thread, as long as there is one to give it."""
        while not answer.wait(1.0):
            if not self.is_alive():
                return

    def close(self) -> None:
        """Claim nothing more and put back what is not started. Safe in signal handlers."""
        self._closing = True
        self._bell.ring()

    def stop(self) -> None:
        """Write what is left and end the thread."""
        self._stopping = True
        self._bell.ring()
        self.join()

    # The thread

    def run(self) -> None:
        """Go on until stopped; an error that waiting does not mend closes the worker."""
        self._deadline = self._store.deadline(PATIENCE_SECONDS)
        try:
            while not self._stopping:
                self._turn()
            self._flush()
            self._put_back()
        except Exception as error:
            self.error = error
            logger.exception("the worker cannot go on")
        finally:
            self._buffer.close()
            connections.close_all()

    def _turn(self) -> None:
        if self._closing and not self._buffer.closed:
            self._buffer.close()
        if self._closing or self._quiet():
            self._put_back()
        while self._renewals:
            self._renew(self._renewals.popleft())
        if self._urgent:
            self._flush()
        if not self._stock.due_in:
            self._take_stock()
        # Said before the look: who stores a job after it must find us waiting.
        self._slot.words.waiting = self._buffer.hungry
        if wanted := self._wanted():
            claimed = self._claim(wanted)
            self._buffer.more = claimed == wanted
            if claimed:
                self._slot.words.waiting = False
        # After the claim, which the performers may be waiting for.
        if self._is_flush_due():
            self._flush()
        self._sleep()

    def _wanted(self) -> int:
        if self._closing or self._quiet():
            return 0
        wanted = self._buffer.wanted()
        return min(wanted, self._buffer.hungry) if self._wary else wanted

    def _sleep(self) -> None:
        """Sleep until the bell rings or something is due. Maintenance polls, for all workers at once."""
        pause = self._stock.due_in
        if self._ended:
            pause = min(pause, self._oldest + FLUSH_SECONDS - time.monotonic())
        self._bell.wait(pause)

    def _is_flush_due(self) -> bool:
        if not self._ended:
            return False
        late = time.monotonic() - self._oldest >= FLUSH_SECONDS
        return late or self._urgent or len(self._ended) >= FLUSH_JOBS or self._buffer.hungry > 0

    def _flush(self) -> None:
        """Write all attempts that have ended."""
        self._urgent = False
        batch = []
        while self._ended:
            batch.append(self._ended.popleft())
        finishes = [each.finish for each in batch if not each.written]
        if finishes:
            for lost in self._finish(finishes):
                logs.lost(lost.job)
        self._slot.write(len(batch))
        self._stock.remove(each.job for each in batch)
        for each in batch:
            if each.acknowledge is not None:
                each.acknowledge.set()

    def _finish(self, finishes: list[Finish]) -> list[Finish]:
        """Write ended attempts; one that the database refuses is parked, and holds up no other."""
        try:
            return self._steadily(lambda: self._store.finish(finishes))
        except REFUSALS as error:
            if len(finishes) > 1:
                return [lost for each in finishes for lost in self._finish([each])]
            text = f"The end of this job could not be written: {logs.headline(str(error))}"
            parked = [Finish(finishes[0].job, Decision(State.FAILED, error=text))]
            return self._steadily(lambda: self._store.finish(parked))

    def _claim(self, limit: int) -> int:
        pool_id = self._pool_id()
        if limit == 0 or pool_id == 0:
            return 0
        request = ClaimRequest(uuid4(), pool_id, self._slot.name, limit, **asdict(self._selection))
        jobs = self._steadily(self._taking(request))
        if jobs:
            logger.debug("claimed %d of %d", len(jobs), limit)
            self._lay_in(jobs)
        return len(jobs)

    def _taking(self, request: ClaimRequest) -> Callable[[], list[ClaimedJob]]:
        """Return a claim that may be repeated: the answer may have been lost, not the claim."""
        asked = False

        def take() -> list[ClaimedJob]:
            nonlocal asked
            made = self._store.adopt(request) if asked else []
            if asked and not made:
                self._stock.unanswered(request.claim_id)
            asked = True
            return made or self._store.claim(request)

        return take

    def _lay_in(self, jobs: list[ClaimedJob]) -> None:
        """Hold what was claimed; next to a job with a crash behind it, nothing and by nobody who is not free for it."""
        kept, rest = set_apart(jobs, self._buffer.hungry)
        self._wary = bool(kept[0].crashes or rest)
        self._stock.add(kept)
        if self._wary:
            self._flush()  # what has ended must not be charged for it either
        self._buffer.put(kept)
        self._release(rest)

    def _renew(self, renewal: _Renewal) -> None:
        jobs = [renewal.job, *self._buffer.drain()]
        claim_id = uuid4()
        kept = self._steadily(lambda: self._store.restamp(jobs, claim_id))
        self._stock.remove(jobs)
        self._stock.add(kept)
        if kept and kept[0].id == renewal.job.id:
            renewal.kept = kept.pop(0)
        self._buffer.put_back(kept)
        renewal.done.set()

    def _put_back(self) -> None:
        """Release what is claimed and not started; the attempts are given back."""
        jobs = self._buffer.drain()
        self._release(jobs)
        self._stock.remove(jobs)

    def _take_stock(self) -> None:
        """Give up what is held in our name and not by us."""
        held = self._steadily(lambda: self._store.held(self._pool_id(), self._slot.name))
        if surplus := self._stock.surplus(held):
            self._steadily(lambda: self._store.finish(surplus))

    def _release(self, jobs: list[ClaimedJob]) -> None:
        if jobs:
            self._steadily(lambda: self._store.finish([Finish(job, RELEASE) for job in jobs]))

    # The database may be away

    def _steadily(self, step: Callable[[], T]) -> T:
        """Repeat a step that may be repeated until the database has answered."""
        failures = 0
        while True:
            try:
                with self._deadline:
                    return step()
            except REFUSALS:
                raise
            except (DatabaseError, InterfaceError) as error:
                self._mend(error, failures)
                failures += 1

    def _mend(self, error: Exception, failures: int) -> None:
        """Drop the broken connection and pause; raise what waiting does not mend."""
        if isinstance(error, ProgrammingError) and failures >= FATAL_TRIES:
            raise error
        connections[self._store.alias].close()
        self._stock.doubt()
        pause = reconnect_pause(failures, random())  # noqa: S311 (it only spreads the workers)
        logs.unreachable(self._store.alias, error, pause, failures)
        time.sleep(pause)


def ending_of(ended: Ended) -> Ending:
    """Return how an attempt ended, as far as the board can hold it."""
    if ended.decision.state is State.SUCCEEDED:
        return Ending.PLAINLY if ended.decision.result is None else Ending.WITH_RESULT
    return Ending.FAILED if isinstance(ended.outcome, FAILURES) else Ending.OTHERWISE
