"""Texts are stored anew only in a row that is as it was when they were read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from jobqueue.models import Job
from jobqueue.outcomes import RELEASE
from jobqueue.rows import Finish, Texts
from jobqueue.states import State
from jobqueue.stores.base import Store
from tests.stores.shelf import claim, new, stored, succeeded


def texts_of(job_id: int) -> Texts:
    """What a row holds."""
    return Texts(*Job.objects.values_list(*Texts._fields).get(pk=job_id))


def test_handler_result_and_error_are_replaced_and_nothing_else(store: Store, pool: int) -> None:
    job_id = stored(store).pk
    store.finish([succeeded(job) for job in claim(store, pool)])
    before = Job.objects.values().get(pk=job_id)
    texts: dict[str, Any] = {"handler": "x\ny", "stored_result": '"é"', "last_error": "e"}
    assert store.rewrite([texts_of(job_id)._replace(**texts)]) == {job_id}
    assert Job.objects.values().get(pk=job_id) == before | texts


def test_what_is_nothing_stays_nothing(store: Store) -> None:
    job_id = stored(store).pk
    store.rewrite([texts_of(job_id)._replace(handler="h")])
    assert texts_of(job_id)[3:] == ("h", None, None)


def test_many_rows_each_get_their_own(store: Store) -> None:
    ids = store.insert_many([new() for _ in range(50)])
    rows = [texts_of(job_id)._replace(handler=f"h{job_id}") for job_id in reversed(ids)]
    assert store.rewrite(rows) == set(ids)
    assert [texts_of(job_id).handler for job_id in ids] == [f"h{job_id}" for job_id in ids]


def test_no_rows_are_no_change(store: Store) -> None:
    assert store.rewrite([]) == set()


CHANGES: dict[str, Callable[[Store, int], object]] = {
    "claimed": claim,
    "claimed and put back": lambda store, pool: store.finish([Finish(job, RELEASE) for job in claim(store, pool)]),
    "done": lambda store, pool: store.finish([succeeded(job) for job in claim(store, pool)]),
    "cancelled": lambda store, pool: store.cancel(Job.objects.get().pk),
    "deleted": lambda store, pool: Job.objects.all().delete(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_row_that_has_changed_since_is_left_alone(
    store: Store, pool: int, change: Callable[[Store, int], object]
) -> None:
    stale = texts_of(stored(store).pk)
    change(store, pool)
    after = list(Job.objects.values())
    assert store.rewrite([stale._replace(handler="stale")]) == set()
    assert list(Job.objects.values()) == after


def test_a_running_row_can_be_written_under_its_claim_alone(store: Store, pool: int) -> None:
    job_id = stored(store).pk
    claim(store, pool)
    texts = texts_of(job_id)._replace(handler="h")
    assert store.rewrite([texts._replace(claim_id=uuid4()), texts._replace(state=State.READY)]) == set()
    assert store.rewrite([texts]) == {job_id}
