"""Scheduled jobs whose time has come become ready, and idle workers hear of ready jobs that nobody rang for."""

from __future__ import annotations

from jobqueue.pool.duties.base import Duty
from jobqueue.stores.wishes import Wishes

BATCH = 1000
#: Jobs due closer together than this are promoted at one go.
SHORTEST_PAUSE = 0.05


class Promotion(Duty):
    """Any pool promotes for all; they pass each other by. Sleeps until the next job is due.

    One look serves all workers of the pool: none of them polls by itself.
    """

    def run(self) -> float:
        """Promote a batch and ring those whose queues have work."""
        done = self.post.store.promote(BATCH)
        self.post.ring_workers(done.ready)
        if done.moved and self.post.store.can_notify:
            self.post.store.notify(done.queues)
        if done.wishes:
            Wishes(self.post.store).sweep()
        if done.moved == BATCH:
            return 0.0
        # Callers ring for what is due before POLL_SECONDS are over; nobody rings for what is due later.
        longest = min(self.post.options.poll_seconds, self.post.settings.poll_seconds)
        return longest if done.next_in is None else min(max(done.next_in, SHORTEST_PAUSE), longest)
