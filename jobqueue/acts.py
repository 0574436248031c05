"""What a caller may do to one stored job: retry, cancel, hasten or postpone it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.apps import apps

from jobqueue import logs, signals
from jobqueue.client import ring
from jobqueue.conf import INLINE, get_settings
from jobqueue.exceptions import JobStateError, OptionError, shown
from jobqueue.options import check_call
from jobqueue.pending import PendingJob
from jobqueue.rows import When, due_at
from jobqueue.states import State
from jobqueue.stores import get_store
from jobqueue.writing import writing

if TYPE_CHECKING:
    from jobqueue.models import Job
    from jobqueue.stores.base import Store


def retry(job: Job | int) -> None:
    """Make a failed or cancelled job ready again, its attempts uncounted.

    Args:
        job: the job or its id.

    Raises:
        JobStateError: if it is in another state, which is named.
    """
    _act("retry", job, (State.FAILED, State.CANCELLED))


def cancel(job: Job | int, by: str = "") -> bool:
    """Call off a job that waits, or have one end that runs.

    A running job gets ``JobCalledOff`` within two seconds, a coroutine is cancelled; what does not end then is ended
    with its process ``KILL_SECONDS`` later. If it succeeds meanwhile, it has succeeded.

    Args:
        job: the job or its id.
        by: who wants it, for its ``error``.

    Returns:
        Whether it is cancelled; False if it runs, and ends soon.

    Raises:
        JobStateError: if it has ended.
    """
    store, job_id = get_store(), _id_of(job, "cancel")
    if not isinstance(by, str):
        raise TypeError(f"cancel takes a name as by. It is {shown(by)}.")
    with writing(store, "acancel"):
        if store.cancel(job_id):
            return True
        # Whatever becomes of it between the two looks, the wish is heeded.
        if store.call_off([job_id], logs.harmless(by)):
            return False
    raise _not_possible("cancel", job_id, (State.SCHEDULED, State.READY, State.RUNNING))


def run_now(job: Job | int) -> None:
    """Make a scheduled job ready, whatever its time.

    Args:
        job: the job or its id.

    Raises:
        JobStateError: if it is in another state, which is named.
    """
    _act("run_now", job, (State.SCHEDULED,))


def postpone(job: Job | int, run_at: When) -> None:
    """Let a job that waits run at another time, a later or an earlier one.

    Args:
        job: the job or its id.
        run_at: not before this time (aware datetime), or a timedelta from now.

    Raises:
        JobStateError: if it is in another state, which is named.
        OptionError: if the time cannot be stored.
    """
    _act("postpone", job, (State.SCHEDULED, State.READY), run_at)


async def aretry(job: Job | int) -> None:
    """Do as ``retry`` does, from async code."""
    await sync_to_async(retry)(job)


async def acancel(job: Job | int, by: str = "") -> bool:
    """Do as ``cancel`` does, from async code."""
    return await sync_to_async(cancel)(job, by)


async def arun_now(job: Job | int) -> None:
    """Do as ``run_now`` does, from async code."""
    await sync_to_async(run_now)(job)


async def apostpone(job: Job | int, run_at: When) -> None:
    """Do as ``postpone`` does, from async code."""
    await sync_to_async(postpone)(job, run_at)


def _act(verb: str, job: Job | int, origins: tuple[State, ...], run_at: When | None = None) -> None:
    store = get_store()
    job_id = _id_of(job, verb)
    given = (check_time(run_at, store),) if verb == "postpone" else ()
    with writing(store, f"a{verb}"):
        done = getattr(store, verb)(job_id, *given)
        found = _look(store, job_id)
    if not done:
        raise _not_possible(verb, job_id, origins)
    if get_settings().mode == INLINE:
        signals.stored_inline.send(store, job_ids=[job_id])
        return
    ring(store, {found[1]} if found and found[0] == State.READY else set())


def _look(store: Store, job_id: int) -> tuple[int, str] | None:
    """Return the state and queue of a job, if it is there."""
    rows = apps.get_model("jobqueue", "Job")._base_manager.using(store.alias)
    with store.statement():
        found: tuple[int, str] | None = rows.filter(pk=job_id).values_list("state", "queue").first()
    return found


def _not_possible(verb: str, job_id: int, origins: tuple[State, ...]) -> JobStateError:
    found = _look(get_store(), job_id)
    if found is None:
        return JobStateError(f"Job #{job_id} does not exist.")
    *others, last = (each.label for each in origins)
    possible = f"{', '.join(others)} or {last}" if others else last
    return JobStateError(f"Job #{job_id} is {State(found[0]).label}; {verb} takes only a {possible} job.")


def check_time(run_at: When | None, store: Store) -> datetime:
    """Return when a job shall run that is moved to a time.

    Raises:
        OptionError: if it is no time, or cannot be stored.
    """
    if run_at is None:
        raise OptionError("run_at must be an aware datetime, or a timedelta from now. It is None.")
    return due_at(check_call({"run_at": run_at})["run_at"], store.now())


def _id_of(job: Any, verb: str) -> int:
    stored = isinstance(job, PendingJob | apps.get_model("jobqueue", "Job"))
    job_id = job.pk if stored else job
    if isinstance(job_id, int) and not isinstance(job_id, bool):
        return job_id
    raise TypeError(f"{verb} takes a stored job or its id, a whole number. It is {shown(job)}.")
