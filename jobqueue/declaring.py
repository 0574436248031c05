"""Ways to declare jobs: ``@job`` for functions, ``Performable`` for classes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast, overload

from django.apps import apps

from jobqueue.client import aenqueue, enqueue, enqueue_many
from jobqueue.conf import get_settings
from jobqueue.exceptions import shown
from jobqueue.handlers import BoundCall, DeclaredFunction, register
from jobqueue.hints import ran_here
from jobqueue.installed import check_installed
from jobqueue.options import Options, check_call, check_declaration

if TYPE_CHECKING:
    from jobqueue.models import Job, JobQuerySet

#: How other libraries call what is ``enqueue`` here.
HABITS = frozenset(
    {
        "apply_async",
        "async_",
        "configure",
        "defer",
        "delay",
        "perform_async",
        "perform_later",
        "s",
        "schedule",
        "send",
        "send_later",
        "send_with_options",
        "si",
        "signature",
    }
)

OPTION_NAMES = frozenset(each.name for each in fields(Options))

P = ParamSpec("P")
R = TypeVar("R")


class JobFunction(DeclaredFunction, Generic[P, R]):
    """A function declared by ``@job``: called, it runs here and now; ``enqueue`` leaves it to a worker."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function here and now; of an async one, return the coroutine."""
        ran_here(self.function.__name__)
        return self.function(*args, **kwargs)  # type: ignore[no-any-return]

    def bind(self, *args: P.args, **kwargs: P.kwargs) -> BoundCall:
        """Return the call as a performable, for ``enqueue`` and ``enqueue_many``.

        Raises:
            TypeError: naming the parameter that does not fit.
        """
        return super().bind(*args, **kwargs)

    def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> Job:
        """Store a call; raises what ``jobqueue.enqueue`` raises."""
        return enqueue(self._bound(args, kwargs))

    async def aenqueue(self, *args: P.args, **kwargs: P.kwargs) -> Job:
        """Store a call, from async code."""
        return await aenqueue(self._bound(args, kwargs))

    def _bound(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> BoundCall:
        try:
            return super().bind(*args, **kwargs)
        except TypeError as error:
            options = [name for name in kwargs if name in OPTION_NAMES]
            if not options:
                raise
            names = ", ".join(f"{name}=…" for name in options)
            raise TypeError(
                f"{error}. Options go before: {self.function.__name__}.using({names}).enqueue(…)"
            ) from None

    def using(self, **options: Any) -> Prepared[P]:
        """Return the function with options: ``send_receipt.using(run_at=tomorrow).enqueue(order)``."""
        return Prepared(super().bind, options)

    @property
    def jobs(self) -> JobQuerySet:
        """The rows of this function."""
        return _rows(self.path)

    if not TYPE_CHECKING:  # where every name would seem to be there

        def __getattr__(self, name: str) -> Any:
            function = vars(self).get("function")
            habit = f" To have a worker run it: {function.__name__}.enqueue(…)" if name in HABITS else ""
            raise AttributeError(f"{self!r} has no attribute {name!r}.{habit}", name=name, obj=self)


class Prepared(Generic[P]):
    """A job function or class with options, waiting for arguments."""

    def __init__(self, make: Callable[..., Any], options: Mapping[str, Any]) -> None:
        check_call(options)
        self._make = make
        self._options = options

    def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> Job:
        """Store a job with these arguments."""
        return enqueue(self._make(*args, **kwargs), **self._options)

    async def aenqueue(self, *args: P.args, **kwargs: P.kwargs) -> Job:
        """Store a job with these arguments, from async code."""
        return await aenqueue(self._make(*args, **kwargs), **self._options)

    def enqueue_many(self, arguments: Iterable[Any]) -> list[int]:
        """Store one job for each element, its only argument; a tuple's elements are several."""
        if not isinstance(arguments, Iterable):
            raise TypeError(
                f"enqueue_many takes arguments in a list or another iterable, not {type(arguments).__name__}."
            )
        calls = (self._make(*each) if isinstance(each, tuple) else self._make(each) for each in arguments)
        return enqueue_many(calls, **self._options)


@overload
def job(function: Callable[P, R], /) -> JobFunction[P, R]: ...
@overload
def job(**options: Any) -> Callable[[Callable[P, R]], JobFunction[P, R]]: ...
def job(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Declare a function, sync or async, as a job.

    ``@job`` or ``@job(queue="mail", max_attempts=5)``; then ``send_receipt.enqueue(order)``.

    Args:
        function: the function, at module level.
        **options: as ``Options`` lists them, save ``run_at``.

    Raises:
        OptionError: if an option is unknown or out of range.
        TypeError: if an option is given without its name.
    """
    if function is not None and not callable(function):
        raise TypeError(
            f"@job is given options by name, as @job(queue={shown(function)}). It has no other arguments."
        )
    if function is None:
        return lambda each: JobFunction[Any, Any](each, options)
    return JobFunction[Any, Any](function, options)


class _Rows:
    def __get__(self, instance: object, owner: type) -> JobQuerySet:
        return _rows(f"{owner.__module__}.{owner.__qualname__}")


class Performable:
    """Base class of jobs that are classes; it adds ``enqueue``, ``logger`` and ``jobs`` to a ``perform()``.

    Options are class attributes; ``self.queue = …`` in ``__init__`` is of one job::

        class VideoWorker(Performable):
            queue, max_attempts = "video", 5

            def __init__(self, video_id): self.video_id = video_id

            def perform(self): ...

        VideoWorker.enqueue(7)

    Attributes are stored with the job; ``__init__`` is not called again. A method ``on_enqueue(job)`` is
    called with the stored row, in its transaction.
    """

    #: The rows of this class.
    jobs = _Rows()
    #: Former dotted paths of the class under which stored jobs may still name it.
    aliases: Iterable[str] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = tuple(cls.__dict__.get("aliases", ()))
        check_declaration({"aliases": own})
        register(f"{cls.__module__}.{cls.__qualname__}", cls, own)

    @property
    def logger(self) -> logging.Logger:
        """Logger named after the class."""
        return logging.getLogger(f"{type(self).__module__}.{type(self).__qualname__}")

    @classmethod
    def enqueue(cls, *args: Any, **kwargs: Any) -> Job:
        """Store a job with these arguments of ``__init__``; raises what ``jobqueue.enqueue`` raises."""
        return enqueue(cls(*args, **kwargs))

    @classmethod
    async def aenqueue(cls, *args: Any, **kwargs: Any) -> Job:
        """Store a job, from async code."""
        return await aenqueue(cls(*args, **kwargs))

    @classmethod
    def using(cls, **options: Any) -> Prepared[...]:
        """Return the class with options of a call: ``VideoWorker.using(priority=5).enqueue(7)``."""
        return Prepared(cls, options)


def _rows(path: str) -> JobQuerySet:
    check_installed()
    model = cast(Any, apps.get_model("jobqueue", "Job"))
    return cast("JobQuerySet", model.objects.using(get_settings().database).filter(name=path))
