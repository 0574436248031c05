"""The inline mode: performed at once, where it is stored, and recorded as by a worker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group
from django.db import DatabaseError, connections, transaction
from django.db.models import Sum
from django.test import override_settings

from jobqueue import enqueue, enqueue_many, job, retry, run_now, signals
from jobqueue.models import Job, Pool, Rollup
from jobqueue.worker.workoff import LAST_SECONDS
from tests.app.jobs import PlainWorker, add, fetch
from tests.app.models import Document
from tests.app.scripted import answer, fail, story, tell

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _inline() -> Iterator[None]:
    story.clear()
    with override_settings(JOBQUEUE={"MODE": "inline"}):
        yield


@job
def tell_then_store(depth: int) -> None:
    """Store another job in the midst of it."""
    story.append(f"begin {depth}")
    if depth:
        tell_then_store.enqueue(depth - 1)
    story.append(f"end {depth}")


@job
def break_the_transaction() -> None:
    """Have the database refuse a statement."""
    Group.objects.create(name="editors")
    Group.objects.create(name="editors")


def test_the_caller_gets_the_row_as_it_is_afterwards() -> None:
    stored = add.enqueue(1, 2)
    assert (stored.get_state_display(), stored.result, stored.attempts) == ("succeeded", 3, 1)
    assert not Pool.objects.exists()


def test_any_job_goes_the_way_of_a_worker() -> None:
    document = Document.objects.create()
    assert enqueue(PlainWorker(4)).result == 4
    assert enqueue(document).result == "read"
    assert fetch.enqueue(4).result == 8
    given = [1, 2]
    assert answer.enqueue(given).result == given


def test_many_are_performed_in_order() -> None:
    enqueue_many(tell.bind(number) for number in range(3))
    assert story == [0, 1, 2]
    assert Job.objects.succeeded().count() == 3


def test_a_failure_is_recorded_and_not_raised() -> None:
    stored = fail.enqueue("no")
    assert stored.get_state_display() == "scheduled"
    assert (stored.attempts, "Boom: no" in (stored.error or "")) == (1, True)


def test_a_job_for_later_waits_until_somebody_hastens_it() -> None:
    later = tell.using(run_at=timedelta(hours=1)).enqueue("x")
    assert story == []
    run_now(later)
    assert story == ["x"]


def test_a_failed_job_that_is_retried_is_performed_at_once() -> None:
    stored = fail.using(max_attempts=1).enqueue()
    retry(stored)
    assert story == ["fail", "fail"]


def test_a_job_that_a_job_stores_comes_after_it() -> None:
    tell_then_store.enqueue(2)
    assert story == ["begin 2", "end 2", "begin 1", "end 1", "begin 0", "end 0"]


def test_other_jobs_that_wait_are_left_alone() -> None:
    with override_settings(JOBQUEUE={}):
        tell.enqueue("before")
    tell.enqueue("now")
    assert story == ["now"]


def test_a_key_is_performed_once() -> None:
    assert tell.using(key="a").enqueue("x").pk == tell.using(key="a").enqueue("y").pk
    assert story == ["x"]


def test_a_row_that_is_not_kept_is_told_as_it_was_stored() -> None:
    with override_settings(JOBQUEUE={"MODE": "inline", "KEEP_SUCCEEDED": 0}):
        assert tell.enqueue("x").pk
    assert story == ["x"]
    assert not Job.objects.exists()


def test_it_belongs_to_the_callers_transaction() -> None:
    with transaction.atomic():
        tell.enqueue("x")
        transaction.set_rollback(True)
    assert story == ["x"]
    assert not Job.objects.exists()


def test_a_job_that_breaks_it_is_undone_alone() -> None:
    with transaction.atomic():
        Group.objects.create(name="authors")
        stored = break_the_transaction.enqueue()
        assert "IntegrityError" in (stored.error or "")
    assert [group.name for group in Group.objects.all()] == ["authors"]


def test_notifiers_are_told_here_and_now() -> None:
    told: list[Any] = []
    settings = {"MODE": "inline", "NOTIFIERS": [lambda failed, error: told.append((failed.id, str(error)))]}
    with override_settings(JOBQUEUE=settings):
        stored = fail.using(max_attempts=1).enqueue("no")
    assert told == [(stored.pk, "no")]


def test_a_mistake_in_the_call_is_raised_as_ever() -> None:
    with pytest.raises(TypeError):
        add.enqueue()  # type: ignore[call-arg]
    assert not Job.objects.exists()


@pytest.mark.django_db(transaction=True)
class TestOutsideATransaction:
    def test_it_is_committed(self) -> None:
        tell.enqueue("x")
        assert Job.objects.succeeded().count() == 1

    def test_an_error_of_the_jobs_sql_leaves_what_was_done_before(self) -> None:
        with pytest.raises(DatabaseError):
            break_the_transaction()
        Group.objects.all().delete()
        break_the_transaction.enqueue()
        assert Group.objects.count() == 1

    def test_from_async_code(self) -> None:
        async def both() -> Job:
            stored = await fetch.aenqueue(4)
            await sync_to_async(connections.close_all)()
            return stored

        assert asyncio.run(both()).result == 8


@pytest.mark.django_db(transaction=True, databases=["default", "other"])
def test_where_jobs_live_elsewhere_it_is_at_the_commit() -> None:
    with override_settings(JOBQUEUE={"MODE": "inline", "DATABASE": "other"}):
        with transaction.atomic():
            pending = tell.enqueue("x")
            assert story == []
        assert story == ["x"]
        assert pending.get_state_display() == "succeeded"


def test_in_the_usual_mode_nothing_of_it_happens() -> None:
    with override_settings(JOBQUEUE={}):
        assert tell.enqueue("x").get_state_display() == "ready"
    assert story == []
    assert len(signals.stored_inline.receivers) == 1


class TestFigures:
    def test_what_is_performed_is_counted(self) -> None:
        tell.enqueue("x")
        fail.using(max_attempts=1).enqueue()
        told = Rollup.objects.aggregate(*(Sum(each) for each in ("stored", "succeeded", "failed")))
        assert told == {"stored__sum": 2, "succeeded__sum": 1, "failed__sum": 1}

    def test_what_is_rolled_back_is_not(self) -> None:
        with transaction.atomic():
            tell.enqueue("x")
            transaction.set_rollback(True)
        assert not Rollup.objects.exists()

    def test_nothing_is_counted_where_nothing_is_kept(self) -> None:
        with override_settings(JOBQUEUE={"MODE": "inline", "KEEP_STATISTICS": 0}):
            tell.enqueue("x")
        assert not Rollup.objects.exists()

    def test_figures_that_are_refused_leave_job_and_transaction_alone(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("jobqueue.stores.rollups.WRITE", "SELECT nothing FROM nowhere")
        began = time.monotonic()
        with transaction.atomic():
            tell.enqueue("x")
            assert Job.objects.succeeded().count() == 1
        assert time.monotonic() - began < LAST_SECONDS
