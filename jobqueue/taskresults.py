"""Rows as Django's ``TaskResult``: what callers, receivers of signals and tasks that take the context are shown."""

from __future__ import annotations

import builtins
import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.apps import apps

from jobqueue import exceptions
from jobqueue.djangotasks import AnyResult, TaskError, TaskResultStatus
from jobqueue.exceptions import CorruptHandler
from jobqueue.handlers import contents
from jobqueue.handlers.tasks import StoredTask, changed, read_task
from jobqueue.pending import PendingJob
from jobqueue.rows import ClaimedJob
from jobqueue.sealing import unseal
from jobqueue.states import State

if TYPE_CHECKING:
    from jobqueue.models import Attempt, Job

STATUS = {
    State.SCHEDULED: TaskResultStatus.READY,
    State.READY: TaskResultStatus.READY,
    State.RUNNING: TaskResultStatus.RUNNING,
    State.SUCCEEDED: TaskResultStatus.SUCCESSFUL,
    State.FAILED: TaskResultStatus.FAILED,
    State.CANCELLED: TaskResultStatus.FAILED,
}
#: More failed attempts are not read for one result.
MOST_TRIES = 100

#: How the first line of an error begins: the exception's class.
CLASS = re.compile(r"([A-Za-z_][\w.<>]*)(?::|$)")
TRACEBACK = re.compile(r"\n\n(?=(?:Traceback|  \+ Exception Group Traceback) \(most recent call last\):\n)")
#: What stands for the class where nothing was raised in the task.
OF_OUTCOME = {"timed out": "JobTimeout", "unknown": "UnknownPerformable", "corrupt": "CorruptHandler"}


def enqueued(task: Any, job: Job | PendingJob, args: Any, kwargs: Any) -> AnyResult:
    """Return the result of a task that has just been stored, or will be at a commit."""
    pending = isinstance(job, PendingJob)
    kind: Any = PendingTaskResult if pending else AnyResult
    result: AnyResult = kind(
        task=task,
        id=job if pending else str(job.pk),
        status=TaskResultStatus.READY,
        enqueued_at=None if pending else job.created_at,
        started_at=None,
        finished_at=None,
        last_attempted_at=None,
        args=list(args),
        kwargs=dict(kwargs),
        backend=task.backend,
        errors=[],
        worker_ids=[],
    )
    return result


def result_of(job: Job) -> AnyResult:
    """Return the result of a row.

    Raises:
        CorruptHandler, UnknownPerformable: if it is no task's, or this release does not know the task.
    """
    data, signed = contents(job)
    if not signed or "task" not in data:
        raise CorruptHandler(f"{job} is not a task of Django's.")
    state = State(job.state)
    tries = _tries(job) if job.last_error is not None else []
    last_worker = [job.locked_by] if job.locked_by else []
    result = _result(read_task(data), job, STATUS[state], tries, last_worker)
    began = [job.started_at if state.is_final else None, job.locked_at]
    _stamp(result, tries, next((each for each in began if each is not None), None))
    if state.is_final:
        _set(result, finished_at=job.finished_at or job.failed_at)
    if state is State.CANCELLED:
        result.errors.append(cancelled(job.error))
    if state is State.SUCCEEDED and job.stored_result is not None:
        _set(result, _return_value=json.loads(unseal(job.stored_result)))
    return result


def running(stored: StoredTask, job: ClaimedJob, alias: str, worker: str, now: datetime) -> AnyResult:
    """Return the result of a task that begins.

    Args:
        stored: what its handler tells.
        job: as claimed.
        alias: of the database that its failed attempts are read from, if there were any.
        worker: who performs it.
        now: when it begins.
    """
    tries: list[Attempt] = []
    if job.attempts > 1:
        model = apps.get_model("jobqueue", "Attempt")
        tries = _since_retry(model._base_manager.using(alias).filter(job_id=job.id), job.attempts - 1)
    result = _result(stored, job, TaskResultStatus.RUNNING, tries, [worker])
    _stamp(result, tries, now)
    return result


def end(result: AnyResult, state: State, now: datetime, error: TaskError | None, text: str | None) -> None:
    """Make the result of a running task that of an ended one; ``text`` is the encoded return value."""
    _set(result, status=STATUS[state], finished_at=now)
    if error is not None:
        result.errors.append(error)
    if text is not None:
        _set(result, _return_value=json.loads(text))


def stored_at(result: AnyResult, job: Job | PendingJob) -> None:
    """Tell the result of a pending task that it is stored."""
    _set(result, enqueued_at=job.created_at)


def error_of(outcome: str, text: str) -> TaskError:
    """Return the text of a failed attempt as Django's error: the class by its first line, then the traceback."""
    headline, _, trace = _split(text)
    return TaskError(exception_class_path=_class_path(outcome, headline), traceback=trace or text)


def cancelled(reason: str | None) -> TaskError:
    """Return the error of a task that was called off: for Django it has failed."""
    return TaskError(exception_class_path=f"{exceptions.__name__}.Cancel", traceback=reason or "cancelled")


class PendingTaskResult(AnyResult):
    """The result of a task that is stored at a commit; until then its ``id`` raises ``JobNotStored``."""

    __slots__ = ("_job",)
    _job: PendingJob

    @property
    def id(self) -> str:
        """The id, once it is stored."""
        return str(self._job.pk)

    @id.setter
    def id(self, job: Any) -> None:
        object.__setattr__(self, "_job", job)

    def __repr__(self) -> str:
        return f"<result of {self._job}>"


# From a row to the parts of a result.


def _result(
    stored: StoredTask, job: Any, status: TaskResultStatus, tries: list[Attempt], last_worker: list[str]
) -> AnyResult:
    workers = [each.worker for each in tries] + last_worker
    unknown = [""] * (job.attempts - len(workers))
    task = changed(
        stored.task,
        priority=job.priority,
        queue_name=job.queue,
        backend=stored.backend,
        run_after=stored.run_after,
    )
    return AnyResult(
        task=task,
        id=str(job.id),
        status=status,
        enqueued_at=job.created_at,
        started_at=None,
        finished_at=None,
        last_attempted_at=None,
        args=stored.args,
        kwargs=stored.kwargs,
        backend=stored.backend,
        errors=[error_of(each.outcome, each.error) for each in tries],
        worker_ids=unknown + workers,
    )


def _stamp(result: AnyResult, tries: Sequence[Attempt], began: datetime | None) -> None:
    """Set when the first and the latest attempt began."""
    times = [each.started_at for each in tries if each.started_at] + ([began] if began else [])
    if times:
        _set(result, started_at=times[0], last_attempted_at=times[-1])


def _tries(job: Job) -> list[Attempt]:
    """Return the failed attempts of a row that count: a retry by hand begins anew."""
    most = job.attempts - (State(job.state) is State.RUNNING)
    # One that failed because nobody knew the task was not charged.
    return _since_retry(job.tries.all(), most + (State(job.state) is State.FAILED))


def _since_retry(rows: Any, most: int) -> list[Attempt]:
    tries: list[Attempt] = []
    for each in rows.filter(number__lte=most).order_by("-id")[:MOST_TRIES]:
        if tries and each.number >= tries[-1].number:
            break
        tries.append(each)
    return tries[::-1]


def _split(text: str) -> tuple[str, str, str]:
    found = TRACEBACK.search(text)
    return (text[: found.start()], "", text[found.end() :]) if found else text.partition("\n\n")


def _class_path(outcome: str, headline: str) -> str:
    if outcome not in {"crashed", "unknown"}:
        for line in headline.splitlines():
            if (found := CLASS.match(line)) and (path := _qualified(found[1])):
                return path
    return f"{exceptions.__name__}.{OF_OUTCOME.get(outcome, 'JobQueueError')}"


def _qualified(name: str) -> str | None:
    """Return the path of a class as tracebacks name it: those of Python and ours without their module."""
    if "." in name:
        return name
    for module in (exceptions, builtins):
        if isinstance(getattr(module, name, None), type):
            return f"{module.__name__}.{name}"
    return None


def _set(result: AnyResult, **values: Any) -> None:
    """Change what Django has frozen for users of results."""
    for name, value in values.items():
        object.__setattr__(result, name, value)
