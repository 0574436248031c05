"""Taking stock: what a worker holds according to the table, against what it does hold.

A claim may be made after its worker has given up waiting for the answer. A server that has lost its last commits (a
standby took over, a backup was put back) still counts jobs as held that have ended. Nobody else would ever look after
such a job: its worker lives, and so does its pool.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from uuid import UUID

from jobqueue import logs
from jobqueue.outcomes import RELEASE, Decision
from jobqueue.rows import ClaimedJob, Finish

#: Where all goes well there is nothing to find.
PAUSE_SECONDS = 60.0
FORGOTTEN = "Crashed: the database has lost how this job ended; it may have been performed"


class Stock:
    """Belongs to the clerk's thread alone, which makes, renews and ends all claims of its worker.

    Args:
        judge: what becomes of a job that may have been performed.
        clock: monotonic.
    """

    def __init__(
        self, judge: Callable[[ClaimedJob, str], Decision], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._judge = judge
        self._clock = clock
        self._claims: dict[int, UUID] = {}
        self._unanswered: set[UUID] = set()
        self._due = clock() + PAUSE_SECONDS

    def add(self, jobs: Iterable[ClaimedJob]) -> None:
        """Note that these jobs are held."""
        for job in jobs:
            self._claims[job.id] = job.claim_id

    def remove(self, jobs: Iterable[ClaimedJob]) -> None:
        """Note that these jobs are no longer held."""
        for job in jobs:
            if self._claims.get(job.id) is job.claim_id:
                del self._claims[job.id]

    def unanswered(self, claim_id: UUID) -> None:
        """Note that a claim seems to have taken nothing, and may yet do so."""
        self._unanswered.add(claim_id)

    def doubt(self) -> None:
        """Take stock as soon as possible: the database was away, and may be another one now."""
        self._due = 0.0

    @property
    def due_in(self) -> float:
        """Seconds until it is time to take stock."""
        return max(self._due - self._clock(), 0.0)

    def surplus(self, held: Sequence[ClaimedJob]) -> list[Finish]:
        """Return what is to be written of the jobs that the table says are held, and are not."""
        self._due = self._clock() + PAUSE_SECONDS
        return [Finish(job, self._decide(job)) for job in held if self._claims.get(job.id) != job.claim_id]

    def _decide(self, job: ClaimedJob) -> Decision:
        if job.claim_id in self._unanswered:
            return RELEASE
        logs.say(logging.WARNING, "lost", f"{job}: the database has lost how it ended")
        return self._judge(job, FORGOTTEN)
