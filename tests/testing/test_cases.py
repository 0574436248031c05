"""The helpers in Django's test cases, sync and async, and in async tests of pytest."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.db import connections, transaction
from django.test import TestCase, TransactionTestCase, override_settings

from jobqueue.exceptions import JobNotStored
from jobqueue.models import Job
from jobqueue.testing import (
    Jobs,
    JobsTestMixin,
    aassert_enqueued,
    aenqueued_jobs,
    arefute_enqueued,
    arun_job,
    awork_off,
    travel_to,
)
from tests.app.jobs import add, fetch
from tests.app.models import Video
from tests.app.scripted import Boom, fail, tell

HOUR = timedelta(hours=1)
ELSEWHERE = override_settings(JOBQUEUE={"DATABASE": "other"})


class InATestCase(JobsTestMixin, TestCase):
    def test_stored_seen_and_performed_in_the_tests_transaction(self) -> None:
        add.enqueue(1, 2)
        [found] = self.assertJobEnqueued(add, args=[1, 2])
        self.assertJobNotEnqueued(tell)
        assert self.enqueued_jobs() == [found]
        assert self.work_off().performed == 1
        assert Job.objects.get().result == 3
        assert self.run_job(add, 1, 2) == 3
        with self.travel_to(HOUR):
            assert self.enqueued_jobs() == []

    async def test_in_async_code(self) -> None:
        await add.aenqueue(1, 2)
        video = await Video.objects.acreate()
        await video.asend_later("encode", args=["av1"])
        await aassert_enqueued(add, args=[1, 2])
        await arefute_enqueued(tell)
        assert (await aenqueued_jobs())[1].arguments == {"self": video, "codec": "av1"}
        assert (await self.awork_off()).performed == 2
        assert await arun_job(fetch, 4) == 8
        await tell.using(run_at=HOUR).aenqueue("x")
        async with travel_to(2 * HOUR):
            assert (await awork_off()).performed == 1

    async def test_async_jobs_in_async_code(self) -> None:
        await fetch.aenqueue(4)
        assert (await self.awork_off(raise_errors=True)).performed == 1


class InATransactionTestCase(JobsTestMixin, TransactionTestCase):
    def test_stored_seen_and_performed(self) -> None:
        add.enqueue(1, 2)
        self.assertJobEnqueued(add, args=[1, 2])
        assert self.work_off().performed == 1
        fail.enqueue()
        with pytest.raises(Boom):
            self.work_off(raise_errors=True)


@ELSEWHERE
class WhereJobsLiveElsewhere(JobsTestMixin, TestCase):
    """Error 16: the test allows no queries to the jobs' database, so they would be stored at a commit."""

    def test_it_is_said_that_the_commit_never_comes(self) -> None:
        add.enqueue(1)
        said = (
            r"^1 job waits for a commit that TestCase never makes\. Use: with self\.captureOnCommitCallbacks\(exec"
        )
        for ask in (
            lambda: self.assertJobEnqueued(add),
            lambda: self.assertJobNotEnqueued(tell),
            self.enqueued_jobs,
            self.work_off,
        ):
            with pytest.raises(JobNotStored, match=said):
                ask()

    def test_many_are_counted(self) -> None:
        add.enqueue(1)
        tell.using().enqueue_many(["a", "b"])
        with pytest.raises(JobNotStored, match=r"^3 jobs wait for a commit"):
            self.work_off()


@ELSEWHERE
class WhereTheTestIsAllowedBoth(JobsTestMixin, TestCase):
    databases = {"default", "other"}

    def test_they_are_stored_at_once(self) -> None:
        add.enqueue(1)
        self.assertJobEnqueued(add)
        assert self.work_off().performed == 1
        with self.travel_to(HOUR):
            tell.using(run_at=HOUR).enqueue("x")
        self.assertJobEnqueued(tell)


@ELSEWHERE
class WhereTransactionsAreReal(JobsTestMixin, TransactionTestCase):
    databases = {"default", "other"}

    def test_an_open_one_is_named(self) -> None:
        with transaction.atomic():
            add.enqueue(1)
            with pytest.raises(JobNotStored, match=r'^1 job waits for the commit of the transaction on "default"'):
                self.work_off()
        self.assertJobEnqueued(add)
        assert not connections["default"].run_on_commit


@ELSEWHERE
@pytest.mark.django_db(databases=["default", "other"])
def test_with_pytest(jobs: Jobs) -> None:
    add.enqueue(1)
    jobs.assert_enqueued(add)
    assert jobs.work_off().performed == 1


@pytest.mark.django_db(transaction=True)
def test_in_an_event_loop_of_pytest(jobs: Jobs) -> None:
    async def test() -> None:
        await add.aenqueue(1, 2)
        await jobs.aassert_enqueued(add)
        assert (await jobs.awork_off()).performed == 1
        await jobs.arefute_enqueued(add)
        assert await jobs.aenqueued_jobs() == []
        assert await jobs.arun_job(fetch, 2) == 4
        await sync_to_async(connections.close_all)()  # those of the thread on which it all happened

    asyncio.run(test())
