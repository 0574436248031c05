"""A job must not wait behind a slow one: what a busy worker has not started is given to others."""

from __future__ import annotations

from jobqueue.outcomes import RELEASE
from jobqueue.pool.duties.base import Duty, Post
from jobqueue.rows import Finish
from jobqueue.worker.board import Seat, Slot

PAUSE = 0.25
#: A worker that has taken nothing from its buffer for so long loses the buffer.
STALLED_SECONDS = 0.75


class Stalled(Duty):
    """Reads the board only; the table just when a worker stalls."""

    def __init__(self, post: Post) -> None:
        super().__init__(post)
        self._released: dict[int, float] = {}

    def run(self) -> float:
        """Release what stalled workers hold unstarted."""
        for slot in list(self.post.board.seated(Seat.ALIVE)):
            if self._is_stalled(slot) and self._released.get(slot.index) != slot.words.taken_at:
                self._release(slot)
        return PAUSE

    def _is_stalled(self, slot: Slot) -> bool:
        words = slot.words
        return bool(words.buffered) and self.post.clock() - words.taken_at > STALLED_SECONDS

    def _release(self, slot: Slot) -> None:
        """Fence by the claims as read before a second look at the board.

        If the worker goes on between the look and the write, it renews its claims first, and this write finds
        nothing; if the write comes first, the renewal finds nothing.
        """
        held = self.post.store.held(self.post.pool_id, slot.name)
        # In this order: a job stands among the ended before it leaves those that are performed. Its clerk may be
        # the one who is stalled, by the database, and write its end later.
        started = {each.job_id for each in slot.performing()}
        started |= slot.unwritten().keys()
        if not self._is_stalled(slot):
            return
        waiting = [Finish(job, RELEASE) for job in held if job.id not in started]
        if waiting:
            self.post.store.finish_around_locks(waiting)
            self.post.ring_workers()
        self._released[slot.index] = slot.words.taken_at
