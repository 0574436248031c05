"""Performs inside a transaction of the caller's, as tests and the inline mode do."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from jobqueue.handlers.loaded import Loaded
from jobqueue.performing.executor import Ended, Executor
from jobqueue.rows import ClaimedJob


class Sheltered(Executor):
    """A job whose SQL has failed does not break the transactions that were open before it.

    A worker has none open: what follows a failed statement is done there. So the job alone is undone here. The
    transaction of an atomic job is its own, and breaks as it does there.
    """

    _depths: Mapping[str, int] = MappingProxyType({})

    def perform(self, job: ClaimedJob) -> Ended:
        """Perform, and remember what was open before."""
        self._depths = {each.alias: len(each.atomic_blocks) for each in _open()}
        return super().perform(job)

    def _run(self, job: ClaimedJob, loaded: Loaded, seconds: float) -> Any:
        callers = [each for each in _open() if len(each.atomic_blocks) == self._depths.get(each.alias)]
        opened = [(each, each.savepoint()) for each in callers]
        try:
            return super()._run(job, loaded, seconds)
        finally:
            for connection, savepoint in opened:
                _mend(connection, savepoint)


def _open() -> list[Any]:
    """Return the connections that are in a transaction."""
    return [each for each in connections.all(initialized_only=True) if each.in_atomic_block]


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
