"""To perform jobs in a test: those that are stored, or a single call."""

from __future__ import annotations

import time
from contextlib import nullcontext
from inspect import iscoroutine
from typing import Any
from uuid import uuid4

from asgiref.sync import sync_to_async
from django.db import transaction

from jobqueue.conf import Settings, get_settings
from jobqueue.drafting import new_job
from jobqueue.exceptions import JobQueueError
from jobqueue.handlers.loaded import Loaded
from jobqueue.models import Job
from jobqueue.notifying import tell_at_once
from jobqueue.outcomes import FAILURES, Blocked
from jobqueue.performing import context, hooks
from jobqueue.performing.coroutines import run_on_calling_thread
from jobqueue.performing.executor import Ended
from jobqueue.performing.loading import load, opened
from jobqueue.performing.sheltered import Sheltered
from jobqueue.rows import ClaimedJob
from jobqueue.stores import get_store
from jobqueue.stores.base import Store
from jobqueue.testing.stored import check_commits
from jobqueue.testing.wanted import performable_of
from jobqueue.worker.clerk import Selection
from jobqueue.worker.workoff import Tally, WorkOff


def work_off(*queues: str, limit: int | None = None, scheduled: bool = False, raise_errors: bool = False) -> Tally:
    """Perform all due jobs in this process and thread, also inside a test's transaction.

    Args:
        queues: only these; all by default.
        limit: stop after so many jobs.
        scheduled: also those that wait for their time now; not those that begin to wait meanwhile, as for a retry.
        raise_errors: stop at the first job that fails, and raise what it raised; its row is written before.

    Returns:
        The counts ``performed``, ``failed`` and ``put_back``.

    Raises:
        JobNotStored: if there are jobs that wait for another database's commit.
    """
    check_commits()
    store, settings = get_store(), get_settings()
    if scheduled:
        _make_due(store, queues)
    executor = Watching(store, settings, stop=raise_errors)
    work = WorkOff(store, settings, executor, Selection(queues), limit, tell=tell_at_once)
    work.is_asked_to_stop = executor.is_to_stop
    tally = work.run()
    if raise_errors and executor.errors:
        raise executor.errors[0]
    return tally


async def awork_off(
    *queues: str, limit: int | None = None, scheduled: bool = False, raise_errors: bool = False
) -> Tally:
    """Do as ``work_off`` does, from async code."""
    work = sync_to_async(work_off)
    return await work(*queues, limit=limit, scheduled=scheduled, raise_errors=raise_errors)


class Watching(Sheltered):
    """Keeps what jobs have raised.

    Args:
        stop: whether to perform no more after the first.
    """

    def __init__(self, store: Store, settings: Settings, *, stop: bool) -> None:
        super().__init__(store, settings, run_coroutine=run_on_calling_thread)
        self._stop = stop
        self.errors: list[BaseException] = []

    def perform(self, job: ClaimedJob) -> Ended:
        """Perform, and note the error."""
        ended = super().perform(job)
        if isinstance(ended.outcome, (*FAILURES, Blocked)):
            error = getattr(ended.outcome, "exception", None)
            self.errors.append(error or JobQueueError(ended.outcome.error))
        return ended

    def is_to_stop(self) -> bool:
        """Whether a job has failed, and that ends the pass."""
        return self._stop and bool(self.errors)


def _make_due(store: Store, queues: tuple[str, ...]) -> None:
    rows = Job.objects.using(store.alias).scheduled()
    for job_id in list((rows.filter(queue__in=queues) if queues else rows).values_list("pk", flat=True)):
        store.run_now(job_id)


def run_job(job: Any, *args: Any, **kwargs: Any) -> Any:
    """Perform a call here and now, on the way that a worker's takes: ``run_job(send_receipt, order)``.

    It is encoded, signed, verified and restored, and hooks are called; no row is stored, no signal is sent, there is
    no time limit and no other attempt.

    Args:
        job: a job function, a class, ``(obj, "method")``; or an object or call that has its arguments already.
        args: positional arguments; of a class, those of ``__init__``.
        kwargs: arguments by name.

    Returns:
        What the job returns.

    Raises:
        PayloadError, NotPerformable, OptionError, TypeError: if it could not be stored.
        Exception: what the job raises itself, ``Retry``, ``Snooze`` and ``Cancel`` included.
    """
    new = new_job(performable_of(job, args, kwargs), {})
    store = get_store()
    now = store.now()
    limits = (new.max_attempts, new.max_run_time)
    claimed = ClaimedJob(0, new.queue, new.name, new.priority, 1, new.handler, now, now, 0, *limits, None, uuid4())
    loaded = load(claimed, opened(claimed))
    seconds = new.max_run_time or get_settings().max_run_time
    token = context.enter(context.CurrentJob(claimed, time.monotonic() + seconds, loaded.headers))
    try:
        with transaction.atomic(using=store.alias) if loaded.options.atomic else nullcontext():
            return _perform(claimed, loaded, seconds)
    finally:
        context.leave(token)


async def arun_job(job: Any, *args: Any, **kwargs: Any) -> Any:
    """Do as ``run_job`` does, from async code."""
    return await sync_to_async(run_job)(job, *args, **kwargs)


def _perform(job: ClaimedJob, loaded: Loaded, seconds: float) -> Any:
    try:
        hooks.call(loaded.hooks, "before", job)
        result = loaded.perform()
        if iscoroutine(result):
            result = run_on_calling_thread(result, seconds)
        hooks.call(loaded.hooks, "success", job)
        return result
    except Exception as error:
        hooks.call(loaded.hooks, "error", job, error)
        raise
    finally:
        hooks.call(loaded.hooks, "after", job)
