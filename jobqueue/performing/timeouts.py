"""The soft time limit: an exception raised inside the job when its time is up."""

from __future__ import annotations

import signal
import time
from types import FrameType, TracebackType
from typing import Protocol, Self

from jobqueue.exceptions import JobCalledOff, JobInterrupted, JobTimeout
from jobqueue.logs import short

#: A handler for the alarm that a job has left behind is replaced within so many seconds of quick jobs.
RESET_SECONDS = 0.01
#: Shortest time that the timer is set to.
TICK_SECONDS = 0.001


def too_long(seconds: float) -> JobTimeout:
    """Return what is raised in a job that has run for so long."""
    limit = f"stopped after {short(seconds)} (max_run_time)"
    return JobTimeout(f"{limit}. Raise max_run_time on the job, or split the work.")


class TimeLimit(Protocol):
    """Bounds the code between ``start`` and ``stop``."""

    def start(self, seconds: float) -> None:
        """Begin to count."""

    def stop(self) -> bool:
        """Stop counting; nothing is raised from here on. Return whether something was since ``start``."""

    def call_off(self, reason: str) -> None:
        """Raise JobCalledOff inside the job, where that can be done. For signal handlers."""


class Cooperative:
    """For threads: no signal reaches them, a job asks ``current_job().check_time()`` by itself."""

    def start(self, seconds: float) -> None:
        """Count nothing: the deadline stands in the job's context."""

    def stop(self) -> bool:
        """Nothing to stop."""
        return False

    def call_off(self, reason: str) -> None:
        """Raise nothing: a job asks ``current_job().cancelled`` by itself."""


class Alarm:
    """For a process's main thread: an interval timer raises JobTimeout wherever the job just is.

    The timer goes on from job to job, which spares two system calls for each: when it fires for a job that is long
    over, it is set to the end of the present one.

    It also carries the order to leave at once, which raises JobInterrupted in the same way, and the wish that the
    running job end, which raises JobCalledOff.
    Use as a context manager round the life of the worker.
    """

    def __init__(self) -> None:
        self._armed = False
        self._interrupted = False
        self._seconds = 0.0
        self._deadline = 0.0
        self._set_at = 0.0

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGALRM, self._time_is_up)
        return self

    def __exit__(self, *exc: type[BaseException] | BaseException | TracebackType | None) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._before)

    def start(self, seconds: float) -> None:
        """Begin to count; raise at once if the order to leave has come meanwhile."""
        now = time.monotonic()
        self._seconds = seconds
        self._deadline = now + seconds
        self._armed = True
        if self._interrupted:
            self._armed = False
            raise JobInterrupted
        pending, _ = signal.getitimer(signal.ITIMER_REAL)
        if not 0 < pending <= seconds or now - self._set_at > RESET_SECONDS:
            signal.signal(signal.SIGALRM, self._time_is_up)  # a job before may have taken it
            signal.setitimer(signal.ITIMER_REAL, seconds)
            self._set_at = now

    def stop(self) -> bool:
        """Stop counting; return whether the job was torn out of whatever it did."""
        armed, self._armed = self._armed, False
        return not armed

    def interrupt(self) -> None:
        """Make the running job, and any that would follow, end with JobInterrupted. For signal handlers."""
        self._interrupted = True
        if self._armed:
            self._armed = False
            raise JobInterrupted

    def call_off(self, reason: str) -> None:
        """Make the running job end with JobCalledOff. For signal handlers."""
        if self._armed:
            self._armed = False
            raise JobCalledOff(reason)

    def _time_is_up(self, signum: int, frame: FrameType | None) -> None:
        if not self._armed:
            return
        left = self._deadline - time.monotonic()
        if left > 0:
            signal.setitimer(signal.ITIMER_REAL, max(left, TICK_SECONDS))
            return
        self._armed = False
        raise too_long(self._seconds)
