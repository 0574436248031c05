"""Performs inside a transaction of the caller's, as tests and the inline mode do."""

from __future__ import annotations

from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from jobqueue.handlers.loaded import Loaded
from jobqueue.performing.executor import Executor
from jobqueue.rows import ClaimedJob


class Sheltered(Executor):
    """A job whose SQL has failed does not break the transactions that were open before it.

    A worker has none open: what follows a failed statement is done there. So the job alone is undone here.
    """

    def _run(self, job: ClaimedJob, loaded: Loaded, seconds: float) -> Any:
        opened = [
            (each, each.savepoint()) for each in connections.all(initialized_only=True) if each.in_atomic_block
        ]
        try:
            return super()._run(job, loaded, seconds)
        finally:
            for connection, savepoint in opened:
                _mend(connection, savepoint)


def _mend(connection: BaseDatabaseWrapper, savepoint: str | None) -> None:
    """Go back to the savepoint if the transaction takes no more statements; else forget it."""
    if savepoint is None or not connection.in_atomic_block:
        return
    info = getattr(connection.connection, "info", None)
    status = getattr(info, "transaction_status", None)
    if connection.needs_rollback or getattr(status, "name", "") == "INERROR":
        connection.needs_rollback = False
        connection.savepoint_rollback(savepoint)
    else:
        connection.savepoint_commit(savepoint)
