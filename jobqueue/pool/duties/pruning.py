"""Finished jobs go when they have been kept long enough."""

from __future__ import annotations

from jobqueue.pool.duties.base import Duty

BATCH = 1000
PAUSE = 60.0
#: Between two batches, so that pruning never crowds out the claims.
BREATH = 0.2
#: How long the row of a dead pool is kept for people to see.
DEAD_POOL_SECONDS = 86_400.0


class Pruning(Duty):
    """Deletes in small batches what KEEP_SUCCEEDED no longer covers."""

    def run(self) -> float:
        """Prune a batch."""
        self.post.pools.forget(DEAD_POOL_SECONDS)
        keep = self.post.settings.keep_succeeded
        if keep is None:
            return PAUSE
        return BREATH if self.post.store.prune(keep, BATCH) == BATCH else PAUSE
