"""Job functions: a declared function, and a call of it as a performable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial, update_wrapper
from typing import Any, cast

from django.utils.translation import gettext_lazy as _

from jobqueue.exceptions import BadSignature, CorruptHandler
from jobqueue.handlers.arguments import Shape, decode_arguments
from jobqueue.handlers.loaded import Loaded
from jobqueue.handlers.resolve import Declared, find, path_of, register, registry
from jobqueue.options import DEFAULTS, Options, check_declaration
from jobqueue.sentences import Sentence


class DeclaredFunction(Declared):
    """A function that workers may perform. ``jobqueue.job`` makes these.

    Args:
        function: the function, sync or async.
        given: the declared options.

    Attributes:
        path: dotted path by which workers find it.
        given: the declared options, checked.
        options: the same with defaults, without those of the settings.
    """

    def __init__(self, function: Callable[..., Any], given: Mapping[str, Any]) -> None:
        self.function = function
        self.path = f"{function.__module__}.{function.__qualname__}"
        self.given = check_declaration(given)
        self.options = Options(**self.given) if self.given else DEFAULTS
        self.shape = Shape(function, function.__name__)
        self.shape.check_names(self.options.sensitive)
        update_wrapper(cast(Any, self), function)
        register(self.path, self, self.options.aliases)

    def __set_name__(self, owner: type, name: str) -> None:
        if self.function.__qualname__.startswith(f"{owner.__qualname__}."):
            raise TypeError(
                f"@job is for functions. {self.function.__qualname__} is a method: "
                "decorate it with @handle_asynchronously."
            )

    def __repr__(self) -> str:
        return f"<job {self.path}>"

    def bind(self, *args: Any, **kwargs: Any) -> BoundCall:
        """Return the call as a performable, for ``enqueue`` and ``enqueue_many``.

        Raises:
            TypeError: naming the parameter that does not fit.
        """
        self.shape.fit(args, kwargs)
        return BoundCall(self, args, kwargs)


class BoundCall:
    """A job function with its arguments: a performable."""

    __slots__ = ("args", "function", "kwargs")

    def __init__(self, function: DeclaredFunction, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs

    def __repr__(self) -> str:
        return f"<call of {self.function.path}>"

    def perform(self) -> Any:
        """Call the function here and now; of an async function, return the coroutine."""
        return self.function.function(*self.args, **self.kwargs)

    def dump(self) -> tuple[str, dict[str, Any]]:
        """Return the name and the handler's data."""
        path = path_of(self.function)
        return path, {"job": path, **self.function.shape.encode(self.args, self.kwargs)}


def load_function(data: Mapping[str, Any], *, signed: bool) -> Loaded:
    """Return a stored call, ready to perform."""
    declared = find_function(data.get("job"), signed=signed)
    args, kwargs = decode_arguments(data, signed=signed)
    declared.shape.refit(args, kwargs)
    return Loaded(partial(declared.function, *args, **kwargs), declared, None, declared.options)


def find_function(path: Any, *, signed: bool = True) -> DeclaredFunction:
    """Return the job function that a handler names; for an unsigned one nothing is imported."""
    if not isinstance(path, str):
        raise CorruptHandler("The handler's job must be a dotted path.")
    declared = find(path) if signed else registry.get(path)
    accepts = isinstance(declared, DeclaredFunction) and declared.options.accept_unsigned
    if not signed and not accepts:
        told = _("The handler is not signed, and no job %(path)s accepts that.")
        raise BadSignature(Sentence(told, path=path))
    if not isinstance(declared, DeclaredFunction):
        raise CorruptHandler(f"{path} is not a job function.")
    return declared
