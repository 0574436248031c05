"""Performs tasks of Django's: with their context, between its signals, by its rules for what they return."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from jobqueue import signals
from jobqueue.conf import get_settings
from jobqueue.djangotasks import AnyResult, TaskContext, TaskError, task_finished, task_started
from jobqueue.exceptions import PayloadError, UnstorableResult
from jobqueue.handlers.codec import dumps, encode
from jobqueue.handlers.jsonable import jsonable
from jobqueue.handlers.loaded import Loaded
from jobqueue.outcomes import Decision
from jobqueue.rows import ClaimedJob
from jobqueue.states import State
from jobqueue.taskresults import cancelled, end, error_of, running


class TaskRun:
    """One attempt of a task. Its ``before`` is called as the hook of that name.

    Args:
        loaded: the task as its handler tells of it.
        worker: who performs it.
    """

    def __init__(self, loaded: Loaded, worker: str) -> None:
        self._stored = loaded.task
        self._worker = worker
        self._result: AnyResult | None = None

    def before(self, job: ClaimedJob) -> None:
        """Tell Django's receivers that the task begins."""
        alias = get_settings().database
        self._result = running(self._stored, job, alias, self._worker, timezone.now())
        self._send(task_started)

    def perform(self) -> Any:
        """Call the function, with its context if it takes one; of an async one, return the coroutine."""
        if not self._stored.task.takes_context:
            return self._stored.perform()
        assert self._result is not None
        return self._stored.perform(TaskContext(task_result=self._result))

    def encode(self, value: Any, job: ClaimedJob) -> str:
        """Return the result as JSON text.

        Raises:
            UnstorableResult: if it is none of JSON's, or too large: Django has such a task fail.
        """
        owner = f"result of {job.name}"
        try:
            plain = jsonable(value, owner, "")
            encode(plain, owner)  # refuses NaN, NUL, keys that are no text …
        except PayloadError as error:
            raise UnstorableResult(str(error)) from None
        text, limit = dumps(plain), get_settings().max_payload_bytes
        if (size := len(text.encode())) > limit:
            raise UnstorableResult(
                f"{owner} is {size:,} bytes; the limit is {limit:,}. Store the data and return its id."
            )
        return text

    def ended(self, decision: Decision) -> None:
        """Tell Django's receivers that the task is done with, unless it is tried again."""
        if self._result is None or not decision.state.is_final:
            return
        text = decision.result if decision.state is State.SUCCEEDED else None
        end(self._result, decision.state, timezone.now(), _error(decision), text)
        self._send(task_finished)

    def _send(self, signal: Any) -> None:
        assert self._result is not None
        signals.send(signal, type(self._result.task.get_backend()), task_result=self._result)


def as_run(loaded: Loaded, worker: str) -> Loaded:
    """Complete a loaded task by what surrounds its call."""
    run = TaskRun(loaded, worker)
    loaded.perform, loaded.hooks, loaded.encode, loaded.ended = run.perform, run, run.encode, run.ended
    return loaded


def _error(decision: Decision) -> TaskError | None:
    if decision.state is State.CANCELLED:
        return cancelled(decision.error)
    return error_of(decision.failure, decision.error or "") if decision.failure else None
