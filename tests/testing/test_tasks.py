"""Tasks of Django's, by the same helpers."""

from __future__ import annotations

import pytest

from jobqueue.exceptions import NotPerformable
from jobqueue.testing import Jobs
from tests.app import tasks
from tests.app.tasks import add_slowly, answer, context_of, echo, tell


@pytest.fixture(autouse=True)
def _no_story() -> None:
    tasks.story.clear()


def test_they_are_found_by_task_and_arguments(jobs: Jobs) -> None:
    tell.enqueue("x")
    jobs.assert_enqueued(tell, queue="mail", priority=7)
    jobs.assert_enqueued(tell, args=["x"])
    jobs.assert_enqueued(tell, kwargs={"what": "x"})
    jobs.refute_enqueued(tell, args=["y"])
    jobs.refute_enqueued(echo)
    [found] = jobs.enqueued_jobs(tell)
    assert found.arguments == {"what": "x"}


def test_they_are_performed(jobs: Jobs) -> None:
    tell.enqueue("x")
    assert jobs.work_off(raise_errors=True).performed == 1
    assert tasks.story == ["x"]


def test_one_by_itself(jobs: Jobs) -> None:
    assert jobs.run_job(answer) == 42
    assert jobs.run_job(echo, 1, two=2) == [[1], {"two": 2}]
    assert jobs.run_job(add_slowly, 1, 2) == 3
    assert jobs.run_job(context_of)[1] == 1
    with pytest.raises(TypeError):
        jobs.run_job(tell)
    with pytest.raises((NotPerformable, ValueError, TypeError)):
        jobs.run_job(tell, object())
