"""Which job is being performed right now."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from jobqueue.exceptions import JobCalledOff, JobTimeout
from jobqueue.performing.notes import Notes
from jobqueue.rows import ClaimedJob

CALLED_OFF = "cancelled while it was running"


def _not_told(notes: Notes) -> None:
    """Where nobody writes down what a job tells."""


class CurrentJob:
    """The job that the calling code is part of; has all attributes of the claimed job.

    ``current_job().claim_id`` is new with every claim: hand it on to outside services as a fencing token.
    ``current_job().headers`` is what was stored with it: language, release, and what middleware has added.
    """

    __slots__ = ("_called_off", "_deadline", "_end_coroutine", "_raised", "_tell", "headers", "job", "notes")

    def __init__(
        self,
        job: ClaimedJob,
        deadline: float,
        headers: Mapping[str, str],
        tell: Callable[[Notes], None] = _not_told,
    ) -> None:
        self.job = job
        self.headers = headers
        self.notes: Notes | None = None
        self._deadline = deadline
        self._tell = tell
        self._called_off = self._raised = False
        self._end_coroutine: Callable[[], None] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.job, name)

    @property
    def logger(self) -> logging.Logger:
        """Logger named after the job."""
        return logging.getLogger(self.job.name)

    @property
    def time_left(self) -> float:
        """Seconds until the soft time limit; negative when it has passed."""
        return self._deadline - time.monotonic()

    def check_time(self) -> None:
        """Raise JobTimeout if the time is up; for jobs on threads, which no signal can reach."""
        if self.time_left <= 0:
            raise JobTimeout(f"{self.job} is over its time limit")

    @property
    def cancelled(self) -> bool:
        """Whether somebody has cancelled the job while it runs: it should end."""
        return self._called_off

    def check_cancelled(self) -> None:
        """Raise JobCalledOff if somebody has cancelled the job; for jobs on threads, which no signal can reach."""
        if self._called_off:
            self._raised = True
            raise JobCalledOff(CALLED_OFF)

    # For those who perform it

    def told(self) -> Notes:
        """Return what is noted of the job, to add to it."""
        if self.notes is None:
            self.notes = Notes(self.job)
        return self.notes

    def pass_on(self) -> None:
        """Have written what is noted."""
        if self.notes is not None:
            self._tell(self.notes)

    def heed(self) -> None:
        """Raise JobCalledOff if somebody has cancelled the job and that has not been raised inside of it yet."""
        if self._called_off and not self._raised:
            self.check_cancelled()

    def call_off(self) -> bool:
        """Note that the job is to end; if it is a coroutine, end it and return True. Safe in signal handlers."""
        self._called_off = True
        if self._end_coroutine is None:
            return False
        self._raised = True
        self._end_coroutine()
        return True

    def interrupted(self) -> None:
        """Note that JobCalledOff is raised inside the job."""
        self._raised = True

    def let_end_by(self, end_coroutine: Callable[[], None] | None) -> None:
        """Note what ends the coroutine that the job is, as long as it is one."""
        self._end_coroutine = end_coroutine


_current: ContextVar[CurrentJob | None] = ContextVar("jobqueue_current_job", default=None)


def current_job() -> CurrentJob | None:
    """Return the job being performed, or None outside of one."""
    return _current.get()


enter = _current.set
leave = _current.reset
