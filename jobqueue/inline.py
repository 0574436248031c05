"""The inline mode: a job is performed where it is stored, at once, on the caller's connection and thread.

It is stored, claimed, performed and finished as by a worker, so what could not be stored, or what fails, is seen as
there. A job that a job stores is performed after it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from jobqueue import signals
from jobqueue.conf import get_settings
from jobqueue.notifying import tell_at_once
from jobqueue.performing.coroutines import run_on_calling_thread
from jobqueue.performing.sheltered import Sheltered
from jobqueue.rows import ClaimedJob, ClaimRequest
from jobqueue.states import State
from jobqueue.stores.base import Store
from jobqueue.worker.minutes import Minutes
from jobqueue.worker.workoff import WorkOff

#: The jobs of the pass that is under way in this context.
_under_way: ContextVar[deque[int] | None] = ContextVar("jobqueue_inline", default=None)


def listen() -> None:
    """Perform what is stored in inline mode."""
    signals.stored_inline.connect(perform)


def perform(sender: Store, job_ids: Iterable[int], **_: Any) -> None:
    """Perform these jobs of a store, those that are ready."""
    if (waiting := _under_way.get()) is not None:
        waiting.extend(job_ids)
        return
    ids = deque(job_ids)
    token = _under_way.set(ids)
    try:
        settings = get_settings()
        executor = Sheltered(sender, settings, run_coroutine=run_on_calling_thread)
        minutes = Minutes(sender, settings.keep_statistics)
        Pass(sender, settings, executor, name="inline", tell=tell_at_once, minutes=minutes, ids=ids).run()
    finally:
        _under_way.reset(token)


@dataclass
class Pass(WorkOff):
    """Performs the jobs that are named, one after another; the list may grow meanwhile."""

    ids: deque[int] = field(default_factory=deque)
    patience: float = 0.0

    def claim(self, pool_id: int, locked_by: str) -> list[ClaimedJob]:
        """Return the next one that is ready."""
        while self.ids:
            request = ClaimRequest(uuid4(), pool_id, locked_by, limit=1)
            if job := self.store.take(self.ids.popleft(), request, states=(State.READY,)):
                return [job]
        return []
