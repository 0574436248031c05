"""The soft time limit: an exception raised inside the job when its time is up."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Protocol, Self

from jobqueue.exceptions import JobInterrupted, JobTimeout


class TimeLimit(Protocol):
    """Bounds the code between ``start`` and ``stop``."""

    def start(self, seconds: float) -> None:
        """Begin to count."""

    def stop(self) -> bool:
        """Stop counting; nothing is raised from here on. Return whether something was since ``start``."""


class Cooperative:
    """For threads: no signal reaches them, a job asks ``current_job().check_time()`` by itself."""

    def start(self, seconds: float) -> None:
        """Count nothing: the deadline stands in the job's context."""

    def stop(self) -> bool:
        """Nothing to stop."""
        return False


class Alarm:
    """For a process's main thread: an interval timer raises JobTimeout wherever the job just is.

    It also carries the order to leave at once, which raises JobInterrupted in the same way.
    Use as a context manager round the life of the worker.
    """

    def __init__(self) -> None:
        self._armed = False
        self._interrupted = False

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGALRM, self._time_is_up)
        return self

    def __exit__(self, *exc: type[BaseException] | BaseException | TracebackType | None) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._before)

    def start(self, seconds: float) -> None:
        """Begin to count; raise at once if the order to leave has come meanwhile."""
        self._armed = True
        if self._interrupted:
            self._armed = False
            raise JobInterrupted
        signal.signal(signal.SIGALRM, self._time_is_up)  # the job before may have taken it
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def stop(self) -> bool:
        """Stop counting; return whether the job was torn out of whatever it did."""
        armed, self._armed = self._armed, False
        signal.setitimer(signal.ITIMER_REAL, 0)
        return not armed

    def interrupt(self) -> None:
        """Make the running job, and any that would follow, end with JobInterrupted. For signal handlers."""
        self._interrupted = True
        if self._armed:
            self._armed = False
            raise JobInterrupted

    def _time_is_up(self, signum: int, frame: FrameType | None) -> None:
        if self._armed:
            self._armed = False
            raise JobTimeout("it ran longer than its max_run_time")
