"""Which job is being performed right now."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from jobqueue.exceptions import JobTimeout
from jobqueue.rows import ClaimedJob


class CurrentJob:
    """The job that the calling code is part of; has all attributes of the claimed job.

    ``current_job().claim_id`` is new with every claim: hand it on to outside services as a fencing token.
    ``current_job().headers`` is what was stored with it: language, release, and what middleware has added.
    """

    __slots__ = ("_deadline", "headers", "job")

    def __init__(self, job: ClaimedJob, deadline: float, headers: Mapping[str, str]) -> None:
        self.job = job
        self.headers = headers
        self._deadline = deadline

    def __getattr__(self, name: str) -> Any:
        return getattr(self.job, name)

    @property
    def time_left(self) -> float:
        """Seconds until the soft time limit; negative when it has passed."""
        return self._deadline - time.monotonic()

    def check_time(self) -> None:
        """Raise JobTimeout if the time is up; for jobs on threads, which no signal can reach."""
        if self.time_left <= 0:
            raise JobTimeout(f"{self.job} is over its time limit")


_current: ContextVar[CurrentJob | None] = ContextVar("jobqueue_current_job", default=None)


def current_job() -> CurrentJob | None:
    """Return the job being performed, or None outside of one."""
    return _current.get()


enter = _current.set
leave = _current.reset
