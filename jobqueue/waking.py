"""Once jobs are stored, or made ready: who performs them learns of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction

from jobqueue import signals
from jobqueue.conf import INLINE, get_settings
from jobqueue.hints import lookout
from jobqueue.ringing import ringer
from jobqueue.stores.ears import SCHEDULE

if TYPE_CHECKING:
    from jobqueue.models import Job
    from jobqueue.stores.base import Store


def stored(store: Store, job: Job) -> Job:
    """Tell of a new job; return its row, in inline mode as it is when it was performed, if it is kept."""
    if get_settings().mode == INLINE:
        signals.stored_inline.send(store, job_ids=[job.pk])
        return type(job)._base_manager.using(store.alias).filter(pk=job.pk).first() or job
    ring(store, concerned(job.queue, job.run_at - job.created_at))
    lookout.stored(store, job)
    return job


def stored_many(store: Store, ids: Sequence[int], queues: set[str]) -> None:
    """Tell of new jobs in these queues."""
    if get_settings().mode == INLINE:
        signals.stored_inline.send(store, job_ids=ids)
        return
    ring(store, queues)
    lookout.stored_many(store, ids)


def made_ready(store: Store, ids: Sequence[int], queues: set[str]) -> None:
    """Tell of jobs in these queues that somebody has made ready."""
    if get_settings().mode == INLINE:
        signals.stored_inline.send(store, job_ids=ids)
    else:
        ring(store, queues)


def concerned(queue: str, wait: timedelta) -> set[str]:
    """Return whom to ring for a job: its queue, or those who promote if it is due before they would look."""
    if wait <= timedelta():
        return {queue}
    return {SCHEDULE} if wait <= timedelta(seconds=get_settings().poll_seconds) else set()


def ring(store: Store, queues: set[str]) -> None:
    """Ring the workers of these queues when the transaction commits, where they can hear it."""
    if queues and store.can_notify:
        transaction.on_commit(lambda: ringer.ring(store, queues), using=store.alias, robust=True)
