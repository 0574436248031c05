"""Wake-ups for workers, rung seldom enough that they cost little."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING

from jobqueue.stores.ears import RING_SECONDS

if TYPE_CHECKING:
    from jobqueue.stores.base import Store


class Ringer:
    """Rings the workers of a queue at most once in a while; they look again so long after a ring.

    Args:
        pause: shortest time between two rings for a queue, seconds.
        clock: monotonic clock, seconds.
    """

    def __init__(self, pause: float = RING_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self.pause = pause
        self.clock = clock
        self._rung: dict[tuple[str, str], float] = {}

    def ring(self, store: Store, queues: set[str]) -> None:
        """Notify the workers of those queues that were not rung just now."""
        now = self.clock()
        due = {queue for queue in queues if now - self._rung.get((store.alias, queue), -inf) >= self.pause}
        if due:
            self._rung.update({(store.alias, queue): now for queue in due})
            store.notify(due)

    def forget(self) -> None:
        """Ring at once next time, as a new process must."""
        self._rung.clear()


ringer = Ringer()
os.register_at_fork(after_in_child=ringer.forget)
