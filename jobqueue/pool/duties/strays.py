"""Jobs that the table says are ours and no worker of ours knows of."""

from __future__ import annotations

from jobqueue.outcomes import RELEASE
from jobqueue.pool.duties.base import Duty, Post
from jobqueue.rows import Finish
from jobqueue.worker.board import Seat

#: After a change among the workers there may be strays; at other times hardly.
SOON_SECONDS = 0.5
PAUSE = 60.0


class Strays(Duty):
    """A claim may be made after its worker has died or given up asking. Such jobs go back after two looks."""

    def __init__(self, post: Post) -> None:
        super().__init__(post)
        self._seen: set[tuple[int, object]] = set()
        self._present: list[str] = []

    def run(self) -> float:
        """Release what was astray at the last look and still is."""
        before, present = (
            self._present,
            [slot.name for slot in self.post.board.slots if slot.words.seat != Seat.FREE],
        )
        astray = self.post.store.strays(self.post.pool_id, present)
        again = [job for job in astray if (job.id, job.claim_id) in self._seen]
        self._seen = {(job.id, job.claim_id) for job in astray}
        self._present = present
        if again:
            self.post.store.finish_around_locks([Finish(job, RELEASE) for job in again])
            self.post.ring_workers()
        return SOON_SECONDS if astray or present != before else PAUSE

    def forget(self) -> None:
        """Begin to look anew."""
        self._seen.clear()
