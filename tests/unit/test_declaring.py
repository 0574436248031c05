"""@job functions and Performable classes."""

from __future__ import annotations

import asyncio
import inspect
from datetime import timedelta
from typing import Any

import pytest

from jobqueue.exceptions import OptionError
from jobqueue.models import Job
from tests.app import jobs
from tests.unit.test_client import columns, perform, run_async

pytestmark = pytest.mark.django_db


def test_a_job_function_called_runs_here_and_now() -> None:
    assert jobs.add(2, 3) == 5
    assert asyncio.run(jobs.fetch(2)) == 4
    assert not Job.objects.exists()


def test_a_job_function_keeps_name_text_and_signature() -> None:
    assert jobs.add.__name__ == "add"  # type: ignore[attr-defined]
    assert jobs.add.__doc__ == "A plain job function."
    assert list(inspect.signature(jobs.add).parameters) == ["left", "right"]


def test_enqueue_stores_the_call_with_the_declared_options() -> None:
    job = jobs.send_receipt.enqueue(7, copy=True)
    assert (job.name, job.queue, job.priority, job.max_attempts) == ("tests.app.jobs.send_receipt", "mail", 3, 5)
    assert perform(job) == 7


def test_using_outranks_the_declaration() -> None:
    job = jobs.send_receipt.using(priority=9, queue="slow").enqueue(7)
    assert (job.queue, job.priority, job.max_attempts) == ("slow", 9, 5)


def test_using_refuses_bad_options_at_once() -> None:
    with pytest.raises(OptionError, match="priority must be a whole number"):
        jobs.send_receipt.using(priority="high")
    with pytest.raises(OptionError, match='Did you mean "priority"'):
        jobs.VideoWorker.using(prioriti=1)


def test_many_calls_with_options() -> None:
    assert len(jobs.add.using(queue="bulk").enqueue_many([1, (2, 3)])) == 2
    assert [perform(each) for each in Job.objects.filter(queue="bulk").order_by("pk")] == [1, 5]


def test_dj38_a_performable_enqueues_on_its_class() -> None:
    job = jobs.VideoWorker.enqueue(7)
    assert (job.name, job.queue, job.max_attempts) == ("tests.app.jobs.VideoWorker", "video", 5)
    assert perform(job) == 7
    later = jobs.VideoWorker.using(priority=5, run_at=timedelta(hours=1)).enqueue(video_id=8)
    assert later.priority == 5


def test_dj38_the_rows_of_a_class_or_function_are_found() -> None:
    jobs.VideoWorker.enqueue(1)
    jobs.add.enqueue(1)
    jobs.add.enqueue(2)
    assert jobs.VideoWorker.jobs.ready().count() == 1
    assert jobs.add.jobs.count() == 2


def test_dj38_a_performable_has_a_logger_of_its_own() -> None:
    assert jobs.VideoWorker(1).logger.name == "tests.app.jobs.VideoWorker"


def test_an_attribute_of_one_instance_is_an_option_of_one_job() -> None:
    worker = jobs.VideoWorker(1)
    worker.priority = 4  # type: ignore[attr-defined]
    assert columns(jobs.VideoWorker.enqueue(1))["priority"] == 0
    from jobqueue import enqueue

    assert enqueue(worker).priority == 4


def test_a_bad_option_attribute_is_refused() -> None:
    worker: Any = jobs.VideoWorker(1)
    worker.queue = "a b"
    from jobqueue import enqueue

    with pytest.raises(OptionError, match="queue must be 1 to 64"):
        enqueue(worker)
    assert not Job.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_async_twins() -> None:
    async def main() -> list[Any]:
        return [
            await jobs.add.aenqueue(1),
            await jobs.VideoWorker.aenqueue(1),
            await jobs.add.using(priority=1).aenqueue(1),
        ]

    assert [perform(each) for each in run_async(main)] == [1, 1, 1]
