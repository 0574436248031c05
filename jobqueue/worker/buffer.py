"""Jobs that a worker has claimed and not yet started."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence

from jobqueue.policy.prefetch import moving_average, prefetch
from jobqueue.rows import ClaimedJob
from jobqueue.worker.bell import Bell
from jobqueue.worker.board import Slot

#: When nothing was taken for so long, the buffer's claims may have been given to others: see ``is_stale``.
STALE_SECONDS = 0.2


class Buffer:
    """Filled by the clerk, emptied by the performers; without a lock in between.

    A deque's ``popleft`` is atomic, so each job goes to exactly one taker, or back to the table by ``drain``.
    """

    def __init__(self, slot: Slot, bell: Bell, ceiling: int, performers: int = 1) -> None:
        self._jobs: deque[tuple[ClaimedJob, float]] = deque()
        self.words = slot.words
        self._bell = bell
        self._ceiling = ceiling
        self._performers = performers
        self._filled = threading.Event()
        self._average: float | None = None
        self._ahead = 0
        self._asked = self._moved = False
        #: Whether the latest claim has left jobs behind, as far as is known.
        self.more = True
        self._touched = self._rested = 0.0
        self._hungry = 0
        self._counting = threading.Lock()
        self.closed = False

    # The performers' side

    def take(self) -> tuple[ClaimedJob, float] | None:
        """Return the next job and since when it is here, waiting for one; None when the buffer is closed."""
        while not self.closed:
            try:
                taken = self._jobs.popleft()
            except IndexError:
                self._wait()
                continue
            self._moved = True
            if self.more and not self._asked and len(self._jobs) <= self._ahead // 2:
                self._asked = True
                self._bell.ring()
            return taken
        return None

    def _wait(self) -> None:
        with self._counting:
            if self._jobs or self.closed:
                return
            self._filled.clear()
            self._hungry += 1
        self._bell.ring()
        self._filled.wait()
        with self._counting:
            self._hungry -= 1

    def is_stale(self, now: float, since: float) -> bool:
        """Whether a taken job's claim must be renewed before the start; call after saying it on the board.

        Maintenance gives unstarted jobs away when their worker has not taken one for a second. It spares what
        the board says is started. So a worker that says first and asks then never starts what was given away.
        A rest that one performer ends puts all claims in doubt that are older, in other performers' hands, too.
        """
        self._touch(now)
        self.words.buffered = len(self._jobs)
        return since < self._rested

    def _touch(self, now: float) -> None:
        """Note that a job is taken or laid in, and whether that ends a rest."""
        with self._counting:
            if now - self._touched > STALE_SECONDS:
                self._rested = now
            self._touched = self.words.taken_at = now

    def learn(self, run_seconds: float) -> None:
        """Let a run time into the average that decides how far ahead to claim."""
        self._average = moving_average(self._average, run_seconds)
        self._ahead = prefetch(self._average, self._ceiling, self._performers)

    # The clerk's side

    def wanted(self) -> int:
        """Return how many jobs to claim now: none while the performers are busy for long.

        They ring when half is gone; a clerk that is awake for something else fills up what is worth a query. After a
        claim that found fewer than it asked for, there is nothing to fill up with: the next is for a hungry one.
        """
        moved, self._moved = self._moved, False
        self._asked = False
        room = self._ahead - len(self._jobs)
        if self.closed or room < self._ahead // 4 or not ((moved and self.more) or self._hungry):
            return 0
        return max(0, self._hungry + room)

    @property
    def hungry(self) -> int:
        """How many performers wait for work."""
        return self._hungry

    @property
    def unserved(self) -> int:
        """How many performers wait for work that is not here yet; one that is just waking up has its job here."""
        return max(self._hungry - len(self._jobs), 0)

    def put(self, jobs: Sequence[ClaimedJob]) -> None:
        """Add claimed jobs behind the others."""
        now = time.monotonic()
        if not self._jobs:
            self._touch(now)
        self._jobs.extend((job, now) for job in jobs)
        self.words.buffered = len(self._jobs)
        with self._counting:
            self._filled.set()

    def put_back(self, jobs: Sequence[ClaimedJob]) -> None:
        """Add renewed jobs in front of the others."""
        now = time.monotonic()
        self._jobs.extendleft((job, now) for job in reversed(jobs))
        self.words.buffered = len(self._jobs)
        with self._counting:
            self._filled.set()

    def drain(self) -> list[ClaimedJob]:
        """Take out all that is not started."""
        drained = []
        while self._jobs:
            try:
                drained.append(self._jobs.popleft()[0])
            except IndexError:
                break
        self.words.buffered = 0
        return drained

    def close(self) -> None:
        """Let every taker go home."""
        self.closed = True
        with self._counting:
            self._filled.set()
