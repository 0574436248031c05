"""Ways to say "later": the mixin, the proxy and the method decorator of Delayed Job."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, cast, overload

from jobqueue.client import aenqueue, enqueue
from jobqueue.exceptions import CorruptHandler, NotPerformable, UnknownPerformable
from jobqueue.handlers import Deferred, PerformableMethod, SendLaterMarker
from jobqueue.handlers.methods import bind, no_method, static
from jobqueue.handlers.objects import find_class
from jobqueue.rows import When

if TYPE_CHECKING:
    from jobqueue.models import Job

P = ParamSpec("P")
R = TypeVar("R")


def send_later(
    obj: Any,
    method: str,
    priority: int | None = None,
    run_at: When | None = None,
    *,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    **options: Any,
) -> Job:
    """Store a method call as a job: ``send_later(user, "email_user", args=["Hi", "…"])``.

    Args:
        obj: a saved model instance, a class, or an object that ``PerformableMethod`` takes.
        method: the method's name.
        priority: larger first.
        run_at: not before this time (aware datetime), or a timedelta from now.
        args: the method's positional arguments.
        kwargs: the method's keyword arguments.
        **options: as for ``enqueue``.

    Raises:
        NotPerformable, TypeError, PayloadError, OptionError: nothing is stored then.
    """
    return enqueue(PerformableMethod(obj, method, args, kwargs), priority, run_at, **options)


async def asend_later(
    obj: Any,
    method: str,
    priority: int | None = None,
    run_at: When | None = None,
    *,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    **options: Any,
) -> Job:
    """Do as ``send_later`` does, from async code."""
    return await aenqueue(PerformableMethod(obj, method, args, kwargs), priority, run_at, **options)


def delay(obj: Any, **options: Any) -> Delayed:
    """Return a stand-in whose method calls are stored: ``delay(user, priority=5).email_user("Hi", "…")``."""
    return Delayed(obj, options)


def adelay(obj: Any, **options: Any) -> AsyncDelayed:
    """Return a stand-in for async code: ``await adelay(user).email_user("Hi", "…")``."""
    return AsyncDelayed(obj, options)


class Delayed:
    """Stand-in for an object: each method call on it stores a job and returns it."""

    __slots__ = ("_obj", "_options")

    def __init__(self, obj: Any, options: Mapping[str, Any]) -> None:
        self._obj = obj
        self._options = options

    def __getattr__(self, method: str) -> Callable[..., Job]:
        _check_name(method)

        def later(*args: Any, **kwargs: Any) -> Job:
            return enqueue(PerformableMethod(self._obj, method, args, kwargs), **self._options)

        return later


class AsyncDelayed:
    """Stand-in for an object: each method call on it, awaited, stores a job and returns it."""

    __slots__ = ("_obj", "_options")

    def __init__(self, obj: Any, options: Mapping[str, Any]) -> None:
        self._obj = obj
        self._options = options

    def __getattr__(self, method: str) -> Callable[..., Coroutine[Any, Any, Job]]:
        _check_name(method)

        async def later(*args: Any, **kwargs: Any) -> Job:
            return await aenqueue(PerformableMethod(self._obj, method, args, kwargs), **self._options)

        return later


def _check_name(method: str) -> None:
    # Python and Django look for special methods by hasattr; a stand-in has none.
    if method.startswith("__"):
        raise AttributeError(method)


class SendLater(SendLaterMarker):
    """Mixin: ``class Video(SendLater, models.Model)``, then ``video.send_later("encode")``.

    It also makes methods named before, success, error, after, failure and on_enqueue hooks of its jobs.
    """

    __slots__ = ()

    def send_later(
        self,
        method: str,
        priority: int | None = None,
        run_at: When | None = None,
        *,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Job:
        """Store a method call as a job; see the function ``send_later``."""
        return send_later(self, method, priority, run_at, args=args, kwargs=kwargs, **options)

    async def asend_later(
        self,
        method: str,
        priority: int | None = None,
        run_at: When | None = None,
        *,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Job:
        """Do as ``send_later`` does, from async code."""
        return await asend_later(self, method, priority, run_at, args=args, kwargs=kwargs, **options)

    def delay(self, **options: Any) -> Delayed:
        """Return a stand-in whose method calls are stored: ``video.delay(priority=5).encode("av1")``."""
        return Delayed(self, options)

    def adelay(self, **options: Any) -> AsyncDelayed:
        """Return a stand-in for async code: ``await video.adelay().encode("av1")``."""
        return AsyncDelayed(self, options)


# The migrations of applications name the mixin; this path will not move.
SendLater.__module__ = "jobqueue"


class Later(Generic[P, R]):
    """A method handled asynchronously, on its receiver: called, it stores a job and returns it."""

    # A template that names the method must not store a job.
    alters_data = True

    def __init__(self, deferred: Asynchronous[P, R], receiver: Any) -> None:
        self._deferred = deferred
        self._receiver = receiver

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Job:
        """Store a job; by ``super()`` run at once, as part of the job that runs the override."""
        if self._is_overridden():
            return self.now(*args, **kwargs)  # type: ignore[return-value]
        return enqueue(self._performable(args, kwargs))

    async def aenqueue(self, *args: P.args, **kwargs: P.kwargs) -> Job:
        """Store a job, from async code."""
        return await aenqueue(self._performable(args, kwargs))

    def now(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the original here and now; of an async method, return the coroutine."""
        result: R = bind(self._deferred, self._deferred.name, self._receiver)(*args, **kwargs)
        return result

    @property
    def parts(self) -> tuple[Any, str]:
        """The receiver, and the method's name."""
        return self._receiver, self._deferred.name

    def _performable(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> PerformableMethod:
        return PerformableMethod(self._receiver, self._deferred.name, args, kwargs)

    def _is_overridden(self) -> bool:
        cls = self._receiver if isinstance(self._receiver, type) else type(self._receiver)
        return static(cls, self._deferred.name) is not self._deferred


class Asynchronous(Deferred, Generic[P, R]):
    """What ``@handle_asynchronously`` puts in a method's place."""

    alters_data = True
    __name__: str

    def __init__(self, replaced: Any, given: Mapping[str, Any]) -> None:
        super().__init__(replaced, given)
        self.name: str = replaced.__name__
        update_wrapper(cast(Any, self), getattr(replaced, "__func__", replaced))

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Asynchronous[P, R]: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None) -> Later[P, R]: ...
    def __get__(self, instance: object, owner: type | None = None) -> Any:
        if isinstance(self.original, classmethod | staticmethod):
            return Later(self, owner or type(instance))
        # On the class itself, ``Report.build(report)``: the receiver comes with the call.
        return self if instance is None else Later(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Job:
        """Store a job for the receiver given first, or for the class of a static method."""
        later, rest = self._later(args)
        return later(*rest, **kwargs)

    async def aenqueue(self, *args: Any, **kwargs: Any) -> Job:
        """Store a job, from async code."""
        later, rest = self._later(args)
        return await later.aenqueue(*rest, **kwargs)

    def now(self, *args: Any, **kwargs: Any) -> Any:
        """Run the original here and now."""
        later, rest = self._later(args)
        return later.now(*rest, **kwargs)

    @property
    def parts(self) -> tuple[type, str]:
        """The class, and the method's name."""
        return self._owner(), self.name

    def _later(self, args: tuple[Any, ...]) -> tuple[Later[..., Any], tuple[Any, ...]]:
        """Return the method on its receiver, where Python did not say it, and the arguments proper."""
        owner = self._owner()
        raw = owner.__dict__.get(self.name)
        if args and (isinstance(args[0], owner) or _is_subclass(args[0], owner)):
            return Later(self, args[0]), args[1:]
        if isinstance(raw, staticmethod | classmethod):
            return Later(self, owner), args
        raise TypeError(f"{self.name} must be called on an instance of {owner.__name__}.")

    def _owner(self) -> type:
        """Return the class whose body holds the method, found by name: ``@staticmethod`` outside hides it."""
        function = self.original
        path = f"{function.__module__}.{function.__qualname__}".rpartition(".")[0]
        try:
            return find_class(path)
        except (CorruptHandler, UnknownPerformable):
            raise NotPerformable(
                f"{function.__qualname__} is not a method of an importable class. "
                "@handle_asynchronously is for methods, outside @classmethod or @staticmethod; "
                "decorate functions with @job."
            ) from None


class MethodDecorator(Protocol):
    """What ``@handle_asynchronously(…)`` is before it meets its method."""

    @overload
    def __call__(self, replaced: Callable[Concatenate[Any, P], R], /) -> Asynchronous[P, R]: ...
    @overload
    def __call__(self, replaced: Any, /) -> Asynchronous[..., Any]: ...


@overload
def handle_asynchronously(
    target: Callable[Concatenate[Any, P], R], method: None = None, **options: Any
) -> Asynchronous[P, R]: ...
@overload
def handle_asynchronously(target: type, method: str, **options: Any) -> None: ...
@overload
def handle_asynchronously(target: Any, method: None = None, **options: Any) -> Asynchronous[..., Any]: ...
@overload
def handle_asynchronously(target: None = None, method: None = None, **options: Any) -> MethodDecorator: ...
def handle_asynchronously(target: Any = None, method: str | None = None, **options: Any) -> Any:
    """Make each plain call of a method store a job; ``.now(…)`` runs the original.

    As a decorator, with or without options, outermost where there are several::

        @handle_asynchronously(queue="reports")
        def build(self): ...

    As a function, for classes of others, in ``AppConfig.ready()``::

        handle_asynchronously(Video, "encode", queue="slow")

    Args:
        target: the method, or the class.
        method: with a class, the method's name.
        **options: as ``Options`` lists them, save ``run_at``.

    Raises:
        OptionError: if an option is unknown or out of range.
        NotPerformable: if the class has no such method.
    """
    if isinstance(target, type):
        return _replace(target, method, options)
    if target is None:
        return lambda replaced: Asynchronous(replaced, options)
    return Asynchronous(target, options)


def _replace(cls: type, method: str | None, options: Mapping[str, Any]) -> None:
    raw: Any = next((vars(each)[method] for each in cls.__mro__ if method and method in vars(each)), None)
    if method is None or not (callable(raw) or isinstance(raw, classmethod)):
        raise NotPerformable(no_method(cls, method))
    original = raw.original if isinstance(raw, Deferred) else raw
    later: Asynchronous[..., Any] = Asynchronous(original, options)
    later.name = method
    setattr(cls, method, later)


def _is_subclass(value: Any, owner: type) -> bool:
    return isinstance(value, type) and issubclass(value, owner)
