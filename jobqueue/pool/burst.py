"""Counts the jobs of a pass, and says so when the pass is over."""

from __future__ import annotations

from collections.abc import Callable

#: A pass is over when nothing has been performed for so long.
REST_SECONDS = 0.5


class Burst:
    """From the first job after a rest to the last before the next."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._retired = (0, 0)
        self._at_start = (0, 0)
        self._began = self._changed = clock()
        self._under_way = False
        self.succeeded = 0
        self.failed = 0

    def add(self, succeeded: int, failed: int) -> None:
        """Keep the counts of a worker that has ended."""
        self._retired = (self._retired[0] + succeeded, self._retired[1] + failed)

    def look(self, succeeded: int, failed: int, busy: bool) -> str | None:
        """Take the living workers' counts; return the line to print when a pass has ended."""
        now = self._clock()
        before = (self.succeeded, self.failed)
        self.succeeded, self.failed = self._retired[0] + succeeded, self._retired[1] + failed
        if busy or (self.succeeded, self.failed) != before:
            if not self._under_way:
                self._under_way, self._began, self._at_start = True, self._changed, before
            self._changed = now
            return None
        if not self._under_way:
            self._changed = now
            return None
        if now - self._changed < REST_SECONDS:
            return None
        return self._end(now)

    def _end(self, now: float) -> str | None:
        self._under_way = False
        failed = self.failed - self._at_start[1]
        done = self.succeeded - self._at_start[0] + failed
        seconds = self._changed - self._began
        self._changed = now
        return processed_line(done, failed, seconds) if done else None


def processed_line(done: int, failed: int, seconds: float) -> str:
    """Return Delayed Job's line about a pass."""
    return f"{done} jobs processed at {done / max(seconds, 1e-4):.4f} j/s, {failed} failed ..."
