"""Figures of past minutes: what maintenance has counted is written, and what all have written is added up."""

from __future__ import annotations

from jobqueue.pool.duties.base import Duty, Post
from jobqueue.stores.rollups import Ledger

BATCH = 500
PAUSE = 1.0
#: Rows are added up some minutes after their writers have left them; nobody waits for that.
ADD_UP_SECONDS = 120.0
#: Minutes become hours, and hours go, when they are days or months old.
TIDY_SECONDS = 3600.0
#: Between two batches, so that it never crowds out the claims.
BREATH = 0.2


class Statistics(Duty):
    """Any pool adds up for all; they pass each other by."""

    def __init__(self, post: Post) -> None:
        super().__init__(post)
        self._ledger = Ledger(post.store)
        self._add_up_at = self._tidy_at = post.clock()

    def run(self) -> float:
        """Do a batch of what is due."""
        if self.post.minutes.due_in() == 0:
            self.post.minutes.write()
        now = self.post.clock()
        if self._add_up_at <= now:
            is_full = self.post.settings.keep_statistics > 0 and self._ledger.add_up(BATCH) == BATCH
            self._add_up_at = now + (BREATH if is_full else ADD_UP_SECONDS)
        if self._tidy_at <= now:
            self._tidy_at = now + (BREATH if self._tidy() else TIDY_SECONDS)
        return min(PAUSE, max(min(self._add_up_at, self._tidy_at) - now, BREATH))

    def _tidy(self) -> bool:
        """Have a batch take less room; return whether there may be more."""
        keep = self.post.settings.keep_statistics
        done = [self._ledger.coarsen(BATCH), self._ledger.forget(keep, BATCH)]
        return BATCH in done
