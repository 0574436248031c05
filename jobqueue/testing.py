"""Helpers for the tests of projects that use jobqueue."""

from __future__ import annotations

from jobqueue.conf import get_settings
from jobqueue.performing.coroutines import run_on_calling_thread
from jobqueue.performing.executor import Executor
from jobqueue.stores import get_store
from jobqueue.worker.clerk import Selection
from jobqueue.worker.workoff import Tally, WorkOff


def work_off(*queues: str, limit: int | None = None) -> Tally:
    """Perform all due jobs in this process and thread, also inside a test's transaction.

    Args:
        queues: only these; all by default.
        limit: stop after so many jobs.

    Returns:
        The counts ``performed``, ``failed`` and ``put_back``.
    """
    store, settings = get_store(), get_settings()
    executor = Executor(store, settings, run_coroutine=run_on_calling_thread)
    return WorkOff(store, settings, executor, Selection(queues), limit).run()
