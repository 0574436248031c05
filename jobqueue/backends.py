"""Django's task framework on our table: ``TASKS = {"default": {"BACKEND": "jobqueue.backends.DatabaseBackend"}}``."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Warning
from django.db import transaction

from jobqueue import client, signals
from jobqueue.conf import INLINE, get_settings, read
from jobqueue.djangotasks import (
    AnyTask,
    BaseTaskBackend,
    InvalidTask,
    InvalidTaskBackend,
    PlainTask,
    TaskResultDoesNotExist,
    task_enqueued,
)
from jobqueue.exceptions import CorruptHandler, NotPerformable, OptionError, UnknownPerformable, shown
from jobqueue.handlers import TaskCall
from jobqueue.handlers.resolve import registry
from jobqueue.handlers.tasks import shape_of
from jobqueue.options import TASK_RULES, check_backend, check_queue_name, check_task, check_time
from jobqueue.pending import PendingJob
from jobqueue.stores import get_store
from jobqueue.taskresults import enqueued, result_of, stored_at

if TYPE_CHECKING:
    from jobqueue.djangotasks import AnyResult
    from jobqueue.models import Job

RESULT_ID = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
LARGEST_ID = 2**63 - 1
#: What ``using`` may change of our options.
OF_A_CALL = frozenset({"max_attempts", "max_run_time", "key"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseTask(AnyTask):
    """A task of Django's with job options, such as ``@task(max_attempts=5)`` makes where Django hands them on.

    Attributes:
        max_attempts: how often it is tried in all.
        max_run_time: seconds, or a timedelta.
        atomic: whether it runs inside one transaction with the writing of its success.
        ack: write its end in a "batch" with others, or at once ("each").
        on_crash: what becomes of it when its process dies, "retry" or "fail".
        backoff: callable from the number of attempts made to the pause, its path, or a pause.
        sensitive: names of arguments whose values errors and pages must not show.
        aliases: former paths under which stored tasks may still name it.
        key: what tells it from all others; while a row has it, no second one is stored.
    """

    max_attempts: int | None = None
    max_run_time: float | timedelta | None = None
    atomic: bool | None = None
    ack: str | None = None
    on_crash: str | None = None
    backoff: Any = None
    sensitive: tuple[str, ...] | None = None
    aliases: tuple[str, ...] | None = None
    key: str | None = None

    def __new__(cls, **given: Any) -> DatabaseTask:
        """Refuse what is no option, and say so as for jobs."""
        known = {each.name for each in fields(cls)}
        _checked({name: value for name, value in given.items() if name not in known})
        return object.__new__(cls)

    def __post_init__(self) -> None:
        AnyTask.__post_init__(self)
        given = _checked(_own_options(self))
        if "sensitive" in given:
            _check_names(self, given["sensitive"])
        for name in ("sensitive", "aliases"):
            object.__setattr__(self, name, given.get(name))
        for alias in given.get("aliases", ()):
            registry.setdefault(alias, self)

    def using(
        self,
        *,
        priority: int | None = None,
        queue_name: str | None = None,
        run_after: datetime | timedelta | None = None,
        backend: str | None = None,
        **options: Any,
    ) -> DatabaseTask:
        """Return the task with other defaults; beside Django's own: max_attempts, max_run_time, key."""
        if misplaced := sorted(options.keys() - OF_A_CALL):
            raise InvalidTask(
                f'"{misplaced[0]}" is not an option of using(). Ours: {", ".join(sorted(OF_A_CALL))}.'
            )
        django_own = {"priority": priority, "queue_name": queue_name, "run_after": run_after, "backend": backend}
        changes = {name: value for name, value in {**django_own, **options}.items() if value is not None}
        return replace(self, **changes)


class DatabaseBackend(BaseTaskBackend):
    """Stores tasks as jobs, on the caller's connection: they commit or roll back with the caller's data.

    ``OPTIONS`` are job options for all its tasks; a task's own come first.
    """

    task_class = DatabaseTask

    supports_defer = True
    supports_async_task = True
    supports_get_result = True
    supports_priority = True

    @cached_property
    def job_options(self) -> dict[str, Any]:
        """``OPTIONS``, checked.

        Raises:
            InvalidTaskBackend: naming the option, the value and what is allowed.
        """
        if not isinstance(self.options, Mapping):
            raise InvalidTaskBackend(
                f'TASKS["{self.alias}"]["OPTIONS"] must be a dict. It is {shown(self.options)}.'
            )
        try:
            return check_backend(self.options)
        except OptionError as error:
            raise InvalidTaskBackend(f'TASKS["{self.alias}"]["OPTIONS"]: {error}') from None

    def options_for(self, task: AnyTask) -> dict[str, Any]:
        """Return the job options of a task over those of its backend."""
        return {**self.job_options, **check_task(_own_options(task))}

    def validate_task(self, task: AnyTask) -> None:
        """Raise InvalidTask unless the task can be stored and performed. Touches no model and no database."""
        if not isinstance(task, PlainTask):
            raise InvalidTask(
                f"{shown(task)} is no task of {AnyTask.__module__}; import the decorator from there."
            )
        moment: Any = task.run_after
        if isinstance(moment, timedelta):
            replace(task, run_after=None)  # Django judges the rest; of times it knows datetimes alone
        elif moment is None or isinstance(moment, datetime):
            super().validate_task(task)
        try:
            check_queue_name("queue_name", task.queue_name)
            if moment is not None:
                check_time("run_after", moment)
        except OptionError as error:
            raise InvalidTask(str(error)) from None

    def enqueue(self, task: AnyTask, args: Any, kwargs: Any) -> Any:
        """Store a task and return its result, which a worker will have worked out later.

        If the jobs live in another database and a transaction is open on the caller's, it is stored at the commit, and
        ``result.id`` raises ``JobNotStored`` until then.

        Raises:
            InvalidTask, PayloadError, TypeError, QueueFull: nothing is stored then.
        """
        self.validate_task(task)
        call = TaskCall(task, self._given(task), args, kwargs)
        inline = get_settings().mode == INLINE
        if inline:  # it is performed before we hear of its row
            call.told = lambda job: self._tell(enqueued(task, job, args, kwargs))
        try:
            job = client.enqueue(call)
        except (OptionError, NotPerformable) as error:
            raise InvalidTask(str(error)) from error
        if isinstance(job, PendingJob):
            return self._pending(enqueued(task, job, args, kwargs), job, inline)
        if inline or call.is_known:
            return self._present(job)
        result = enqueued(task, job, args, kwargs)
        self._tell(result)
        return result

    def get_result(self, result_id: str) -> AnyResult:
        """Return the result of a stored task, of whichever backend of ours.

        Raises:
            TaskResultDoesNotExist: if there is none, no more, or its task is not in this release.
        """
        store = get_store()
        rows = apps.get_model("jobqueue", "Job")._base_manager.using(store.alias)
        with store.statement():
            job = rows.filter(pk=_number(result_id)).first()
            if job is None:
                raise TaskResultDoesNotExist(result_id)
            try:
                return result_of(job)
            except (CorruptHandler, UnknownPerformable) as error:
                raise TaskResultDoesNotExist(f"{result_id}: {error}") from error

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        """Report what would keep tasks of this backend from being stored or performed."""
        return list(self._problems())

    def _given(self, task: AnyTask) -> dict[str, Any]:
        given = {**self.options_for(task), "queue": task.queue_name}
        if task.priority:  # else that of the queue
            given["priority"] = int(task.priority)
        if task.run_after is not None:
            given["run_at"] = task.run_after
        return given

    def _present(self, job: Job) -> AnyResult:
        try:
            return result_of(job)
        except CorruptHandler:
            raise InvalidTask(f'The key "{job.key}" is that of job {job}, which is no task.') from None

    def _pending(self, result: AnyResult, job: PendingJob, inline: bool) -> AnyResult:
        def stored() -> None:
            stored_at(result, job)
            if not inline:
                self._tell(result)

        transaction.on_commit(stored, using=job.alias)
        return result

    def _tell(self, result: AnyResult) -> None:
        signals.send(task_enqueued, type(self), task_result=result)

    def _problems(self) -> Iterator[CheckMessage]:
        name = f'TASKS["{self.alias}"]'
        if not apps.is_installed("jobqueue"):
            message = f"{name} stores tasks in a table of jobqueue, which is not installed."
            hint = 'Add "jobqueue" to INSTALLED_APPS in settings.py, then run: python manage.py migrate'
            yield Error(message, hint=hint, id="jobqueue.E040")
        try:
            _ = self.job_options
        except InvalidTaskBackend as error:
            yield Error(str(error), hint=f"Options of {name} are for all its tasks.", id="jobqueue.E041")
        # Its mistakes are reported by a check of their own.
        settings, _mistakes = read(getattr(django_settings, "JOBQUEUE", {}))
        yield from _misnamed(name, self.queues, settings.queues)
        if settings.keep_succeeded == 0:
            message = f'{name} cannot give results: JOBQUEUE["KEEP_SUCCEEDED"] is 0.'
            hint = "Keep rows as long as results are asked for, or silence this if they never are."
            yield Warning(message, hint=hint, id="jobqueue.W043")


def _misnamed(name: str, queues: Collection[str], declared: Collection[str]) -> Iterator[CheckMessage]:
    for queue in sorted(map(str, queues)):
        try:
            check_queue_name("the queue", queue)
        except OptionError as error:
            yield Error(f'{name}["QUEUES"]: {error}', id="jobqueue.E042")
            continue
        if declared and queue not in declared:
            message = f'{name} takes the queue "{queue}", which JOBQUEUE["QUEUES"] lacks.'
            yield Error(
                message,
                hint=f"Its tasks are refused. JOBQUEUE has: {', '.join(sorted(declared))}.",
                id="jobqueue.E042",
            )


def _own_options(task: AnyTask) -> dict[str, Any]:
    """Return the job options of a task; one made by another backend has none."""
    return {name: value for name in TASK_RULES if (value := getattr(task, name, None)) is not None}


def _check_names(task: AnyTask, names: tuple[str, ...]) -> None:
    try:
        shape_of(task.func, task.takes_context).check_names(names)
    except OptionError as error:
        raise InvalidTask(str(error)) from None


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return check_task(given)
    except OptionError as error:
        raise InvalidTask(str(error)) from None


def _number(result_id: Any) -> int:
    if not isinstance(result_id, str) or not RESULT_ID.fullmatch(result_id) or int(result_id) > LARGEST_ID:
        raise TaskResultDoesNotExist(result_id)
    return int(result_id)
