"""What all duties share."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from jobqueue.conf import Settings
from jobqueue.pool.options import PoolOptions
from jobqueue.stores.base import Store
from jobqueue.stores.pools import PoolRegistry
from jobqueue.worker.bell import Bell
from jobqueue.worker.board import Board, Seat, Slot
from jobqueue.worker.minutes import Minutes


class DeclaredDead(Exception):
    """Others have declared this pool dead: it must stop its workers and take a new identity."""


@dataclass(frozen=True, slots=True)
class Post:
    """What maintenance works with.

    ``bells`` are the workers', by the index of their slot. ``clock`` is monotonic. ``minutes`` counts the attempts
    that maintenance ends.
    """

    store: Store
    settings: Settings
    options: PoolOptions
    board: Board
    bells: Sequence[Bell]
    pid: int
    clock: Callable[[], float] = time.monotonic
    minutes: Minutes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "minutes", Minutes(self.store, self.settings.keep_statistics, self.clock))

    @property
    def pools(self) -> PoolRegistry:
        """The pools of the same store."""
        return PoolRegistry(self.store)

    @property
    def pool_id(self) -> int:
        """The pool's own row."""
        return int(self.board.header.pool_id)

    def ring_workers(self, queues: frozenset[str] | None = None) -> None:
        """Wake the idle workers, unless none of these queues is theirs (None: unknown which)."""
        if queues is None or self._are_ours(queues):
            for slot in self._waiting():
                self.bells[slot.index].ring()

    def ring_one_worker(self, queues: frozenset[str], after: int) -> int:
        """Wake the next idle worker behind a slot's index, if one of these queues is theirs; return its index."""
        waiting = self._waiting() if self._are_ours(queues) else []
        if not waiting:
            return after
        slot = next((slot for slot in waiting if slot.index > after), waiting[0])
        self.bells[slot.index].ring()
        return slot.index

    def _waiting(self) -> list[Slot]:
        return [slot for slot in self.board.seated(Seat.ALIVE) if slot.words.waiting]

    def _are_ours(self, queues: frozenset[str]) -> bool:
        ours = self.options.worker.selection.queues
        return not queues.isdisjoint(ours) if ours else bool(queues)


class Duty(ABC):
    """Something that maintenance does again and again."""

    def __init__(self, post: Post) -> None:
        self.post = post

    @abstractmethod
    def run(self) -> float:
        """Do it, and return the seconds until the next time."""

    def forget(self) -> None:  # noqa: B027 (most have nothing to forget)
        """Drop what was observed: the database was away, and others may have been as blind."""
