"""Wake-ups for workers, rung seldom enough that they cost nothing.

Who stores jobs rings at most once in ``RING_SECONDS`` (``Ringer``). Who listens answers each ring twice: at once,
and when the next one may come (``Echo``). So no job waits for longer, and none is rung for by itself.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobqueue.stores.base import Store

#: Shortest time between two rings of one process for a queue.
RING_SECONDS = 0.1
#: A little longer, so that the echo comes after all that was stored without a ring of its own.
ECHO_SECONDS = 0.12


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


class Echo:
    """When to look again at the queues that were rung for: so long after the last ring for each.

    Counted from the last, not from the first: a ring just before the first one's echo has jobs behind it, too.
    """

    def __init__(self) -> None:
        self._due: dict[str, float] = {}

    def hear(self, queues: Iterable[str], now: float) -> None:
        """Note a ring."""
        self._due.update(dict.fromkeys(queues, now + ECHO_SECONDS))

    @property
    def next(self) -> float:
        """When the next look is due; infinity if none is."""
        return min(self._due.values(), default=inf)

    def due(self, now: float) -> frozenset[str]:
        """Return the queues to look at now, and forget them."""
        queues = frozenset(queue for queue, when in self._due.items() if when <= now)
        for queue in queues:
            del self._due[queue]
        return queues


ringer = Ringer()
os.register_at_fork(after_in_child=ringer.forget)
