"""A row is edited only as it was seen, and only while nobody holds it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from jobqueue.editing import seen
from jobqueue.models import Job
from jobqueue.outcomes import RELEASE, Decision
from jobqueue.rows import Finish
from jobqueue.states import State
from jobqueue.stores.acts import Act
from jobqueue.stores.base import Store
from tests.stores.shelf import ENDED, STARTED, claim, stored, succeeded

NEW = {"handler": "h", "queue": "mail", "priority": 7}


def row(job_id: int) -> Job:
    return Job.objects.get(pk=job_id)


def fail(store: Store, pool: int) -> None:
    store.finish([Finish(job, Decision(State.FAILED, error="E: x"), STARTED, ENDED) for job in claim(store, pool)])


def test_what_was_failed_by_a_worker_can_be_edited_and_tried_again(store: Store, pool: int) -> None:
    job_id = stored(store).pk
    fail(store, pool)
    assert store.edit(seen(row(job_id)), NEW, Act.RETRY)
    now = row(job_id)
    assert (now.handler, now.queue, now.priority, now.state) == ("h", "mail", 7, State.READY)
    assert (now.attempts, now.failed_at, now.finished_at) == (0, None, None)


def test_what_waits_stays_where_it_is(store: Store) -> None:
    job_id = stored(store, run_at=timezone.now() + timedelta(hours=1)).pk
    before = row(job_id)
    assert store.edit(seen(before), NEW, None)
    now = row(job_id)
    assert (now.state, now.run_at, now.handler) == (State.SCHEDULED, before.run_at, "h")
    assert now.updated_at > before.updated_at


def test_it_may_be_postponed_by_that(store: Store) -> None:
    job_id, later = stored(store).pk, timezone.now() + timedelta(hours=2)
    assert store.edit(seen(row(job_id)), NEW, Act.POSTPONE, later)
    assert (row(job_id).state, row(job_id).run_at) == (State.SCHEDULED, later)


CHANGES: dict[str, Callable[[Store, int], object]] = {
    "claimed": claim,
    "claimed and put back": lambda store, pool: store.finish([Finish(job, RELEASE) for job in claim(store, pool)]),
    "done": lambda store, pool: store.finish([succeeded(job) for job in claim(store, pool)]),
    "failed": fail,
    "cancelled": lambda store, pool: store.cancel(Job.objects.get().pk),
    "postponed": lambda store, pool: store.postpone(Job.objects.get().pk, timezone.now() + timedelta(hours=1)),
    "edited": lambda store, pool: store.edit(seen(Job.objects.get()), NEW, None),
    "deleted": lambda store, pool: Job.objects.all().delete(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_row_that_has_changed_since_is_left_alone(
    store: Store, pool: int, change: Callable[[Store, int], object]
) -> None:
    stale = seen(stored(store))
    stale = seen(row(stale.id))
    change(store, pool)
    after = list(Job.objects.values())
    assert not store.edit(stale, {"handler": "stale"}, Act.RETRY)
    assert list(Job.objects.values()) == after


@pytest.mark.parametrize("state", [State.RUNNING, State.SUCCEEDED], ids=lambda state: state.label)
def test_what_runs_or_has_succeeded_is_not_edited(store: Store, pool: int, state: State) -> None:
    job_id = stored(store).pk
    claimed = claim(store, pool)
    if state is State.SUCCEEDED:
        store.finish([succeeded(job) for job in claimed])
    assert not store.edit(seen(row(job_id)), NEW, None)


def test_what_somebody_keeps_locked_is_not_waited_for(store: Store) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite locks no rows")
    before = seen(row(stored(store).pk))
    other = connections.create_connection("default")
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("SELECT 1 FROM jobqueue_job WHERE id = %s FOR UPDATE", [before.id])
        assert not store.edit(before, NEW, None)
    finally:
        other.rollback()
        other.close()
    assert store.edit(before, NEW, None)


def test_inside_a_transaction_it_is_undone_with_it(store: Store) -> None:
    before = seen(row(stored(store).pk))
    with transaction.atomic():
        assert store.edit(before, NEW, None)
        transaction.set_rollback(True)
    assert seen(row(before.id)) == before
