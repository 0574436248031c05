"""Enqueueing: what is stored, when, and what callers are told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.exceptions import ImproperlyConfigured, SynchronousOnlyOperation
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext, override_settings
from django.utils import timezone

from jobqueue import (
    PerformableMethod,
    aenqueue,
    aenqueue_many,
    cancel,
    client,
    drafting,
    enqueue,
    enqueue_many,
    retry,
    run_now,
    waking,
)
from jobqueue.exceptions import JobNotStored, JobStateError, OptionError, PayloadError
from jobqueue.handlers import open_handler
from jobqueue.models import Job
from jobqueue.ringing import Ringer
from jobqueue.signals import job_enqueued
from jobqueue.states import State
from jobqueue.stores import get_store
from tests.app import jobs
from tests.app.models import Video


def columns(job: Job) -> dict[str, Any]:
    own = {"id", "run_at", "created_at", "updated_at"}
    return {name: value for name, value in Job.objects.values().get(pk=job.pk).items() if name not in own}


def run_async(main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run a coroutine function; the connections of asgiref's thread are closed after it."""

    async def run() -> Any:
        try:
            return await main()
        finally:
            await sync_to_async(connections.close_all)()

    return asyncio.run(run())


def perform(job: Job) -> Any:
    row = Job.objects.get(pk=job.pk)
    loaded = open_handler(
        row.handler, name=row.name, queue=row.queue, max_attempts=row.max_attempts, max_run_time=row.max_run_time
    )
    return loaded.perform()


@pytest.mark.django_db
class TestEnqueue:
    def test_dj04_a_fresh_row(self) -> None:
        job = enqueue(jobs.PlainWorker(23))

        row = Job.objects.get(pk=job.pk)
        assert (row.priority, row.attempts, row.state, row.queue) == (0, 0, State.READY, "default")
        assert (row.locked_at, row.locked_by, row.failed_at, row.last_error) == (None,) * 4
        assert row.run_at == row.created_at
        assert "tests.app.jobs.PlainWorker" in row.handler
        assert "23" in row.handler
        assert perform(job) == 23

    def test_dj07_send_later_stores_what_a_performable_method_stores(self) -> None:
        video = Video.objects.create()
        assert columns(video.send_later("encode")) == columns(enqueue(PerformableMethod(video, "encode")))

    def test_dj09_positional_and_keyword_forms_store_equal_rows(self) -> None:
        tomorrow = timezone.now() + timedelta(days=1)
        first = enqueue(jobs.PlainWorker(1), 5, tomorrow)
        second = enqueue(jobs.PlainWorker(1), priority=5, run_at=tomorrow)
        assert columns(first) == columns(second)
        assert Job.objects.filter(priority=5, run_at=tomorrow, state=State.SCHEDULED).count() == 2

    def test_options_of_the_call_and_of_the_declaration_become_columns(self) -> None:
        plain = columns(enqueue(jobs.VideoWorker(1)))
        called = columns(
            enqueue(jobs.VideoWorker(1), queue="slow", max_attempts=1, max_run_time=timedelta(minutes=1))
        )
        assert (plain["queue"], plain["max_attempts"], plain["max_run_time"]) == ("video", 5, None)
        assert (called["queue"], called["max_attempts"], called["max_run_time"]) == ("slow", 1, 60.0)

    def test_a_field_of_a_model_is_no_option(self) -> None:
        assert Video.objects.create(priority=99).send_later("encode").priority == 0
        assert enqueue(PerformableMethod(Video, "sweep", [1])).priority == 0

    def test_a_past_time_means_at_once(self) -> None:
        job = enqueue(jobs.PlainWorker(1), run_at=timezone.now() - timedelta(days=1))
        assert Job.objects.get(pk=job.pk).state == State.READY

    def test_hooks_get_the_stored_job(self) -> None:
        jobs.performed.clear()
        stored = [enqueue(jobs.PlainWorker(1)), enqueue(jobs.VideoWorker(1))]
        assert jobs.performed == [("enqueued", each.pk) for each in stored]

    def test_a_hook_that_raises_leaves_no_row(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(self: Any, job: Job) -> None:
            raise RuntimeError("not today")

        monkeypatch.setattr(jobs.VideoWorker, "on_enqueue", refuse)
        with pytest.raises(RuntimeError, match="not today"):
            enqueue(jobs.VideoWorker(1))
        assert not Job.objects.exists()

    def test_the_signal_names_the_function_or_class(self) -> None:
        heard: list[Any] = []

        def listen(sender: Any, job: Job, **_: Any) -> None:
            heard.append((sender, job.pk))

        job_enqueued.connect(listen)
        try:
            first, second = enqueue(jobs.add.bind(1)), enqueue(PerformableMethod(Video, "sweep", [1]))
        finally:
            job_enqueued.disconnect(listen)
        assert heard == [(jobs.add, first.pk), (Video, second.pk)]

    def test_a_job_with_a_key_is_stored_once_and_its_hook_called_once(self) -> None:
        jobs.performed.clear()
        first = jobs.VideoWorker.using(key="video-1").enqueue(1)
        again = enqueue(jobs.VideoWorker(2), key="video-1")
        other = enqueue(jobs.VideoWorker(2), key="video-2")
        assert again == first
        assert jobs.performed == [("enqueued", first.pk), ("enqueued", other.pk)]

    def test_a_key_is_free_again_after_a_rollback(self) -> None:
        with transaction.atomic():
            enqueue(jobs.add.bind(1), key="once")
            transaction.set_rollback(True)
        assert enqueue(jobs.add.bind(1), key="once").pk
        assert Job.objects.count() == 1

    def test_many_jobs_cannot_have_one_key(self) -> None:
        with pytest.raises(OptionError, match='"key" is for a single job; enqueue_many takes none'):
            enqueue_many([jobs.add.bind(1)], key="once")

    def test_a_rolled_back_transaction_takes_its_jobs_along(self) -> None:
        with transaction.atomic():
            enqueue(jobs.add.bind(1))
            transaction.set_rollback(True)
        assert not Job.objects.exists()

    def test_a_broken_transaction_refuses_as_django_does(self) -> None:
        with transaction.atomic():
            transaction.set_rollback(True)
            with pytest.raises(transaction.TransactionManagementError):
                enqueue(jobs.add.bind(1))
            transaction.set_rollback(False)

    def test_a_single_job_is_one_statement(self, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(1):
            enqueue(jobs.add.bind(1))


@pytest.mark.django_db
class TestEnqueueMany:
    def test_dj41_a_thousand_jobs_are_one_statement(self) -> None:
        with CaptureQueriesContext(connection) as queries:
            ids = enqueue_many(jobs.add.bind(n) for n in range(1000))
        # PostgreSQL is asked for the ids; COPY, which then stores all rows, is not among the queries.
        asked = [each for each in queries if "INSERT" in each["sql"] or "nextval" in each["sql"]]
        assert len(asked) == 1
        assert len(set(ids)) == 1000
        assert [perform(Job.objects.get(pk=pk)) for pk in ids[:3]] == [0, 1, 2]

    def test_options_are_for_all(self) -> None:
        enqueue_many([jobs.PlainWorker(1), jobs.add.bind(1)], 5, queue="bulk")
        assert Job.objects.filter(queue="bulk", priority=5).count() == 2

    def test_one_bad_performable_stores_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(client, "BATCH_JOBS", 2)
        calls = [jobs.add.bind(1), jobs.add.bind(2), jobs.add.bind(3), jobs.send_receipt.bind(object())]
        with pytest.raises(PayloadError):
            enqueue_many(calls)
        assert not Job.objects.exists()

    def test_an_endless_source_needs_no_endless_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(client, "BATCH_JOBS", 10)
        ahead: list[int] = []

        def source() -> Iterator[Any]:
            for number in range(35):
                ahead.append(number - Job.objects.count())
                yield jobs.add.bind(number)

        assert len(enqueue_many(source())) == 35
        assert max(ahead) <= 10

    def test_batches_are_bounded_by_size_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(client, "BATCH_CHARACTERS", 1000)
        batches = list(
            client._batches(drafting.draft(jobs.import_rows.bind("x" * 400), {}, {}, {}) for _ in range(6))
        )
        assert [len(each) for each in batches] == [3, 3] or [len(each) for each in batches] == [2, 2, 2]

    def test_nothing_to_store_is_nothing(self) -> None:
        assert enqueue_many([]) == []


@pytest.mark.django_db
class TestActs:
    def test_acts_change_the_state(self) -> None:
        job = enqueue(jobs.add.bind(1), run_at=timedelta(hours=1))
        run_now(job)
        assert Job.objects.get(pk=job.pk).state == State.READY
        cancel(job.pk)
        assert Job.objects.get(pk=job.pk).state == State.CANCELLED
        retry(job)
        assert Job.objects.get(pk=job.pk).state == State.READY

    def test_an_act_that_the_state_forbids_names_the_state(self) -> None:
        job = enqueue(jobs.add.bind(1))
        with pytest.raises(
            JobStateError, match=f"Job #{job.pk} is ready; retry takes only a failed or cancelled job"
        ):
            retry(job)
        with pytest.raises(JobStateError, match=f"Job #{job.pk} is ready; run_now takes only a scheduled job"):
            run_now(job)
        with pytest.raises(JobStateError, match="Job #0 does not exist"):
            cancel(0)


@pytest.mark.django_db(transaction=True)
class TestAsync:
    def test_the_twins_store_from_async_code(self) -> None:
        async def main() -> int:
            await aenqueue(jobs.add.bind(1), 5)
            return len(await aenqueue_many([jobs.add.bind(1), jobs.add.bind(2)]))

        assert run_async(main) == 2
        assert Job.objects.count() == 3

    def test_the_plain_form_in_an_event_loop_names_its_twin(self) -> None:
        async def main() -> None:
            enqueue(jobs.add.bind(1))

        with pytest.raises(
            SynchronousOnlyOperation, match=r"An event loop is running here. Use: await aenqueue\("
        ):
            run_async(main)


@pytest.mark.django_db(transaction=True, databases=["default", "other"])
class TestOtherDatabase:
    @pytest.fixture(autouse=True)
    def jobs_live_elsewhere(self) -> Iterator[None]:
        with override_settings(JOBQUEUE={"DATABASE": "other"}):
            yield

    def count(self) -> int:
        return Job.objects.using("other").count()

    def test_the_row_waits_for_the_commit_of_the_callers_data(self) -> None:
        with transaction.atomic():
            job = enqueue(jobs.PlainWorker(1))
            with pytest.raises(JobNotStored) as caught:
                _ = job.id
            assert self.count() == 0
        assert str(caught.value) == 'Job not stored yet: the transaction on "default" is still open.'
        assert self.count() == 1
        assert job.id == Job.objects.using("other").get().pk
        assert str(job) == f"#{job.id} tests.app.jobs.PlainWorker"

    def test_a_rollback_of_the_callers_data_stores_nothing(self) -> None:
        with transaction.atomic():
            enqueue(jobs.add.bind(1))
            transaction.set_rollback(True)
        assert self.count() == 0

    def test_many_wait_alike(self) -> None:
        with transaction.atomic():
            ids = enqueue_many(jobs.add.bind(n) for n in range(3))
            for look in (len, list, bool, lambda ids: ids[0], lambda ids: 1 in ids, lambda ids: ids == []):
                with pytest.raises(JobNotStored):
                    look(ids)
        assert len(ids) == self.count() == 3
        assert sorted(ids) == ids

    def test_without_a_transaction_it_is_stored_at_once(self) -> None:
        assert enqueue(jobs.add.bind(1)).id
        with transaction.atomic(using="other"):
            assert enqueue(jobs.add.bind(1)).id

    def test_bad_input_is_refused_at_the_call_not_at_the_commit(self) -> None:
        with transaction.atomic(), pytest.raises(OptionError):
            enqueue(jobs.add.bind(1), priority="high")  # type: ignore[arg-type]


@pytest.mark.django_db(transaction=True)
def test_a_missing_table_says_what_to_run() -> None:
    with connection.schema_editor() as editor:
        editor.alter_db_table(Job, "jobqueue_job", "jobqueue_away")
    try:
        for block in (nullcontext, transaction.atomic):
            with pytest.raises(ImproperlyConfigured) as caught, block():
                enqueue(jobs.add.bind(1))
            assert str(caught.value) == (
                'The table jobqueue_job is missing in database "default". Run: python manage.py migrate jobqueue'
            )
    finally:
        with connection.schema_editor() as editor:
            editor.alter_db_table(Job, "jobqueue_away", "jobqueue_job")


def test_an_app_that_is_not_installed_says_so(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.apps import apps

    from jobqueue import stores

    monkeypatch.setattr(stores, "_made", {})
    monkeypatch.setattr(apps, "app_configs", {})
    with pytest.raises(ImproperlyConfigured) as caught:
        enqueue(jobs.add.bind(1))
    assert str(caught.value) == (
        'Add "jobqueue" to INSTALLED_APPS in settings.py, then run: python manage.py migrate'
    )


@pytest.mark.django_db(transaction=True)
def test_workers_are_rung_after_the_commit_and_only_for_due_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    store = get_store()
    rung: list[Any] = []
    monkeypatch.setattr(store, "can_notify", True)
    monkeypatch.setattr(store, "notify", rung.append)
    monkeypatch.setattr(waking, "ringer", Ringer())
    with transaction.atomic():
        enqueue(jobs.add.bind(1), queue="a")
        enqueue(jobs.add.bind(1), queue="later", run_at=timedelta(hours=1))
        enqueue_many([jobs.add.bind(1)], queue="many")
        assert rung == []
    assert rung == [{"a"}, {"many"}]
