"""What is written by hand: one job claimed whatever waits before it, and scheduled ones made older."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jobqueue.models import Job
from jobqueue.states import State
from jobqueue.stores.base import Store
from jobqueue.stores.by_hand import age
from tests.stores.shelf import claim, request, stored, succeeded

HOUR = timedelta(hours=1)


def test_one_job_is_claimed_whatever_waits_before_it(store: Store, pool: int) -> None:
    first, second = stored(store, priority=9), stored(store)
    asked = request(pool)
    taken = store.take(second.pk, asked, (State.READY,))
    assert taken is not None
    assert (taken.id, taken.claim_id, taken.attempts) == (second.pk, asked.claim_id, 1)
    row = Job.objects.get(pk=second.pk)
    assert (row.state, row.locked_by, row.pool_id) == (State.RUNNING, asked.locked_by, pool)
    assert row.locked_at is not None
    assert store.finish([succeeded(taken)]) == []
    assert [job.id for job in claim(store, pool)] == [first.pk]


@pytest.mark.parametrize("run_at", [HOUR, None])
def test_what_is_not_ready_is_not_claimed(store: Store, pool: int, run_at: timedelta | None) -> None:
    job = stored(store, run_at=run_at)
    if run_at is None:
        claim(store, pool)
    assert store.take(job.pk, request(pool), (State.READY,)) is None
    assert store.take(job.pk + 1, request(pool)) is None


def test_scheduled_jobs_become_older_and_nothing_else_does(store: Store, pool: int) -> None:
    later, ready = stored(store, run_at=2 * HOUR), stored(store)
    age(store, HOUR)
    row = Job.objects.get(pk=later.pk)
    assert (later.run_at - row.run_at, later.created_at - row.created_at) == (HOUR, HOUR)
    assert Job.objects.get(pk=ready.pk).run_at == ready.run_at
    assert store.promote().moved == 0
    age(store, HOUR)
    assert store.promote().moved == 1
    age(store, -HOUR)
    assert Job.objects.get(pk=later.pk).run_at == later.run_at - 2 * HOUR
