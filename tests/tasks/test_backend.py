"""Tasks stored, performed and looked at: what Django documents of any backend, in its own tests' order."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from datetime import datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django import VERSION
from django.db import transaction
from django.test import override_settings
from django.utils import timezone

from jobqueue import backends, cancel, retry
from jobqueue.backends import DatabaseBackend, DatabaseTask
from jobqueue.djangotasks import (
    InvalidTask,
    PlainTask,
    TaskResultDoesNotExist,
    TaskResultStatus,
    task,
    task_backends,
)
from jobqueue.models import Job
from jobqueue.states import State
from jobqueue.testing import work_off
from tests.app import tasks
from tests.tasks.conftest import Sent

pytestmark = pytest.mark.django_db

BACKEND = "jobqueue.backends.DatabaseBackend"
HOUR = timedelta(hours=1)
NO_PAUSE = "tests.app.tasks.no_pause"


def backend() -> Any:
    return task_backends["default"]


def settled(result: Any) -> Any:
    """Perform all there is, and return the result as it is then."""
    work_off()
    result.refresh()
    return result


class TestBackend:
    def test_it_is_the_configured_one_and_can_all(self) -> None:
        assert isinstance(backend(), DatabaseBackend)
        flags = ("supports_defer", "supports_async_task", "supports_get_result", "supports_priority")
        assert [getattr(backend(), flag) for flag in flags] == [True] * 4

    def test_its_tasks_are_django_s_with_options(self) -> None:
        assert isinstance(tasks.echo, PlainTask)
        assert isinstance(tasks.echo, DatabaseTask)


class TestEnqueue:
    def test_the_result_says_that_it_waits(self) -> None:
        before = timezone.now()
        result = tasks.echo.enqueue(1, two=3)
        assert (result.status, result.is_finished, result.attempts) == (TaskResultStatus.READY, False, 0)
        assert (result.task, result.args, result.kwargs, result.backend) == (
            tasks.echo,
            [1],
            {"two": 3},
            "default",
        )
        assert (result.started_at, result.last_attempted_at, result.finished_at) == (None, None, None)
        assert (result.errors, result.worker_ids) == ([], [])
        assert before - timedelta(seconds=5) <= result.enqueued_at <= timezone.now() + timedelta(seconds=5)
        with pytest.raises(ValueError, match="not finished yet"):
            _ = result.return_value

    def test_it_is_a_job_like_any_other(self) -> None:
        result = tasks.tell.enqueue("hello")
        job = Job.objects.get(pk=result.id)
        assert isinstance(result.id, str)
        assert (job.name, job.queue, job.priority) == ("tests.app.tasks.tell", "mail", 7)
        assert work_off("mail").performed == 1
        assert tasks.story == ["hello"]

    @pytest.mark.django_db(transaction=True)
    def test_async_code_awaits_the_twins(self) -> None:
        async def go() -> Any:
            result = await tasks.add_slowly.aenqueue(1, b=2)
            again = await tasks.add_slowly.aget_result(result.id)
            await again.arefresh()
            return result, again

        result, again = async_to_sync(go)()
        assert result == again
        assert settled(result).return_value == 3

    def test_it_commits_or_rolls_back_with_the_caller_s_data(self) -> None:
        with transaction.atomic():
            result = tasks.echo.enqueue()
            transaction.set_rollback(True)
        with pytest.raises(TaskResultDoesNotExist):
            backend().get_result(result.id)

    def test_a_task_can_be_called_in_place(self) -> None:
        assert (tasks.answer.call(), tasks.add_slowly.call(1, 2)) == (42, 3)
        assert not Job.objects.exists()

    def test_arguments_that_do_not_fit_are_refused(self) -> None:
        with pytest.raises(TypeError, match=r"add_slowly\(\) missing a required argument: 'b'"):
            tasks.add_slowly.enqueue(1)
        with pytest.raises(TypeError, match="expected"):
            tasks.context_of.enqueue(expected=1, unexpected=2)
        assert not Job.objects.exists()

    def test_what_a_decorator_adds_is_not_asked_of_callers(self) -> None:
        assert settled(tasks.numbered.enqueue("text")).return_value == [7, "text"]

    def test_the_async_twin_is_named_where_a_loop_runs(self) -> None:
        async def go() -> None:
            tasks.echo.enqueue()

        with pytest.raises(Exception, match="await aenqueue"):
            async_to_sync(go)()


class TestUsing:
    def test_priority_decides_and_larger_is_first(self) -> None:
        for priority in (-100, 100, 0, 5):
            tasks.tell.using(priority=priority).enqueue(priority)
        work_off()
        assert tasks.story == [100, 5, 0, -100]

    @pytest.mark.parametrize("priority", [-101, 101, 3.1])
    def test_other_priorities_are_refused_in_django_s_words(self, priority: Any) -> None:
        with pytest.raises(InvalidTask, match=r"priority must be a whole number between -100 and 100\."):
            tasks.tell.using(priority=priority)

    def test_run_after_a_time(self) -> None:
        moment = timezone.now() + HOUR
        result = tasks.answer.using(run_after=moment).enqueue()
        assert Job.objects.get().run_at == moment
        assert (work_off().performed, result.status) == (0, TaskResultStatus.READY)
        result.refresh()
        assert (result.status, result.task.run_after) == (TaskResultStatus.READY, moment)
        assert tasks.answer.get_result(result.id).task == tasks.answer.using(run_after=moment)

    def test_run_after_a_pause(self) -> None:
        result = tasks.answer.using(run_after=HOUR, priority=3).enqueue()
        job = Job.objects.get()
        assert (job.run_at - job.created_at, job.priority) == (HOUR, 3)
        assert tasks.answer.get_result(result.id).task.run_after == HOUR

    def test_a_time_that_has_passed_means_now(self) -> None:
        result = tasks.answer.using(run_after=timezone.now() - HOUR).enqueue()
        assert settled(result).return_value == 42

    def test_a_naive_time_is_refused_in_django_s_words(self) -> None:
        with pytest.raises(InvalidTask, match="run_after must be an aware datetime"):
            tasks.answer.using(run_after=datetime(2026, 11, 22))

    @pytest.mark.parametrize("moment", ["tomorrow", timedelta(days=5000), -HOUR, 5])
    def test_other_times_are_refused(self, moment: Any) -> None:
        with pytest.raises(InvalidTask, match="run_after"):
            tasks.answer.using(run_after=moment)

    def test_a_pause_does_not_hide_other_mistakes(self) -> None:
        with pytest.raises(InvalidTask, match="priority must be"):
            tasks.answer.using(run_after=HOUR, priority=1000)

    def test_queues(self) -> None:
        result = tasks.answer.using(queue_name="reports").enqueue()
        assert work_off("mail").performed == 0
        assert work_off("reports").performed == 1
        assert tasks.answer.get_result(result.id).task.queue_name == "reports"

    @pytest.mark.parametrize("name", ["two words", "", "x" * 65])
    def test_names_that_no_queue_may_have_are_refused(self, name: str) -> None:
        with pytest.raises(InvalidTask, match="queue_name must be 1 to 64"):
            tasks.answer.using(queue_name=name)

    @override_settings(TASKS={"default": {"BACKEND": BACKEND}})
    def test_without_queues_only_the_default_one_is_taken(self) -> None:
        with pytest.raises(InvalidTask, match="Queue 'mail' is not valid for backend"):
            tasks.answer.using(queue_name="mail")
        with pytest.raises(InvalidTask, match="Queue 'mail' is not valid for backend"):
            tasks.tell.enqueue("it is judged again when it is enqueued")
        assert tasks.answer.enqueue().status == TaskResultStatus.READY

    @override_settings(JOBQUEUE={"QUEUES": {"default": 4, "reports": 9}})
    def test_the_queues_of_jobs_hold_too(self) -> None:
        with pytest.raises(InvalidTask, match='Unknown queue "mail"'):
            tasks.tell.enqueue("never")
        tasks.answer.using(queue_name="reports").enqueue()
        tasks.answer.using(queue_name="reports", priority=1).enqueue()
        assert list(Job.objects.order_by("id").values_list("priority", flat=True)) == [9, 1]

    def test_the_original_stays_as_it_is(self) -> None:
        assert tasks.answer.using(priority=5) == tasks.answer.using(priority=5) != tasks.answer
        assert tasks.answer.priority == 0
        assert tasks.answer.using() == tasks.answer

    def test_tasks_and_results_can_be_copied_and_compared(self) -> None:
        result = tasks.echo.enqueue(1)
        assert copy.copy(tasks.echo) == tasks.echo
        assert copy.deepcopy(result) == result
        assert hash(tasks.echo) == hash(tasks.echo.using())

    @pytest.mark.skipif(VERSION[:2] == (6, 0), reason="Django 6.0 cannot pickle tasks")
    def test_tasks_and_results_can_be_pickled(self) -> None:
        if VERSION < (6, 0):
            pytest.skip("django-tasks cannot pickle tasks")
        result = tasks.echo.using(max_attempts=3).enqueue(1)
        assert pickle.loads(pickle.dumps(result)) == result

    @override_settings(
        TASKS={
            "default": {"BACKEND": BACKEND, "QUEUES": []},
            "slow": {"BACKEND": BACKEND, "QUEUES": ["slow"]},
        }
    )
    def test_several_backends_of_ours_share_the_table(self) -> None:
        result = tasks.answer.using(backend="slow", queue_name="slow").enqueue()
        again = backend().get_result(result.id)
        assert (again.backend, again.task.backend) == ("slow", "slow")
        assert settled(again).return_value == 42


class TestResult:
    def test_success(self) -> None:
        result = settled(tasks.answer.enqueue())
        assert (result.status, result.is_finished) == (TaskResultStatus.SUCCESSFUL, True)
        assert (result.return_value, result.attempts, result.errors) == (42, 1, [])
        assert result.enqueued_at <= result.started_at == result.last_attempted_at <= result.finished_at
        [worker] = result.worker_ids
        assert worker.startswith("host:")

    def test_a_refreshed_one_is_the_stored_one(self) -> None:
        result = tasks.echo.enqueue(1, b=[2])
        before = dataclasses.asdict(result)
        result.refresh()
        assert dataclasses.asdict(result) == before
        assert tasks.echo.get_result(result.id) == result
        assert settled(result) == tasks.echo.get_result(result.id)

    @override_settings(JOBQUEUE={"BACKOFF": NO_PAUSE})
    def test_each_attempt_is_told(self) -> None:
        result = settled(tasks.succeed_at.enqueue(3))
        assert (result.return_value, result.attempts, len(result.worker_ids)) == (3, 3, 3)
        assert tasks.story == [(1, 0), (2, 1), (3, 2)]
        assert [each.exception_class for each in result.errors] == [ValueError, ValueError]
        assert result.started_at < result.last_attempted_at < result.finished_at
        assert set(result.worker_ids) == {result.worker_ids[0]}
        assert result.worker_ids[0].startswith("host:")

    def test_one_that_is_tried_again_is_ready(self) -> None:
        result = settled(tasks.fail.enqueue())
        assert (result.status, result.attempts, result.finished_at) == (TaskResultStatus.READY, 1, None)
        assert result.started_at == result.last_attempted_at is not None
        assert result.errors[0].exception_class_path == "builtins.ValueError"
        with pytest.raises(ValueError, match="not finished yet"):
            _ = result.return_value

    @override_settings(JOBQUEUE={"BACKOFF": NO_PAUSE, "MAX_ATTEMPTS": 2})
    def test_one_that_has_failed_for_good(self) -> None:
        result = settled(tasks.fail.enqueue())
        assert (result.status, result.attempts, len(result.errors)) == (TaskResultStatus.FAILED, 2, 2)
        assert result.finished_at is not None
        with pytest.raises(ValueError, match="Task failed"):
            _ = result.return_value

    @override_settings(JOBQUEUE={"BACKOFF": NO_PAUSE, "MAX_ATTEMPTS": 2})
    def test_a_retry_by_hand_begins_anew(self) -> None:
        result = settled(tasks.succeed_at.enqueue(4))
        assert (result.attempts, len(result.errors)) == (2, 2)
        retry(int(result.id))
        result.refresh()
        assert (result.status, result.attempts, result.errors) == (TaskResultStatus.READY, 0, [])
        settled(result)
        assert (result.status, result.attempts, len(result.errors)) == (TaskResultStatus.FAILED, 2, 2)
        assert [attempt for attempt, _ in tasks.story] == [1, 2, 1, 2]
        assert Job.objects.get().tries.count() == 4

    def test_a_running_one(self) -> None:
        seen: list[Any] = []

        def look() -> list[Any]:
            result = backend().get_result(str(Job.objects.get().pk))
            seen.append(result)
            return []

        result = tasks.where.enqueue()
        original = tasks.where.func
        object.__setattr__(tasks.where, "func", look)
        try:
            work_off()
        finally:
            object.__setattr__(tasks.where, "func", original)
        [running] = seen
        assert (running.status, running.attempts, running.id) == (TaskResultStatus.RUNNING, 1, result.id)
        assert running.started_at is not None
        assert running.worker_ids[0].startswith("host:")

    def test_cancelled_is_failed(self) -> None:
        by_hand, by_itself = tasks.answer.enqueue(), tasks.cancel_itself.enqueue()
        cancel(int(by_hand.id))
        settled(by_hand)
        by_itself.refresh()
        assert {by_hand.status, by_itself.status} == {TaskResultStatus.FAILED}
        assert (by_hand.attempts, by_itself.attempts) == (0, 1)
        assert by_itself.errors[-1].exception_class_path == "jobqueue.exceptions.Cancel"
        assert by_itself.errors[-1].traceback == "no longer wanted"
        assert by_hand.finished_at is not None

    @override_settings(JOBQUEUE={"BACKOFF": NO_PAUSE})
    def test_a_snooze_is_no_attempt(self) -> None:
        result = settled(tasks.snooze_once.enqueue())
        assert (tasks.story, result.attempts, result.errors) == (["snoozed", "snoozed"], 1, [])

    @pytest.mark.parametrize("unknown", ["123", "", "abc", "0", "-1", "1.0", "٣", "9" * 19, "9" * 40, 1, None])
    def test_unknown_ids_do_not_exist(self, unknown: Any) -> None:
        with pytest.raises(TaskResultDoesNotExist):
            backend().get_result(unknown)
        with pytest.raises(TaskResultDoesNotExist):
            tasks.answer.get_result(unknown)

    def test_a_job_that_is_no_task_has_no_result(self) -> None:
        from tests.app import scripted

        job = scripted.tell.enqueue("x")
        with pytest.raises(TaskResultDoesNotExist, match="not a task"):
            backend().get_result(str(job.pk))

    def test_a_result_of_another_task_is_a_mismatch(self) -> None:
        result = tasks.answer.enqueue()
        with pytest.raises(Exception, match="Task does not match") as caught:
            tasks.echo.get_result(result.id)
        assert type(caught.value).__name__ == "TaskResultMismatch"

    def test_one_that_was_tampered_with_does_not_exist(self) -> None:
        result = tasks.answer.enqueue()
        Job.objects.update(queue="elsewhere")
        with pytest.raises(TaskResultDoesNotExist, match="signature does not hold"):
            result.refresh()

    @override_settings(JOBQUEUE={"KEEP_SUCCEEDED": 0})
    def test_one_that_is_not_kept_does_not_exist(self) -> None:
        result = tasks.answer.enqueue()
        work_off()
        with pytest.raises(TaskResultDoesNotExist):
            result.refresh()


class TestErrors:
    @pytest.mark.parametrize(
        ("how", "path", "end"),
        [
            ("system exit", "builtins.SystemExit", "SystemExit: enough\n"),
            ("keyboard", "builtins.KeyboardInterrupt", "KeyboardInterrupt\n"),
            ("nested class", "tests.app.tasks.Outer.Boom", "tests.app.tasks.Outer.Boom: bang\n"),
            ("group", "builtins.ExceptionGroup", "------------------------------------\n"),
            ("syntax", "builtins.SyntaxError", "SyntaxError: invalid syntax\n"),
            ("cause", "builtins.RuntimeError", "RuntimeError: then\n"),
            ("no message", "builtins.ValueError", "ValueError\n"),
        ],
    )
    def test_class_and_traceback(self, how: str, path: str, end: str) -> None:
        [error] = settled(tasks.fail_otherwise.enqueue(how)).errors
        assert error.exception_class_path == path
        assert error.traceback.endswith(end)
        assert "fail_otherwise" in error.traceback

    def test_a_message_of_many_lines_is_in_the_traceback_alone(self) -> None:
        [error] = settled(tasks.succeed_at.enqueue(2)).errors
        assert error.traceback.startswith("Traceback (most recent call last):\n")
        assert error.traceback.endswith("not before attempt 2\n\nthis is only 1\n")

    def test_a_task_over_its_time(self) -> None:
        [error] = settled(tasks.last_for.using(max_run_time=0.05).enqueue(5)).errors
        assert error.exception_class_path == "jobqueue.exceptions.JobTimeout"
        assert issubclass(error.exception_class, TimeoutError)

    def test_sensitive_values_are_hidden(self) -> None:
        [error] = settled(tasks.fail.enqueue("it was s3same-open", password="s3same-open")).errors
        assert "s3same" not in error.traceback
        assert error.exception_class is ValueError

    def test_a_task_that_no_longer_exists(self, monkeypatch: pytest.MonkeyPatch) -> None:
        result = tasks.answer.enqueue()
        monkeypatch.delattr(tasks, "answer")
        backends_cache_clear()
        try:
            work_off()
            job = Job.objects.get()
            assert job.state == State.SCHEDULED
            assert "This job needs tests.app.tasks.answer, which no longer exists" in str(job.error)
            with pytest.raises(TaskResultDoesNotExist, match="no longer exists"):
                backend().get_result(result.id)
        finally:
            monkeypatch.undo()
            backends_cache_clear()


class TestSignals:
    def test_the_three_with_the_backend_s_class_as_sender(self, sent: list[Sent]) -> None:
        result = settled(tasks.echo.enqueue(1))
        assert [(each.name, each.status) for each in sent] == [
            ("enqueued", "READY"),
            ("started", "RUNNING"),
            ("finished", "SUCCESSFUL"),
        ]
        assert {each.sender for each in sent} == {DatabaseBackend}
        assert {each.result.id for each in sent} == {result.id}
        finished = sent[-1].result
        assert (finished.return_value, finished.attempts) == ([[1], {}], 1)
        assert finished.enqueued_at <= finished.started_at <= finished.finished_at
        assert finished.worker_ids == result.worker_ids

    @override_settings(JOBQUEUE={"BACKOFF": NO_PAUSE, "MAX_ATTEMPTS": 2})
    def test_finished_comes_once_for_all_attempts(self, sent: list[Sent]) -> None:
        settled(tasks.fail.enqueue())
        assert [each.name for each in sent] == ["enqueued", "started", "started", "finished"]
        finished = sent[-1].result
        assert (finished.status, finished.attempts) == (TaskResultStatus.FAILED, 2)
        assert [each.exception_class for each in finished.errors] == [ValueError, ValueError]

    def test_a_cancelled_one_finishes_as_failed(self, sent: list[Sent]) -> None:
        settled(tasks.cancel_itself.enqueue())
        assert [(each.name, each.status) for each in sent][-1] == ("finished", "FAILED")

    def test_a_receiver_that_raises_changes_nothing(self, sent: list[Sent]) -> None:
        from jobqueue.djangotasks import task_started

        def stumble(**_: Any) -> None:
            raise RuntimeError("receiver")

        task_started.connect(stumble)
        try:
            assert settled(tasks.answer.enqueue()).return_value == 42
        finally:
            task_started.disconnect(stumble)

    @override_settings(TASKS={"default": {"BACKEND": "tests.tasks.test_backend.OwnBackend", "QUEUES": []}})
    def test_of_a_subclass_the_sender_is_the_subclass(self, sent: list[Sent]) -> None:
        settled(tasks.answer.enqueue())
        assert {each.sender for each in sent} == {OwnBackend}


class TestContext:
    def test_it_is_the_running_result(self) -> None:
        result = settled(tasks.context_of.enqueue(expected=1))
        assert result.return_value == [result.id, 1, "RUNNING", [], {"expected": 1}, result.worker_ids]

    def test_of_an_async_task(self) -> None:
        assert settled(tasks.context_of_async.enqueue()).return_value == 1

    def test_without_context_as_first_argument_it_is_refused_in_django_s_words(self) -> None:
        with pytest.raises(InvalidTask, match="does not have a first argument of 'context'"):
            task(takes_context=True)(tasks.answer.func)

    def test_current_job_is_there_too(self) -> None:
        name, _pid, on_main_thread = settled(tasks.where.enqueue()).return_value
        assert (name, on_main_thread) == ("tests.app.tasks.where", True)


class TestDefinition:
    def test_nested_functions_are_refused_in_django_s_words(self) -> None:
        def nested() -> None: ...

        for function in (
            nested,
            any,
            TestDefinition.test_nested_functions_are_refused_in_django_s_words.__get__(self),
        ):
            with pytest.raises(InvalidTask, match="must be defined at a module level"):
                task(function)

    def test_a_task_that_hides_under_another_name_is_refused(self) -> None:
        with pytest.raises(InvalidTask, match=r"tests\.app\.tasks\._renamed does not lead to this task"):
            tasks.renamed.enqueue()

    def test_one_of_the_shell_is_refused(self) -> None:
        space: dict[str, Any] = {"__name__": "__main__"}
        exec("def hello(): ...", space)
        with pytest.raises(InvalidTask, match="hello is defined in __main__"):
            task(space["hello"]).enqueue()

    def test_enqueue_of_jobs_says_that_tasks_store_themselves(self) -> None:
        from jobqueue import enqueue

        with pytest.raises(TypeError, match=r"answer is a task of Django's, which stores itself: answer\.enqueue"):
            enqueue(tasks.answer)

    def test_something_else_than_a_task_is_refused(self) -> None:
        with pytest.raises(InvalidTask, match="is no task of"):
            backend().enqueue("tests.app.tasks.answer", (), {})


class OwnBackend(backends.DatabaseBackend):
    """As a project may have it."""


def backends_cache_clear() -> None:
    """Forget what handlers' paths have led to."""
    from jobqueue.handlers import resolve
    from jobqueue.handlers import tasks as handled

    resolve.registry.pop("tests.app.tasks.answer", None)
    handled.find_task.cache_clear()
