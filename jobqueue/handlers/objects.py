"""Plain objects with ``perform()``: class path and attributes; restored without ``__init__``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.db.models import Model

from jobqueue.exceptions import CorruptHandler, NotPerformable
from jobqueue.handlers.arguments import Misfit
from jobqueue.handlers.codec import decode, encode
from jobqueue.handlers.loaded import Loaded
from jobqueue.handlers.resolve import find, path_of
from jobqueue.options import BEHAVIOUR, DEFAULTS, Options, check_declaration

_OPTION_ATTRIBUTES = (
    "queue",
    "priority",
    "max_attempts",
    "max_run_time",
    *sorted(BEHAVIOUR),
    "backoff",
    "capture_log",
    "sensitive",
)


def dump_object(performable: Any) -> tuple[str, dict[str, Any]]:
    """Return the name and the handler's data of an object with ``perform()``.

    Raises:
        NotPerformable: if it has no ``perform``, or its class cannot be imported by a worker.
        PayloadError: naming the attribute that cannot be stored.
    """
    cls = type(performable)
    if not callable(getattr(cls, "perform", None)):
        raise NotPerformable(f'{cls.__name__} has no method "perform".')
    path = path_of(cls)
    return path, {"object": path, **dump_state(performable)}


def load_object(data: Mapping[str, Any]) -> Loaded:
    """Return a stored object, ready to perform."""
    cls = find_class(data["object"])
    if issubclass(cls, Model) or not callable(getattr(cls, "perform", None)):
        raise CorruptHandler(f"{data['object']} is not a class of objects with perform().")
    restored = restore(cls, data.get("state", {}))
    return Loaded(restored.perform, cls, restored, attribute_options(restored))


def dump_state(performable: Any) -> dict[str, Any]:
    """Return an object's attributes as JSON data under "state"; nothing if it has none."""
    cls: Any = type(performable)
    state = dict(getattr(performable, "__dict__", ()))
    for name in _slots(cls):
        if hasattr(performable, name):
            state[name] = getattr(performable, name)
    if not state:
        return {}
    return {"state": {name: encode(value, cls.__name__, name) for name, value in state.items()}}


def restore(cls: type, state: Any) -> Any:
    """Return an instance of a class with stored attributes; ``__init__`` is not called."""
    if not isinstance(state, dict):
        raise CorruptHandler("The handler's state must be an object.")
    restored: Any = object.__new__(cls)
    for name, raw in state.items():
        try:
            object.__setattr__(restored, name, decode(raw))
        except AttributeError as error:
            what = f"{cls.__name__} no longer takes the stored attribute {name!r}: {error}"
            raise Misfit(what, f"{cls.__name__} take it again") from None
    return restored


def find_class(path: Any) -> type:
    """Return the class that a signed handler names."""
    found = find(path) if isinstance(path, str) else None
    if not isinstance(found, type):
        raise CorruptHandler(f"{path!r} is not the path of a class.")
    return found


def attribute_options(performable: Any) -> Options:
    """Return the options that an object's attributes declare, for a worker."""
    given = declared_attributes(performable)
    return Options(**given) if given else DEFAULTS


def declared_attributes(performable: Any) -> dict[str, Any]:
    """Return the options that an object's (or class's) attributes declare, checked.

    As in Delayed Job they may be methods without arguments, and ``queue_name`` is ``queue``.

    Raises:
        OptionError: naming the option, the value and what is allowed.
    """
    given: dict[str, Any] = {}
    cls: Any = performable if isinstance(performable, type) else type(performable)
    for name in _declaring(cls):
        _take(performable, name, given)
    for name in getattr(performable, "__dict__", ()) if not isinstance(performable, type) else ():
        if name in _NAMED:
            _take(performable, name, given)
    return check_declaration(given) if given else given


def _take(performable: Any, name: str, given: dict[str, Any]) -> None:
    value = getattr(performable, name, None)
    if callable(value) and name != "backoff":
        if isinstance(performable, type):
            return
        value = value()
    given["queue" if name == "queue_name" else name] = value


_NAMED = frozenset({*_OPTION_ATTRIBUTES, "queue_name"})


@lru_cache(maxsize=1024)
def _declaring(cls: type) -> tuple[str, ...]:
    """Return which option attributes a class has, so that the usual one, none, costs nothing."""
    return tuple(name for name in ("queue_name", *_OPTION_ATTRIBUTES) if hasattr(cls, name))


@lru_cache(maxsize=1024)
def _slots(cls: type) -> tuple[str, ...]:
    names = []
    for each in cls.__mro__:
        slots = each.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in {"__dict__", "__weakref__"}:
                hidden = name.startswith("__") and not name.endswith("__")
                names.append(f"_{each.__name__.lstrip('_')}{name}" if hidden else name)
    return tuple(names)
