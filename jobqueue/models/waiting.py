"""Waiting until a job has ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.db import connections
from django.db.transaction import TransactionManagementError

from jobqueue.conf import get_settings
from jobqueue.exceptions import JobCancelled, JobFailed, JobGone
from jobqueue.states import State

if TYPE_CHECKING:
    from jobqueue.models.job import Job

#: Seconds between two looks: a tenth of the wait so far, so that nobody waits much longer than the job takes.
SHORTEST_PAUSE = 0.01
LONGEST_PAUSE = 1.0
SHARE = 0.1


def wait_for(job: Job, timeout: float | None) -> Any:
    """Look at the row of a job until it has ended, and return the result; see ``Job.wait``."""
    for pause in _pauses(job, timeout):
        if _has_ended(job):
            return _end_of(job)
        time.sleep(pause)
    raise _too_late(job, timeout)


async def await_for(job: Job, timeout: float | None) -> Any:
    """Do as ``wait_for`` does, and let the event loop go on meanwhile."""
    for pause in _pauses(job, timeout):
        if await sync_to_async(_has_ended)(job):
            return _end_of(job)
        await asyncio.sleep(pause)
    raise _too_late(job, timeout)


def _pauses(job: Job, timeout: float | None) -> Iterator[float]:
    """Yield the pause after each look; there is one look more when the time is over."""
    began = time.monotonic()
    while True:
        waited = time.monotonic() - began
        pause = min(max(waited * SHARE, SHORTEST_PAUSE), LONGEST_PAUSE)
        if timeout is None:
            yield pause
            continue
        yield max(min(pause, timeout - waited), 0.0)
        if waited >= timeout:
            return


def _has_ended(job: Job) -> bool:
    """Look at the row; one that has ended is read anew into ``job``."""
    alias = job._state.db or get_settings().database
    rows = type(job)._base_manager.using(alias).filter(pk=job.pk)
    state = rows.values_list("state", flat=True).first()
    if state is None:
        raise JobGone(_gone(job))
    if not State(state).is_final:
        _refuse_in_transaction(job, alias)
        return False
    job.refresh_from_db(using=alias)
    return State(job.state).is_final


def _refuse_in_transaction(job: Job, alias: str) -> None:
    if connections[alias].in_atomic_block:
        raise TransactionManagementError(
            f'Job {job} cannot be waited for inside a transaction on "{alias}": stored in it, the job does not start '
            "before its end. Leave the atomic() block first; in a TestCase, call jobqueue.testing.work_off() first."
        )


def _end_of(job: Job) -> Any:
    error = job.error or ""
    headline = error.strip().split("\n", 1)[0]
    match State(job.state):
        case State.FAILED:
            raise JobFailed(f"Job {job} has failed: {headline}", job.pk, error)
        case State.CANCELLED:
            raise JobCancelled(f"Job {job} was cancelled{headline and f': {headline}'}", job.pk, error)
        case _:
            return job.result


def _gone(job: Job) -> str:
    if get_settings().keep_succeeded == 0:
        return (
            f'Job {job} is gone: JOBQUEUE["KEEP_SUCCEEDED"] is 0, so a job that succeeds is deleted at once, and what '
            "it returned with it. Set it to the seconds for which results shall be kept."
        )
    return f"Job {job} is gone: it was deleted, or rolled back with the transaction that had stored it."


def _too_late(job: Job, timeout: float | None) -> TimeoutError:
    return TimeoutError(
        f"Job {job} has not ended within {timeout:g} s. If it waits for a worker: python manage.py jobworker"
    )
