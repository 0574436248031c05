"""Writes that no pool makes: for jobs that are performed where they are stored, and for tests."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import F

from jobqueue.models import Job
from jobqueue.rows import ClaimedJob, ClaimRequest
from jobqueue.states import State
from jobqueue.stores.base import Store


def take(store: Store, job_id: int, request: ClaimRequest) -> ClaimedJob | None:
    """Claim one job, whatever waits before it; None if it is not ready."""
    now = store.ago(0)
    ready = Job.objects.using(store.alias).in_state(State.READY).filter(pk=job_id)
    with store.statement():
        taken = ready.update(
            state=State.RUNNING,
            claim_id=request.claim_id,
            pool_id=request.pool_id,
            locked_by=request.locked_by,
            locked_at=now,
            updated_at=now,
            attempts=F("attempts") + 1,
        )
    return store.adopt(request)[0] if taken else None


def age(store: Store, by: timedelta) -> None:
    """Make scheduled jobs so much older: they were stored earlier, and are due earlier."""
    with store.statement():
        Job.objects.using(store.alias).scheduled().order_by().update(
            run_at=F("run_at") - by, created_at=F("created_at") - by
        )
