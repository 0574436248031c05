"""MAX_WAITING: a queue that is full takes no more."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connection, transaction
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jobqueue import aenqueue, enqueue, enqueue_many, run_now
from jobqueue.exceptions import JobQueueError, QueueFull
from jobqueue.models import Job
from jobqueue.testing import work_off
from tests.app import jobs
from tests.app.models import Document, Report

pytestmark = pytest.mark.django_db

THREE = {"MAX_WAITING": 3}
FULL = (
    'Queue "default" has no room for another job: 3 wait for a worker, and JOBQUEUE["MAX_WAITING"] allows 3. '
    "Try again later, or start more workers for it."
)


def fill(count: int, **options: Any) -> list[int]:
    return enqueue_many((jobs.add.bind(number) for number in range(count)), **options)


@override_settings(JOBQUEUE=THREE)
def test_a_full_queue_takes_no_more_and_says_what_to_do() -> None:
    for number in range(3):
        jobs.add.enqueue(number)
    with pytest.raises(QueueFull) as caught:
        jobs.add.enqueue(3)
    assert str(caught.value) == FULL
    assert (caught.value.queue, caught.value.waiting, caught.value.more, caught.value.limit) == (
        "default",
        3,
        1,
        3,
    )
    assert Job.objects.count() == 3


@override_settings(JOBQUEUE=THREE)
@pytest.mark.parametrize(
    "store",
    [
        lambda: enqueue(jobs.PlainWorker(1)),
        lambda: jobs.add.using(priority=5).enqueue(1),
        lambda: jobs.Mailer("me").delay().deliver("you"),
        lambda: jobs.Machine().run(),
        lambda: enqueue(Document.objects.create()),
        lambda: enqueue_many([jobs.add.bind(1)]),
        lambda: jobs.add.using(run_at=timedelta(0)).enqueue(1),
        lambda: jobs.add.using(run_at=timezone.now() - timedelta(days=1)).enqueue(1),
    ],
)
def test_every_door_is_closed(store: Callable[[], Any]) -> None:
    fill(3)
    with pytest.raises(QueueFull, match='Queue "default" has no room for another job: 3 wait'):
        store()
    assert Job.objects.count() == 3


@override_settings(JOBQUEUE=THREE)
def test_many_are_stored_all_or_none() -> None:
    fill(1)
    with pytest.raises(QueueFull, match="has no room for 3 more jobs: 1 wait for a worker") as caught:
        fill(3)
    assert (caught.value.waiting, caught.value.more) == (1, 3)
    assert Job.objects.count() == 1
    assert len(fill(2)) == 2


@override_settings(JOBQUEUE={"MAX_WAITING": 25})
def test_each_batch_counts_those_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobqueue.client.BATCH_JOBS", 10)
    with pytest.raises(QueueFull, match="has no room for 6 more jobs: 20 wait"):
        fill(26)
    assert not Job.objects.exists()
    assert len(fill(25)) == 25


@override_settings(JOBQUEUE=THREE)
def test_an_iterator_without_an_end_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobqueue.client.BATCH_JOBS", 2)
    with pytest.raises(QueueFull):
        enqueue_many(iter(lambda: jobs.add.bind(1), None))
    assert not Job.objects.exists()


@override_settings(JOBQUEUE=THREE)
def test_jobs_for_later_are_neither_counted_nor_refused() -> None:
    later = fill(5, run_at=timedelta(hours=1))
    fill(3)
    jobs.add.using(run_at=timedelta(hours=1)).enqueue(1)
    run_now(later[0])
    assert Job.objects.ready().count() == 4


@override_settings(JOBQUEUE=THREE)
def test_there_is_room_again_when_jobs_are_done() -> None:
    fill(3)
    work_off(limit=1)
    assert jobs.add.enqueue(1).pk


@override_settings(JOBQUEUE={"MAX_WAITING": {"reports": 1}})
def test_a_dict_limits_the_queues_that_it_names() -> None:
    fill(5)
    report = Report.objects.create()
    report.build()
    with pytest.raises(QueueFull, match='Queue "reports" has no room'):
        report.build()
    assert Job.objects.filter(queue="reports").count() == 1


@override_settings(JOBQUEUE=THREE)
def test_many_of_several_queues_are_counted_queue_by_queue() -> None:
    report = Report.objects.create()
    mixed = [jobs.add.bind(1)] * 3 + [jobs.send_receipt.bind(report)] * 3
    assert len(enqueue_many(mixed)) == 6
    with pytest.raises(QueueFull, match='Queue "mail" has no room'):
        enqueue_many([jobs.send_receipt.bind(report)])


@override_settings(JOBQUEUE=THREE)
def test_a_job_that_is_there_already_needs_no_room() -> None:
    first = jobs.add.using(key="once").enqueue(1)
    fill(2)
    assert jobs.add.using(key="once").enqueue(1).pk == first.pk
    with pytest.raises(QueueFull):
        jobs.add.using(key="twice").enqueue(1)


@override_settings(JOBQUEUE=THREE)
def test_from_async_code_too() -> None:
    fill(3)
    with pytest.raises(QueueFull):
        async_to_sync(aenqueue)(jobs.fetch.bind(1))


def test_without_the_setting_nothing_is_asked(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        jobs.add.enqueue(1)


@override_settings(JOBQUEUE=THREE)
def test_it_is_one_more_query_and_counts_no_further_than_the_limit() -> None:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        jobs.add.enqueue(1)
    assert len(queries) == 2
    assert "LIMIT 3" in queries[0]["sql"]


@override_settings(JOBQUEUE=THREE)
def test_a_refusal_leaves_the_callers_transaction_as_it_was() -> None:
    fill(3)
    with transaction.atomic():
        document = Document.objects.create()
        with pytest.raises(QueueFull):
            jobs.add.enqueue(1)
        document.append("x")
    assert Document.objects.get().text == "x"


def test_it_can_be_caught_as_ours_and_sent_to_another_process() -> None:
    error = pickle.loads(pickle.dumps(QueueFull("mail", 3, 1, 3)))
    assert isinstance(error, JobQueueError)
    assert str(error) == str(QueueFull("mail", 3, 1, 3))


@pytest.mark.django_db(databases=["default", "other"])
@override_settings(JOBQUEUE={"DATABASE": "other", "MAX_WAITING": 3})
def test_jobs_that_wait_for_another_databases_commit_are_refused_at_the_call() -> None:
    with (
        transaction.atomic(using="default"),
        pytest.raises(QueueFull, match="has no room for 4 more jobs: 0 wait"),
    ):
        fill(4)
