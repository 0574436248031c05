"""What a test asks for, in whatever form it names a job: a function, a class, an object, a call, a method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import ismethod
from typing import Any, NamedTuple

from django.db.models import Model

from jobqueue.exceptions import NotPerformable
from jobqueue.handlers import (
    BoundCall,
    DeclaredFunction,
    PerformableMethod,
    TaskCall,
    as_performable,
    contents,
    is_task,
    path_of,
)
from jobqueue.handlers.methods import dump_receiver, no_method, original, shape_of
from jobqueue.handlers.objects import dump_object
from jobqueue.handlers.shown import named_arguments
from jobqueue.models import Job
from jobqueue.sending import Asynchronous, Later

Call = tuple[Sequence[Any], Mapping[str, Any]]


class Wanted(NamedTuple):
    """What a row must hold.

    Attributes:
        name: what is performed.
        arguments: all of them, as they are stored, by name; None: any.
        receiver: whose method, as it is stored; None: anybody's.
    """

    name: str
    arguments: dict[str, Any] | None = None
    receiver: Any = None

    def fits(self, job: Job) -> bool:
        """Whether a row is what was asked for."""
        if job.name != self.name:
            return False
        if self.arguments is None and self.receiver is None:
            return True
        found = named_arguments(*contents(job), _as_stored)
        receiver = found.pop("self", None)
        return (self.arguments is None or found == self.arguments) and self.receiver in (None, receiver)


def performable_of(job: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Return a job with these arguments as ``enqueue`` takes it.

    Raises:
        NotPerformable, TypeError: if it is none, or the arguments do not fit.
    """
    job = _by_parts(job)
    if isinstance(job, tuple):
        obj, method = job
        return PerformableMethod(obj, method, args, kwargs)
    if isinstance(job, DeclaredFunction):
        return job.bind(*args, **kwargs)
    if is_task(job):
        return TaskCall(job, {}, tuple(args), kwargs)
    if isinstance(job, type):
        return as_performable(job(*args, **kwargs))
    if args or kwargs:
        raise TypeError(f"{job!r} has its arguments already.")
    return as_performable(job)


def wanted(job: Any, args: Sequence[Any] | None, kwargs: Mapping[str, Any] | None) -> Wanted:
    """Return what to look for.

    Args:
        job: a job function, a task of Django's, a class, an object with ``perform()``, a bound call; or
            ``(obj, "method")``, ``obj.method``, with a class in the place of ``obj`` for anybody's.
        args: positional arguments; of a class, those of ``__init__``.
        kwargs: arguments by name. If neither is given, any will do.

    Raises:
        NotPerformable, TypeError: if it is none, or the arguments do not fit.
    """
    given = None if args is None and kwargs is None else (args or (), kwargs or {})
    job = _by_parts(job)
    if isinstance(job, tuple):
        obj, method = job
        return _method(obj, method, given)
    if given is None and isinstance(job, DeclaredFunction):
        return Wanted(path_of(job))
    if given is None and is_task(job):
        return Wanted(job.module_path)
    if given is None and isinstance(job, type):
        return _class(job)
    return _of(performable_of(job, *(given or ((), {}))))


def _by_parts(job: Any) -> Any:
    """Return the object and the name of a method, however it was named; anything else as it is."""
    if isinstance(job, Later | Asynchronous):
        return job.parts
    if ismethod(job):
        return job.__self__, job.__name__
    if isinstance(job, tuple) and len(job) == 2 and isinstance(job[1], str):
        return job
    if isinstance(job, tuple):
        raise TypeError(f'A method is named by its object and its name: (video, "encode"). It is {job!r}.')
    return job


def _of(performable: Any) -> Wanted:
    if isinstance(performable, BoundCall | PerformableMethod | TaskCall):
        name, data = performable.dump()
    else:
        name, data = dump_object(performable)
    arguments = named_arguments(data, True, _as_stored)
    receiver = arguments.pop("self", None)
    return Wanted(name, arguments, receiver)


def _class(cls: type) -> Wanted:
    if issubclass(cls, Model):
        return _method(cls, "perform", None)
    if not callable(getattr(cls, "perform", None)):
        raise TypeError(f'{cls.__name__} has no perform(). Name a method: ({cls.__name__}, "…").')
    return Wanted(path_of(cls))


def _method(obj: Any, method: str, given: Call | None) -> Wanted:
    """Return a method of one object; of a class, of any of its objects."""
    anybodys = isinstance(obj, type)
    instance = object.__new__(obj) if anybodys else obj
    if not callable(getattr(instance, method, None)):
        raise NotPerformable(no_method(instance, method))
    owner, receiver = dump_receiver(obj, method)
    arguments = None if given is None else _arguments(original(instance, method), method, given)
    return Wanted(f"{owner}.{method}", arguments, None if anybodys else receiver)


def _arguments(call: Any, method: str, given: Call) -> dict[str, Any]:
    shape = shape_of(call, method)
    shape.fit(*given)
    data = shape.encode(*given)
    return shape.named(data.get("args", []), data.get("kwargs", {}))


def _as_stored(value: Any) -> Any:
    return value
