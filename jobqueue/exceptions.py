"""What callers may catch, and what a job may raise to steer its own fate."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from jobqueue.sentences import Sentence


class JobQueueError(Exception):
    """Base of every error this package raises on purpose."""


# Mistakes of a caller, raised before anything is stored.


class PayloadError(JobQueueError, ValueError):
    """A value cannot be stored with a job: its type, its size or its depth."""


class NotJSON(PayloadError, TypeError):
    """An argument of a task of Django's is of a type that JSON lacks."""


class UnstorableResult(PayloadError, TypeError):
    """What a task of Django's has returned cannot be stored; it has failed then, and is not tried again."""


class NotPerformable(JobQueueError, TypeError):
    """What was handed over cannot be found or performed by a worker."""


class OptionError(JobQueueError, ValueError):
    """A job option is unknown, of the wrong type or out of range."""


class QueueNameError(OptionError):
    """A queue's name is malformed, or is not among the declared ones."""


class QueueFull(JobQueueError):
    """So many jobs of a queue wait for a worker that no more may be stored (``MAX_WAITING``).

    Args:
        queue: its name.
        waiting: how many of its jobs are ready; counted to the limit and no further.
        more: how many were to be stored.
        limit: how many may wait.
        paused: whether nobody takes them, since the queue rests.
    """

    def __init__(self, queue: str, waiting: int, more: int, limit: int, paused: bool = False) -> None:
        remedy = Sentence(_("Try again later, or start more workers for it."))
        if paused:
            command = f"python manage.py jobs resume {queue}"
            remedy = Sentence(_("It is paused. Resume it: %(command)s"), command=command)
        told = ngettext_lazy(
            'Queue "%(queue)s" has no room for another job: %(waiting)s wait for a worker, and '
            'JOBQUEUE["MAX_WAITING"] allows %(limit)s. %(remedy)s',
            'Queue "%(queue)s" has no room for %(told)s more jobs: %(waiting)s wait for a worker, and '
            'JOBQUEUE["MAX_WAITING"] allows %(limit)s. %(remedy)s',
            "count",
        )
        amounts = {"waiting": f"{waiting:,}", "limit": f"{limit:,}", "told": f"{more:,}"}
        super().__init__(Sentence(told, queue=queue, count=more, remedy=remedy, **amounts))
        self.queue, self.waiting, self.more, self.limit, self.paused = queue, waiting, more, limit, paused

    def __reduce__(self) -> tuple[type[QueueFull], tuple[str, int, int, int, bool]]:
        return QueueFull, (self.queue, self.waiting, self.more, self.limit, self.paused)


class JobNotStored(JobQueueError):
    """The job's row does not exist yet: it waits for another database's commit."""


class JobStateError(JobQueueError):
    """The job is not in a state from which this act is possible."""


class PoolGone(JobQueueError):
    """The pool that was to do something has stopped, or was declared dead."""


# What whoever waits for a job may learn.


class JobFailed(JobQueueError):
    """The job that was waited for has failed for good.

    Attributes:
        job_id: its id.
        error: type, message and traceback of what it raised.
    """

    def __init__(self, message: str, job_id: int, error: str) -> None:
        super().__init__(message)
        self.job_id, self.error = job_id, error

    def __reduce__(self) -> tuple[type[JobFailed], tuple[str, int, str]]:
        return type(self), (str(self), self.job_id, self.error)


class JobCancelled(JobFailed):
    """The job that was waited for was cancelled."""


class JobGone(JobQueueError):
    """The job that was waited for is no longer in the table, so nobody knows how it ended."""


# What a worker finds in a row.


class CorruptHandler(JobQueueError):
    """The handler is not readable; the row is parked, never performed."""


class BadSignature(CorruptHandler):
    """The handler's signature does not hold; the row is parked, never performed."""


class DecryptionError(CorruptHandler):
    """A stored text is encrypted, and no key of ``ENCRYPTION_KEYS`` opens it; a row whose handler it is, is parked."""


class UnknownPerformable(JobQueueError):
    """The signed handler names something that this release of the code does not have."""


class MissingRow(JobQueueError):
    """A model instance that the job refers to no longer exists.

    Attributes:
        on_missing: what the job wants then, "cancel" or "fail".
    """

    on_missing = "cancel"


class ClaimLost(JobQueueError):
    """The job is no longer held by this claim: another worker may have it."""


class JobCrashed(JobQueueError):
    """What notifiers and ``job_failed`` are given for a job whose process died before it could report the end."""


# What may be raised inside a job.


class JobTimeout(TimeoutError):
    """Raised inside a job that has used up its ``max_run_time``."""


class JobInterrupted(BaseException):
    """Raised inside a job whose worker must leave now; the job is put back uncharged.

    Not an ``Exception``, so that a job's own ``except Exception`` lets it pass.
    """


class JobCalledOff(BaseException):
    """Raised inside a running job that somebody cancels.

    Not an ``Exception``, so that a job's own ``except Exception`` lets it pass. A job that needs a moment to clean up
    has ``KILL_SECONDS``.
    """


class Retry(JobQueueError):
    """Raise in a job to try again later; the attempt counts.

    Args:
        wait: pause before the next attempt, seconds or timedelta; None leaves it to the backoff.
        at: exact time of the next attempt instead of ``wait`` (aware datetime).
        reason: short text kept as the job's last error.

    Raises:
        ValueError: if ``at`` has no time zone although the project uses them, or lies beyond the years 1000 to 2999.
    """

    def __init__(
        self,
        wait: float | timedelta | None = None,
        *,
        at: datetime | None = None,
        reason: str = "asked for a retry",
    ) -> None:
        super().__init__(reason)
        self.wait = None if wait is None else as_seconds(wait)
        self.at = zoned(at)


class Snooze(JobQueueError):
    """Raise in a job to be performed again later; the attempt does not count.

    Args:
        wait: pause, seconds or timedelta.
        until: exact time instead of ``wait`` (aware datetime).

    Raises:
        TypeError: unless exactly one of them is given.
        ValueError: if ``until`` has no time zone although the project uses them, or lies beyond the years 1000 to 2999.
    """

    def __init__(self, wait: float | timedelta | None = None, *, until: datetime | None = None) -> None:
        if (wait is None) == (until is None):
            raise TypeError("Snooze takes either wait or until")
        super().__init__(f"snoozed for {wait}" if until is None else f"snoozed until {until}")
        self.wait = None if wait is None else as_seconds(wait)
        self.until = zoned(until)


class Cancel(JobQueueError):
    """Raise in a job to end it as cancelled: no retry, no failure.

    Args:
        reason: short text kept as the job's last error.
    """

    def __init__(self, reason: str = "cancelled by the job itself") -> None:
        super().__init__(reason)


def zoned(moment: datetime | None) -> datetime | None:
    """Return a time that can be stored as it is meant."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        if settings.USE_TZ:
            raise ValueError(f"{moment:%Y-%m-%d %H:%M} has no time zone. Use timezone.now() + timedelta(hours=2).")
        return _in_calendar(moment)
    try:
        return _in_calendar(moment.astimezone(UTC) if settings.USE_TZ else timezone.make_naive(moment))
    except OverflowError:
        raise ValueError(f"{moment} is beyond the calendar.") from None


def _in_calendar(moment: datetime) -> datetime:
    if not 1000 <= moment.year < 3000:
        raise ValueError(f"{moment} is beyond the calendar.")
    return moment


def as_seconds(value: float | timedelta | Any) -> float:
    """Return a duration in seconds, given as number or timedelta."""
    return value.total_seconds() if isinstance(value, timedelta) else float(value)


def shown(value: object) -> str:
    """Return a value as an error shows it: short, whatever the value says of itself."""
    try:
        text = repr(value)
    except Exception:
        text = f"<{type(value).__name__} that cannot be shown>"
    return text if len(text) <= 80 else f"{text[:77]}..."
