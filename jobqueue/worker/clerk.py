"""The clerk: a worker's second thread. It claims ahead and writes finishes, in batches.

It has the only connection through which the worker touches its own jobs, so that whatever a job does to its
connections never comes in between.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TypeVar
from uuid import uuid4

from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, connections

from jobqueue import logs
from jobqueue.notifying import background
from jobqueue.outcomes import RELEASE, Decision
from jobqueue.performing.executor import Ended
from jobqueue.performing.notes import Notes
from jobqueue.performing.teller import Teller
from jobqueue.policy.suspects import set_apart
from jobqueue.rows import ClaimedJob, ClaimRequest, Finish
from jobqueue.states import State
from jobqueue.stores.base import Store
from jobqueue.worker.bell import Bell
from jobqueue.worker.board import Slot
from jobqueue.worker.buffer import Buffer
from jobqueue.worker.ends import Ends, not_begun, write
from jobqueue.worker.minutes import Minutes, without
from jobqueue.worker.stock import Stock
from jobqueue.worker.trouble import Refused, Trouble

logger = logging.getLogger("jobqueue.worker")

FLUSH_JOBS = 50
FLUSH_SECONDS = 0.05
#: What the database or its driver will never write, however often it is asked.
REFUSALS = (DataError, IntegrityError, ValueError, OverflowError)
#: When leaving, wait so long for those who keep the last rows locked; then the board tells maintenance of them.
LAST_SECONDS = 5.0
#: A question that is not answered for so long is given up, and its connection with it; statements end before.
PATIENCE_SECONDS = 20.0
#: An idle clerk gives a sign of life so often.
BEAT_SECONDS = 5.0
#: One that has given none for so long hangs: it may have waited for an answer, then for a connection, then for a try.
SILENT_SECONDS = BEAT_SECONDS + 1.25 * PATIENCE_SECONDS + 30.0

T = TypeVar("T")
Write = Callable[[Sequence[Finish]], tuple[list[Finish], list[Finish]]]


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
        trouble: Trouble,
        minutes: Minutes,
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
        self._trouble = trouble
        self._minutes = minutes
        self._ends = Ends(slot)
        self._teller = Teller(store)
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
        waiting = self._ends.add(ended)
        if ended.acknowledge is not None:
            self._urgent = True
            self._bell.ring()
            self._wait_for(ended.acknowledge)
        elif waiting in {1, FLUSH_JOBS}:
            self._bell.ring()

    def tell(self, notes: Notes) -> None:
        """Take over what a job tells; it is written at most once a second, and before the end of its attempt."""
        if self._teller.note(notes):
            self._bell.ring()

    def give_back(self, job: ClaimedJob) -> None:
        """Put a job back that was taken and not begun; the attempt is given back."""
        self.hand_in(not_begun(job))

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
            self._put_back()
            self._flush()
            self._outwait_locks()
            self._tell()
            with self._deadline:
                self._minutes.write_all(LAST_SECONDS)
        except Refused as error:
            self.error = error
        except Exception as error:
            self.error = error
            logger.exception("the worker cannot go on")
        finally:
            self._buffer.close()
            connections.close_all()

    def _turn(self) -> None:
        self._slot.words.beat = time.monotonic()
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
        self._tell()
        if self._minutes.due_in() == 0:
            with self._deadline:
                self._minutes.write()
        self._sleep()

    def _wanted(self) -> int:
        if self._closing or self._quiet():
            return 0
        wanted = self._buffer.wanted()
        return min(wanted, self._buffer.unserved) if self._wary else wanted

    def _sleep(self) -> None:
        """Sleep until the bell rings or something is due. Maintenance polls, for all workers at once."""
        others = (self._teller, self._minutes)
        dues = (self._ends.due_in(FLUSH_SECONDS), self._stock.due_in, *(each.due_in() for each in others))
        pause = min(due for due in dues if due is not None)
        while not self._bell.wait(min(pause, BEAT_SECONDS)) and pause > BEAT_SECONDS:
            pause -= BEAT_SECONDS
            self._slot.words.beat = time.monotonic()

    def _is_flush_due(self) -> bool:
        if self._ends.due_in(FLUSH_SECONDS) == 0:
            return True
        fresh = self._ends.fresh
        return fresh > 0 and (self._urgent or fresh >= FLUSH_JOBS or self._buffer.hungry > 0)

    def _flush(self) -> None:
        """Write all attempts that have ended; what somebody keeps locked is left for later."""
        self._urgent = False
        fresh, again = self._ends.take()
        self._tell()
        locked = self._finish(fresh, partial(write, self._store))
        locked |= self._finish(again, self._store.finish_around_locks)
        self._ends.note(fresh, again, locked)
        self._stock.remove(each.job for each in (*fresh, *again) if each.job.id not in locked)

    def _tell(self) -> None:
        """Write what jobs tell; if the database is away, some of it may get lost, and nothing waits for it."""
        if self._teller.due_in() == 0:
            with self._deadline:
                self._teller.write()

    def _finish(self, ended: Sequence[Ended], write: Write) -> set[int]:
        """Write ended attempts; return the jobs that somebody keeps locked."""
        finishes = [each.finish for each in ended if not each.written]
        if len(finishes) < len(ended):
            self._minutes.add(each.finish for each in ended if each.written)
        return self._finish_all(finishes, write)

    def _finish_all(self, finishes: list[Finish], write: Write) -> set[int]:
        """Write ends; one that the database refuses is parked, and holds up no other."""
        if not finishes:
            return set()
        written: Sequence[Finish] = finishes
        try:
            lost, locked = self._steadily(lambda: write(finishes))
        except REFUSALS as error:
            if len(finishes) > 1:
                return {job_id for each in finishes for job_id in self._finish_all([each], write)}
            text = f"The end of this job could not be written: {logs.headline(str(error))}"
            written = parked = [Finish(finishes[0].job, Decision(State.FAILED, error=text, failure="failed"))]
            lost, locked = self._steadily(lambda: write(parked))
        background.tell(written, [*lost, *locked])
        self._minutes.add(without(written, lost, locked))
        for each in lost:
            logs.lost(each.job)
        return {each.job.id for each in locked}

    def _outwait_locks(self) -> None:
        """Leave no end unwritten that somebody keeps locked for a moment only."""
        deadline = time.monotonic() + LAST_SECONDS
        while self._ends.aside and time.monotonic() < deadline:
            time.sleep(self._ends.due_in(0.0) or 0.0)
            self._flush()

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
        kept, rest = set_apart(jobs, self._buffer.unserved)
        self._wary = bool(kept[0].crashes or rest)
        self._stock.add(jobs)
        if self._wary:
            # Neither what has ended nor what is put back must be charged for it.
            self._flush()
            self._release(rest)
        self._buffer.put(kept)

    def _renew(self, renewal: _Renewal) -> None:
        jobs = [renewal.job, *self._buffer.drain()]
        claim_id = uuid4()
        kept = self._steadily(lambda: self._store.restamp(jobs, claim_id))
        self._stock.add(kept)
        if len(kept) < len(jobs):
            # Some are others' by now; some only look so, because somebody keeps them locked.
            ours = {job.id for job in kept}
            self._release([job for job in jobs if job.id not in ours])
        if kept and kept[0].id == renewal.job.id:
            renewal.kept = kept.pop(0)
        self._buffer.put_back(kept)
        renewal.done.set()

    def _put_back(self) -> None:
        """Release what is claimed and not started; the attempts are given back."""
        self._release(self._buffer.drain())

    def _take_stock(self) -> None:
        """Give up what is held in our name and not by us."""
        held = self._steadily(lambda: self._store.held(self._pool_id(), self._slot.name))
        if surplus := self._stock.surplus(held):
            lost, locked = self._steadily(lambda: write(self._store, surplus))
            background.tell(surplus, [*lost, *locked], signal=True)
            self._minutes.add(without(surplus, lost, locked))

    def _release(self, jobs: Sequence[ClaimedJob]) -> None:
        if not jobs:
            return
        releases = [Finish(job, RELEASE) for job in jobs]
        _lost, locked = self._steadily(lambda: write(self._store, releases))
        for each in locked:
            self._ends.add(not_begun(each.job))
        waiting = {each.job.id for each in locked}
        self._stock.remove(job for job in jobs if job.id not in waiting)

    # The database may be away

    def _steadily(self, step: Callable[[], T]) -> T:
        """Repeat a step that may be repeated until the database has answered."""
        while True:
            self._slot.words.beat = time.monotonic()
            try:
                with self._deadline:
                    answer = step()
            except REFUSALS:
                raise
            except (DatabaseError, InterfaceError) as error:
                self._stock.doubt()
                time.sleep(self._trouble.pause_after(error))
            else:
                self._trouble.is_over()
                return answer
