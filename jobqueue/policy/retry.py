"""From how an attempt ended to what becomes of the row."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from jobqueue.exceptions import as_seconds
from jobqueue.outcomes import (
    RELEASE,
    Blocked,
    CalledOff,
    Cancelled,
    Corrupt,
    Crashed,
    Decision,
    Failed,
    Lost,
    Outcome,
    Released,
    Snoozed,
    Succeeded,
    TimedOut,
)
from jobqueue.policy.backoff import backoff
from jobqueue.states import State

#: A job that no worker knows is looked at again after so many seconds …
BLOCKED_PAUSE = 60.0
#: … and parked when nobody has known it for so long: a rolling deploy is over by then.
BLOCKED_LIMIT = 3600.0


#: Nobody waits longer; a time further away than dates go could not be stored.
LONGEST_PAUSE = 10 * 365 * 86_400.0

logger = logging.getLogger("jobqueue.job")


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds the attempts of one job.

    Attributes:
        max_attempts: attempts in all.
        max_crashes: how often it may take its process down.
        backoff: from attempts made to the pause before the next, seconds or timedelta.
        keep_succeeded: whether the row stays after success.
        destroy_failed: whether the row goes when it has failed for good.
        retry_crashes: False for at-most-once jobs, which a crash ends.
    """

    max_attempts: int
    max_crashes: int
    backoff: Callable[[int], float | timedelta]
    keep_succeeded: bool = True
    destroy_failed: bool = False
    retry_crashes: bool = True


KEPT = Decision(State.SUCCEEDED)
CRASHED = "crashed"


def decide(
    outcome: Outcome, *, attempts: int, crashes: int, limits: Limits, blocked_seconds: float = 0.0
) -> Decision:
    """Return what becomes of the row.

    Args:
        outcome: how the attempt ended.
        attempts: attempts started so far, this one included.
        crashes: crashes before this attempt.
        limits: what bounds the attempts.
        blocked_seconds: for how long no worker has known what to perform.
    """
    match outcome:
        case Succeeded(result=None) if limits.keep_succeeded:
            return KEPT
        case Succeeded(result=result):
            return Decision(State.SUCCEEDED, result=result, delete=not limits.keep_succeeded)
        case Failed():
            return _after_failure(outcome, attempts, limits)
        case Crashed(error=error):
            return _after_crash(error, attempts, crashes + 1, limits)
        case Snoozed(wait=wait, until=until):
            return Decision(State.SCHEDULED, wait=_bounded(wait), run_at=until, charge=False)
        case CalledOff():
            return Decision(State.CANCELLED)
        case Cancelled(reason=reason):
            return Decision(State.CANCELLED, error=reason)
        case Blocked():
            return _while_blocked(outcome, blocked_seconds)
        case Corrupt(error=error):
            return Decision(State.FAILED, error=error, failure="corrupt", cause=outcome.exception)
        case Released() | Lost():
            return RELEASE


def _after_failure(outcome: Failed, attempts: int, limits: Limits) -> Decision:
    error, failure = outcome.error, "timed out" if isinstance(outcome, TimedOut) else "failed"
    if outcome.final or attempts >= limits.max_attempts:
        delete = limits.destroy_failed
        return Decision(State.FAILED, error=error, failure=failure, delete=delete, cause=outcome.exception)
    if outcome.at is not None:
        return Decision(State.SCHEDULED, run_at=outcome.at, error=error, failure=failure)
    wait = _pause(limits, attempts) if outcome.wait is None else outcome.wait
    return Decision(State.SCHEDULED, wait=_bounded(wait), error=error, failure=failure)


def _pause(limits: Limits, attempts: int) -> float:
    """Return what the backoff says; one that fails must not take the job's end with it."""
    try:
        wait = as_seconds(limits.backoff(attempts))
    except Exception:
        logger.exception("the backoff raised for attempt %d; the default decides", attempts)
        return backoff(attempts)
    return backoff(attempts) if math.isnan(wait) else wait


def _bounded(wait: float | None) -> float | None:
    """Return a pause that every database can add to the present."""
    return None if wait is None else min(max(0.0, wait), LONGEST_PAUSE)


def _after_crash(error: str, attempts: int, crashes: int, limits: Limits) -> Decision:
    if not limits.retry_crashes:
        return _end(f'{error}\nNot repeated: on_crash is "fail".', limits)
    if crashes >= limits.max_crashes:
        return _end(f"{error}\nPoison: it has taken its process down {crashes} times.", limits)
    if attempts >= limits.max_attempts:
        return _end(error, limits)
    return Decision(State.READY, crash=True, error=error, failure=CRASHED)


def _end(error: str, limits: Limits) -> Decision:
    return Decision(State.FAILED, crash=True, error=error, failure=CRASHED, delete=limits.destroy_failed)


def _while_blocked(outcome: Blocked, blocked_seconds: float) -> Decision:
    if blocked_seconds >= BLOCKED_LIMIT:
        return Decision(
            State.FAILED, charge=False, error=outcome.error, failure="unknown", cause=outcome.exception
        )
    return Decision(State.SCHEDULED, wait=BLOCKED_PAUSE, charge=False, blocked=True, error=outcome.error)
