"""A bell between processes and threads: anybody rings, one sleeper wakes."""

from __future__ import annotations

import os
import select
from collections.abc import Sequence
from contextlib import suppress


class Bell:
    """A pipe that holds at most a few bytes. Rings add up to one."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when the bell rings."""
        return self._reader

    def ring(self) -> None:
        """Wake the sleeper; safe in signal handlers, from any thread or process."""
        with suppress(BlockingIOError):  # a full pipe has been rung more than enough
            os.write(self._writer, b"!")

    def wait(self, seconds: float | None, also: Sequence[int] = ()) -> bool:
        """Sleep until the bell rings, another descriptor is readable, or the time is over.

        Args:
            seconds: longest sleep; None sleeps without end.
            also: further descriptors that wake.

        Returns:
            True if woken by the bell.
        """
        poll = select.poll()
        for descriptor in (self._reader, *also):
            poll.register(descriptor, select.POLLIN)
        timeout = None if seconds is None else max(0.0, seconds) * 1000
        rung = any(descriptor == self._reader for descriptor, _ in poll.poll(timeout))
        if rung:
            self.silence()
        return rung

    def silence(self) -> None:
        """Forget the rings so far."""
        with suppress(BlockingIOError):
            while os.read(self._reader, 4096):
                pass

    def close(self) -> None:
        """Give the descriptors back."""
        os.close(self._reader)
        os.close(self._writer)
