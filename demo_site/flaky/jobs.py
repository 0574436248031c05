"""Jobs that fail: one gets over it, one never does."""

from __future__ import annotations

from datetime import datetime, timedelta

from jobqueue import Performable
from jobqueue.performing.context import current_job


class ServiceDown(Exception):
    """Stands for whatever fails for a while: a network, a mail server, a bank."""


class Impatient(Performable):
    """Is tried again after 2 seconds, then 4; without `reschedule_at` it would be 6, 21, 86 …"""

    def reschedule_at(self, now: datetime, attempts: int) -> datetime:
        """Return when to try again, after so many attempts."""
        return now + timedelta(seconds=2 * attempts)


class WorksAtLast(Impatient):
    """Fails twice, then works."""

    def perform(self) -> str:
        """Do it, once the service is back."""
        job = current_job()
        assert job is not None
        attempt = job.attempts
        if attempt <= 2:
            raise ServiceDown(f"No answer at attempt {attempt}")
        return f"answered at attempt {attempt}"


class NeverWorks(Impatient):
    """Fails three times and is then kept as failed, for a person to look at."""

    max_attempts = 3

    def perform(self) -> None:
        """Fail."""
        raise ServiceDown("No answer, as always")
