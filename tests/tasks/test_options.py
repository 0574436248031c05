"""Job options of tasks: in the decorator, in using(), and in OPTIONS for all of a backend."""

from __future__ import annotations

from typing import Any

import pytest
from django import VERSION
from django.db import connection
from django.test import override_settings

from jobqueue import retry
from jobqueue.djangotasks import InvalidTask, TaskResultStatus, task, task_backends
from jobqueue.handlers import options_of
from jobqueue.models import Job
from jobqueue.testing import work_off
from tests.app import tasks
from tests.tasks.conftest import Sent

pytestmark = pytest.mark.django_db

BACKEND = "jobqueue.backends.DatabaseBackend"
NO_PAUSE = "tests.app.tasks.no_pause"
handed_on = pytest.mark.skipif(VERSION[:2] == (6, 0), reason="Django 6.0's decorator takes no further arguments")


def with_options(**options: Any) -> Any:
    return override_settings(TASKS={"default": {"BACKEND": BACKEND, "QUEUES": [], "OPTIONS": options}})


def declared(**options: Any) -> Any:
    declare: Any = task
    return declare(**options)


def atomically(what: str) -> bool:
    tasks.story.append(what)
    return connection.in_atomic_block


@handed_on
class TestDecorator:
    @pytest.fixture(autouse=True)
    def _options(self, monkeypatch: pytest.MonkeyPatch) -> None:
        options = {"max_attempts": 3, "max_run_time": 60, "on_crash": "fail", "backoff": NO_PAUSE}
        made = declared(**options, sensitive=["message"])(tasks.fail.func)
        monkeypatch.setattr(tasks, "fail", made)
        self.forget()

    @staticmethod
    def forget() -> None:
        from jobqueue.handlers import resolve
        from jobqueue.handlers import tasks as handled

        resolve.registry.pop("tests.app.tasks.fail", None)
        handled.find_task.cache_clear()

    @pytest.fixture(autouse=True)
    def _forget(self) -> Any:
        yield
        self.forget()

    def test_they_are_those_of_the_job(self) -> None:
        result = tasks.fail.enqueue("open sesame")
        job = Job.objects.get()
        assert (job.max_attempts, job.max_run_time) == (3, 60.0)
        options = options_of(job)  # type: ignore[arg-type]
        assert (options.on_crash, options.sensitive) == ("fail", ("message",))
        assert work_off().performed == 3
        result.refresh()
        assert (result.status, result.attempts) == (TaskResultStatus.FAILED, 3)
        assert "sesame" not in result.errors[0].traceback
        assert result.task == tasks.fail

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"max_attempt": 3}, '"max_attempt" is not an option of a task. Did you mean "max_attempts"?'),
            ({"colour": "red"}, '"colour" is not an option of a task. Options: ack, aliases, atomic'),
            ({"max_attempts": 0}, "max_attempts must be a whole number from 1 to 100000. It is 0."),
            ({"atomic": "yes"}, "atomic must be True or False. It is 'yes'."),
            ({"sensitive": ["pasword"]}, r'sensitive names "pasword", which is no parameter of fail\(\)'),
            ({"accept_unsigned": True}, '"accept_unsigned" is not an option of a task'),
        ],
    )
    def test_unknown_and_wrong_ones_are_refused(self, options: dict[str, Any], message: str) -> None:
        with pytest.raises(InvalidTask, match=message):
            declared(**options)(tasks.fail.func)

    def test_a_former_path_leads_to_the_task(self, monkeypatch: pytest.MonkeyPatch) -> None:
        result = tasks.answer.enqueue()
        renamed = declared(aliases=["tests.app.tasks.answer"])(tasks.where.func)
        monkeypatch.delattr(tasks, "answer")
        from jobqueue.handlers import resolve
        from jobqueue.handlers import tasks as handled

        handled.find_task.cache_clear()
        resolve.registry["tests.app.tasks.answer"] = renamed
        try:
            assert work_off().failed == 0
            result.refresh()
            assert result.status == TaskResultStatus.SUCCESSFUL
        finally:
            resolve.registry.pop("tests.app.tasks.answer")
            handled.find_task.cache_clear()


class TestUsing:
    def test_some_may_be_given_for_one_call(self) -> None:
        tasks.answer.using(max_attempts=2, max_run_time=5, priority=3).enqueue()
        job = Job.objects.get()
        assert (job.max_attempts, job.max_run_time, job.priority) == (2, 5.0, 3)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"max_attempts": "many"}, "max_attempts must be a whole number"),
            ({"atomic": True}, r'"atomic" is not an option of using\(\)'),
            ({"queue": "mail"}, r'"queue" is not an option of using\(\)'),
        ],
    )
    def test_others_are_refused(self, options: dict[str, Any], message: str) -> None:
        with pytest.raises(InvalidTask, match=message):
            tasks.answer.using(**options)

    def test_a_key_stores_one_task_alone(self, sent: list[Sent]) -> None:
        nightly = tasks.echo.using(key="nightly")
        first = nightly.enqueue("first")
        second = nightly.enqueue("second")
        assert (second.id, second.args) == (first.id, ["first"])
        assert [each.name for each in sent] == ["enqueued"]
        work_off()
        assert nightly.enqueue("third").return_value == [["first"], {}]

    def test_a_key_that_a_job_has_is_refused(self) -> None:
        from tests.app import scripted

        scripted.tell.using(key="nightly").enqueue("x")
        with pytest.raises(InvalidTask, match='The key "nightly" is that of job #'):
            tasks.echo.using(key="nightly").enqueue()


class TestOfTheBackend:
    def test_they_hold_for_all_its_tasks(self) -> None:
        with with_options(max_attempts=2, backoff=NO_PAUSE, atomic=True, max_run_time=30):
            result = tasks.fail.enqueue()
            job = Job.objects.get()
            assert (job.max_attempts, job.max_run_time) == (2, 30.0)
            assert options_of(job).atomic  # type: ignore[arg-type]
            assert work_off().performed == 2
            assert len(tasks.fail.get_result(result.id).errors) == 2
            tasks.fail.using(max_attempts=1).enqueue()
            assert Job.objects.order_by("-id")[0].max_attempts == 1

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (
                {"max_atempts": 2},
                r'TASKS\["default"\]\["OPTIONS"\]: "max_atempts" is not an option of a task. Did you',
            ),
            ({"max_attempts": "2"}, "max_attempts must be a whole number"),
            ({"key": "x"}, '"key" is not an option of a task'),
            ({"backoff": "no.where"}, "backoff cannot be imported"),
        ],
    )
    def test_wrong_ones_are_reported_and_refused(self, options: dict[str, Any], message: str) -> None:
        with with_options(**options):
            declared()(tasks.answer.func)  # at import time nothing is asked of them
            [problem] = task_backends["default"].check()
            assert problem.id == "jobqueue.E041"
            with pytest.raises(Exception, match=message):
                tasks.answer.enqueue()
        assert not Job.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_atomic_task_commits_with_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    with with_options(atomic=True):
        result = tasks.return_what.enqueue("object")
        work_off()
        result = tasks.return_what.get_result(result.id)
        assert result.status == TaskResultStatus.FAILED
        retry(int(result.id))
        assert tasks.return_what.get_result(result.id).status == TaskResultStatus.READY
