"""Django's tasks: a call of one as a performable, and what handlers tell of it. It does not import their framework."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache, partial
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from jobqueue.exceptions import CorruptHandler, NotPerformable, UnknownPerformable
from jobqueue.handlers.arguments import Shape, decode_arguments
from jobqueue.handlers.codec import decode, encode
from jobqueue.handlers.jsonable import jsonable
from jobqueue.handlers.loaded import Loaded
from jobqueue.handlers.resolve import INTERACTIVE, is_task, look_up, registry
from jobqueue.options import DEFAULTS, Options

DEFAULT_BACKEND = "default"


class TaskCall:
    """A task of Django's with its arguments: a performable.

    Args:
        task: the ``Task``, as ``using`` has left it.
        given: its job options and those of its backend, checked; its queue, priority and time.
        args: positional arguments.
        kwargs: arguments by name.
    Attributes:
        is_known: whether a row has its key already, once it was handed to ``enqueue``.
        told: is called with the row, in its transaction, if it is a new one.
    """

    __slots__ = ("args", "given", "is_known", "kwargs", "task", "told")

    def __init__(self, task: Any, given: Mapping[str, Any], args: Any, kwargs: Mapping[str, Any]) -> None:
        self.task = task
        self.given = given
        self.args = args
        self.kwargs = kwargs
        self.is_known = "key" in given
        self.told: Callable[[Any], None] | None = None

    def __repr__(self) -> str:
        return f"<call of {self.task.module_path}>"

    @property
    def sender(self) -> Any:
        """The task as its module declares it: the sender of the signals about its jobs."""
        return find_task(self.task.module_path)

    def hook(self) -> Callable[[Any], None] | None:
        """Return what is to be called with the stored row, if anything is."""
        return self._stored if self.told or self.is_known else None

    def _stored(self, job: Any) -> None:
        self.is_known = False
        if self.told is not None:
            self.told(job)

    def dump(self) -> tuple[str, dict[str, Any]]:
        """Return the name and the handler's data."""
        task = self.task
        path, shape = _path_of(task), shape_of(task.func, task.takes_context)
        if not hasattr(task.func, "__wrapped__"):  # a decorator may take other arguments than it shows
            shape.fit(self.args, self.kwargs)
        owner = task.func.__name__
        data: dict[str, Any] = {"task": path}
        if self.args:
            data["args"] = [
                _encoded(value, owner, shape.name_at(position)) for position, value in enumerate(self.args)
            ]
        if self.kwargs:
            data["kwargs"] = {name: _encoded(value, owner, name) for name, value in self.kwargs.items()}
        if task.backend != DEFAULT_BACKEND:
            data["backend"] = task.backend
        if task.run_after is not None:
            data["run_after"] = encode(task.run_after, owner, "run_after")
        return path, data


@dataclass(frozen=True, slots=True)
class StoredTask:
    """What a handler tells of a task.

    Attributes:
        task: as its module declares it.
        args: positional arguments.
        kwargs: arguments by name.
        backend: the alias that it was enqueued by.
        run_after: the time that it was given, if any.
    """

    task: Any
    args: list[Any] = field(repr=False)
    kwargs: dict[str, Any] = field(repr=False)
    backend: str
    run_after: Any

    def perform(self, *before: Any) -> Any:
        """Call the function; of an async one, return the coroutine."""
        return self.task.func(*before, *self.args, **self.kwargs)


def load_task(data: Mapping[str, Any]) -> Loaded:
    """Return a stored task, to be completed by what performs it."""
    stored = read_task(data)
    return Loaded(stored.perform, stored.task, None, task_options(data), task=stored)


def read_task(data: Mapping[str, Any]) -> StoredTask:
    """Return what a signed handler tells of a task."""
    args, kwargs = decode_arguments(data)
    return StoredTask(find_task(data["task"]), args, kwargs, _alias(data), decode(data.get("run_after")))


def task_options(data: Mapping[str, Any]) -> Options:
    """Return the options of the task that a signed handler names.

    Raises:
        UnknownPerformable: if its backend, too, is not in this release's settings.
    """
    task, alias = find_task(data["task"]), _alias(data)
    try:
        backend = (task if alias == task.backend else changed(task, backend=alias)).get_backend()
    except ImproperlyConfigured as error:
        raise UnknownPerformable(f'This job needs the backend "{alias}" of TASKS: {error}') from None
    options_for = getattr(backend, "options_for", None)
    return Options(**options_for(task)) if options_for else DEFAULTS


def changed(task: Any, **changes: Any) -> Any:
    """Return a copy of a task that is not judged by its backend: what is stored was, and is as it is."""
    copy = object.__new__(type(task))
    for each in fields(task):
        object.__setattr__(
            copy, each.name, changes[each.name] if each.name in changes else getattr(task, each.name)
        )
    return copy


@lru_cache(maxsize=4096)
def find_task(path: Any) -> Any:
    """Return the task that a signed handler names.

    Raises:
        UnknownPerformable: if this release does not have it.
        CorruptHandler: if the path is none, or leads to something else than a task.
    """
    found = look_up(path) if isinstance(path, str) else None
    if not is_task(found):
        raise CorruptHandler(f"{path!r} is not the path of a task of Django's.")
    registry.setdefault(path, found)
    return found


@lru_cache(maxsize=4096)
def shape_of(function: Any, takes_context: bool) -> Shape:
    """Return what callers of a task give: of one that takes the context, all but that."""
    return Shape(partial(function, None) if takes_context else function, function.__name__)


def _alias(data: Mapping[str, Any]) -> str:
    alias = data.get("backend", DEFAULT_BACKEND)
    if not isinstance(alias, str):
        raise CorruptHandler("The handler's backend must be an alias.")
    return alias


def _path_of(task: Any) -> str:
    """Return the path by which a worker will find a task."""
    path: str = task.module_path
    module, name = task.func.__module__, task.func.__qualname__
    if module in INTERACTIVE:
        raise NotPerformable(
            f"{name} is defined in {INTERACTIVE[module]}; the worker cannot import it. Put it in an app's tasks.py."
        )
    try:
        found = find_task(path)
    except (UnknownPerformable, CorruptHandler):
        found = None
    if found is None or found.func is not task.func:
        raise NotPerformable(
            f"{path} does not lead to this task. A worker imports tasks by name, so let the task keep the name of its "
            "function: decorate that with @task, at module level."
        )
    return path


def _encoded(value: Any, owner: str, name: str) -> Any:
    return encode(jsonable(value, owner, name), owner, name)
