"""Attempts that have ended and are not written yet: in the worker's memory in full, on the board in short."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence

from django.db import OperationalError

from jobqueue.outcomes import FAILURES, RELEASE, Released
from jobqueue.performing.executor import Ended
from jobqueue.rows import ClaimedJob, Finish
from jobqueue.states import State
from jobqueue.stores.base import Store
from jobqueue.stores.errors import is_locked_out
from jobqueue.worker.board import Ending, Slot

#: What somebody keeps locked is tried again after so long.
ASIDE_SECONDS = 1.0


class Ends:
    """Filled by the performers, emptied by the clerk; what somebody keeps locked is put aside meanwhile."""

    def __init__(self, slot: Slot, clock: Callable[[], float] = time.monotonic) -> None:
        self._slot = slot
        self._clock = clock
        self._adding = threading.Lock()
        self._fresh: deque[Ended] = deque()
        self._oldest = 0.0
        self._aside: list[Ended] = []
        self._again_at = 0.0

    def add(self, ended: Ended) -> int:
        """Take over an ended attempt; return how many wait to be written for the first time."""
        with self._adding:
            if not self._fresh:
                self._oldest = self._clock()
            self._slot.end(ended.job.id, ending_of(ended))
            self._fresh.append(ended)
            return len(self._fresh)

    @property
    def fresh(self) -> int:
        """How many wait to be written for the first time."""
        return len(self._fresh)

    @property
    def aside(self) -> int:
        """How many somebody keeps locked."""
        return len(self._aside)

    def due_in(self, patience: float) -> float | None:
        """Return the seconds until something is to be written that may wait for so long; None if there is nothing."""
        dues = [self._oldest + patience] if self._fresh else []
        dues += [self._again_at] if self._aside else []
        return max(min(dues) - self._clock(), 0.0) if dues else None

    def take(self) -> tuple[list[Ended], list[Ended]]:
        """Return what is to be written now: what is fresh, and what was put aside if it is time to try it again."""
        fresh = []
        while self._fresh:
            fresh.append(self._fresh.popleft())
        return fresh, list(self._aside) if self._clock() >= self._again_at else []

    def note(self, fresh: list[Ended], again: list[Ended], locked: Collection[int]) -> None:
        """Note that what was taken is written, and tell those who wait for it; the jobs of ``locked`` are put aside.

        The board counts the oldest as written. So what is not is entered anew, behind what came meanwhile.
        """
        aside = [each for each in self._aside if not again or each.job.id in locked]
        aside += [each for each in fresh if each.job.id in locked]
        with self._adding:
            for each in aside:
                self._slot.end(each.job.id, ending_of(each))
            self._slot.write(len(self._aside) + len(fresh))
        self._aside = aside
        if again or locked:
            self._again_at = self._clock() + ASIDE_SECONDS
        for each in (*fresh, *again):
            if each.acknowledge is not None and each.job.id not in locked:
                each.acknowledge.set()


def write(store: Store, finishes: Sequence[Finish]) -> tuple[list[Finish], list[Finish]]:
    """Write how attempts ended; return what was lost, and what somebody keeps locked: nothing else waits for it."""
    try:
        return store.finish(finishes), []
    except OperationalError as error:
        if not is_locked_out(error):
            raise
        return store.finish_around_locks(finishes)


def not_begun(job: ClaimedJob) -> Ended:
    """Return the end of a job that was taken and not begun; its attempt is given back."""
    now = time.monotonic()
    return Ended(job, Released("not begun"), RELEASE, now, now)


def ending_of(ended: Ended) -> Ending:
    """Return how an attempt ended, as far as the board can hold it."""
    if ended.decision.state is State.SUCCEEDED:
        return Ending.PLAINLY if ended.decision.result is None else Ending.WITH_RESULT
    return Ending.FAILED if isinstance(ended.outcome, FAILURES) else Ending.OTHERWISE
