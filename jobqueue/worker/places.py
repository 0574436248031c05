"""Who may perform beside whom, where a worker performs many coroutines and few jobs that block."""

from __future__ import annotations

import threading
from collections.abc import Callable

#: How often one who waits for a place looks whether the worker is closing.
GIVE_UP_SECONDS = 0.1


class Places:
    """Places for jobs that block their thread; a coroutine needs none.

    Of most jobs the name tells. Of others it is known once one of them has been begun; until then they take a place.

    Args:
        count: jobs that may block at a time.
        is_coroutine: whether jobs of a name are known to be coroutines.
    """

    def __init__(self, count: int, is_coroutine: Callable[[str], bool] = lambda name: False) -> None:
        self._free = threading.Semaphore(count)
        self._is_coroutine = is_coroutine
        self._coroutines: set[str] = set()
        self._mine = threading.local()

    def take(self, name: str, give_up: Callable[[], bool]) -> bool:
        """Wait for a place for a job of that name, on the thread that will perform it; False if given up."""
        while not (name in self._coroutines or self._is_coroutine(name)):
            if self._free.acquire(timeout=GIVE_UP_SECONDS):
                self._mine.taken = True
                return True
            if give_up():
                return False
        return True

    def leave_to_others(self, name: str) -> None:
        """Say on the performing thread that the job has turned out to be a coroutine."""
        self._coroutines.add(name)
        self.leave()

    def leave(self) -> None:
        """Give the place of the calling thread back, if it has one."""
        if getattr(self._mine, "taken", False):
            self._mine.taken = False
            self._free.release()
