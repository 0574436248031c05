"""A method of an object, performed later: Delayed Job's ``PerformableMethod``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache, partial
from typing import Any, cast

from django.apps import apps
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from jobqueue.exceptions import CorruptHandler, NotPerformable, UnknownPerformable
from jobqueue.handlers.arguments import Shape, decode_arguments
from jobqueue.handlers.codec import decode, encode
from jobqueue.handlers.loaded import Loaded
from jobqueue.handlers.objects import attribute_options, declared_attributes, dump_state, find_class, restore
from jobqueue.handlers.resolve import SendLaterMarker, path_of
from jobqueue.options import DEFAULTS, Options, check_declaration
from jobqueue.sentences import Sentence


class Deferred:
    """Base of what ``@handle_asynchronously`` puts in place of a method.

    Args:
        original: the function, classmethod or staticmethod that it replaces.
        given: the declared options.
    """

    def __init__(self, original: Any, given: Mapping[str, Any]) -> None:
        self.original = original
        self.given = check_declaration(given)
        self.options = Options(**self.given) if self.given else DEFAULTS
        if self.options.sensitive:
            function = getattr(original, "__func__", original)
            Shape(function, function.__name__).check_names(self.options.sensitive)


class PerformableMethod:
    """A method call as a performable.

    ``enqueue(PerformableMethod(video, "encode"))`` stores what ``video.send_later("encode")`` stores.

    Args:
        obj: a saved model instance; a class, for its class and static methods; or an instance of a class that
            has ``perform()`` or mixes in ``SendLater``, stored with its attributes.
        method: the method's name.
        args: its positional arguments.
        kwargs: its keyword arguments.

    Raises:
        NotPerformable: if there is no such method, or the object is of no declared class.
        TypeError: naming the parameter that does not fit.
    """

    __slots__ = ("args", "kwargs", "method", "obj")

    def __init__(
        self, obj: Any, method: str, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> None:
        self.obj = obj
        self.method = method
        self.args = _as_tuple(args)
        self.kwargs = {} if kwargs is None else _as_dict(kwargs)
        _check_declared(obj, method)
        shape_of(self.call, method).fit(self.args, self.kwargs)

    def __repr__(self) -> str:
        return f"<{_class_of(self.obj).__name__}.{self.method} for later>"

    @property
    def call(self) -> Any:
        """The method itself, bound; of one decorated with ``@handle_asynchronously`` the original."""
        return original(self.obj, self.method)

    @property
    def given(self) -> dict[str, Any]:
        """The declared options, checked."""
        found = static(_class_of(self.obj), self.method)
        given = {} if _is_model(self.obj) else declared_attributes(self.obj)
        return {**given, **found.given} if isinstance(found, Deferred) else given

    def perform(self) -> Any:
        """Call the method here and now; of an async method, return the coroutine."""
        return self.call(*self.args, **self.kwargs)

    def dump(self) -> tuple[str, dict[str, Any]]:
        """Return the name and the handler's data."""
        owner, receiver = dump_receiver(self.obj, self.method)
        arguments = shape_of(self.call, self.method).encode(self.args, self.kwargs)
        return f"{owner}.{self.method}", {"method": self.method, "of": receiver, **arguments}


def load_method(data: Mapping[str, Any]) -> Loaded:
    """Return a stored method call, ready to perform."""
    method = data["method"]
    if not isinstance(method, str) or not method.isidentifier():
        raise CorruptHandler("The handler's method must be a name.")
    obj = load_receiver(data.get("of"))
    if not callable(getattr(obj, method, None)):
        told = _("%(trouble)s This job needs it; add it, deploy, then retry the job.")
        raise UnknownPerformable(Sentence(told, trouble=no_method(obj, method)))
    try:
        _check_declared(obj, method)
    except NotPerformable as error:
        raise CorruptHandler(str(error)) from None
    call = original(obj, method)
    args, kwargs = decode_arguments(data)
    shape_of(call, method).refit(args, kwargs)
    return Loaded(partial(call, *args, **kwargs), _class_of(obj), hooks_of(obj), method_options(obj, method))


# The receiver: the object whose method it is.


def dump_receiver(obj: Any, method: str) -> tuple[str, dict[str, Any]]:
    """Return what the name of a method's job begins with, and the handler's data of the object or class."""
    if isinstance(obj, type):
        path = path_of(obj)
        return _owner(obj) or path, {"$": "class", "v": path}
    if isinstance(obj, Model):
        json: dict[str, Any] = encode(obj, f"{type(obj).__name__}.{method}: the object")
        return _owner(type(obj)), json
    path = path_of(type(obj))
    return path, {"$": "object", "v": path, **dump_state(obj)}


def _owner(cls: type) -> str:
    """Return a model's app label and name, for the name column; "" for other classes."""
    return str(cls._meta.label) if issubclass(cls, Model) else ""


def load_receiver(json: Any) -> Any:
    """Return the stored object, or class, whose method it is."""
    tag = json.get("$") if isinstance(json, dict) else None
    if tag == "model":
        return decode(json)
    if tag == "class":
        return find_class(json.get("v"))
    if tag != "object":
        raise CorruptHandler("The handler does not say whose method it is.")
    cls = find_class(json.get("v"))
    if issubclass(cls, Model):
        raise CorruptHandler("A model instance is stored by reference, not with its attributes.")
    return restore(cls, json.get("state", {}))


def hooks_of(obj: Any) -> Any:
    """A model's methods may be called before or after anything; they are hooks only if it says SendLater."""
    if isinstance(obj, type) or (isinstance(obj, Model) and not isinstance(obj, SendLaterMarker)):
        return None
    return obj


def receiver_class(json: Any) -> type:
    """Return the class of a stored receiver that itself may be gone."""
    if not isinstance(json, dict):
        raise CorruptHandler("The handler does not say whose method it is.")
    path: Any = json.get("v")
    if json.get("$") != "model":
        return find_class(path)
    try:
        return apps.get_model(path)
    except (LookupError, ValueError, AttributeError, TypeError):
        raise UnknownPerformable(f"This job needs the model {path}, which this release does not have.") from None


def method_options(obj: Any, method: str) -> Options:
    """Return the options declared for a method of an object or class; never a model's attributes."""
    found = static(_class_of(obj), method)
    if _is_model(obj):
        return found.options if isinstance(found, Deferred) else DEFAULTS
    if not isinstance(found, Deferred):
        return attribute_options(obj)
    return Options(**{**declared_attributes(obj), **found.given})


# The method: its lookup past @handle_asynchronously, and whether it may be performed at all.


def original(obj: Any, name: str) -> Any:
    """Return an object's method, bound; what ``@handle_asynchronously`` replaced, not what it put there."""
    deferred = static(_class_of(obj), name)
    return bind(deferred, name, obj) if isinstance(deferred, Deferred) else getattr(obj, name)


def bind(deferred: Deferred, name: str, receiver: Any) -> Any:
    """Return what a decorator replaced, bound as it would have been without it."""
    cls = _class_of(receiver)
    instance = None if isinstance(receiver, type) else receiver
    for each in cls.__mro__:
        raw: Any = each.__dict__.get(name)
        if isinstance(raw, classmethod | staticmethod) and cast(Any, raw).__func__ is deferred:
            return type(raw)(deferred.original).__get__(instance, cls)
    return deferred.original.__get__(instance, cls)


def static(cls: type, name: str) -> Any:
    """Return what a class has under a name, unbound; the inner one of a class or static method."""
    for each in cls.__mro__:
        if name in each.__dict__:
            raw = each.__dict__[name]
            return raw.__func__ if isinstance(raw, classmethod | staticmethod) else raw
    return None


def shape_of(call: Any, name: str) -> Shape:
    """Return what a bound method takes."""
    function = getattr(call, "__func__", None)
    return _bound_shape(function, name) if function is not None else _shape(call, name)


@lru_cache(maxsize=4096)
def _bound_shape(function: Any, name: str) -> Shape:
    return Shape(function.__get__(object(), object), name)


@lru_cache(maxsize=4096)
def _shape(function: Any, name: str) -> Shape:
    return Shape(function, name)


def _check_declared(obj: Any, method: Any) -> None:
    cls = _class_of(obj)
    if not isinstance(method, str) or not callable(getattr(obj, method, None)):
        raise NotPerformable(no_method(obj, method))
    if method.startswith("__"):
        raise NotPerformable(f"{cls.__name__}.{method} is no method for jobs.")
    if not _is_declared(cls, method):
        raise NotPerformable(
            f"{cls.__name__} is not declared for workers: give it perform(), mix in SendLater, "
            f"or decorate {method} with @handle_asynchronously."
        )
    if isinstance(obj, type) and _needs_instance(obj, method):
        raise NotPerformable(f"{cls.__name__}.{method} needs an instance, but {cls.__name__} is the class.")


def _is_declared(cls: type, method: str) -> bool:
    return (
        issubclass(cls, Model | SendLaterMarker)
        or callable(getattr(cls, "perform", None))
        or isinstance(static(cls, method), Deferred)
    )


def _needs_instance(cls: type, method: str) -> bool:
    raw = next((each.__dict__[method] for each in cls.__mro__ if method in each.__dict__), None)
    inner = raw.original if isinstance(raw, Deferred) else raw
    return raw is not None and not isinstance(inner, classmethod | staticmethod)


def no_method(obj: Any, method: Any) -> Sentence:
    """Return the sentence for a method that is not there, with the nearest name."""
    cls = _class_of(obj)
    if callable(method) and (name := getattr(method, "__name__", None)):
        return Sentence(
            f'A method is named by a text, so that it can be stored: "{name}" instead of {cls.__name__}.{name}.'
        )
    names = [name for name in dir(cls) if name[0] != "_" and callable(getattr(cls, name, None))]
    if near := get_close_matches(str(method), names, n=1):
        told = _('%(owner)s has no method "%(method)s". Did you mean "%(near)s"?')
        return Sentence(told, owner=cls.__name__, method=method, near=near[0])
    return Sentence(_('%(owner)s has no method "%(method)s".'), owner=cls.__name__, method=method)


def _is_model(obj: Any) -> bool:
    return issubclass(_class_of(obj), Model)


def _class_of(obj: Any) -> type:
    return obj if isinstance(obj, type) else type(obj)


def _as_tuple(args: Any) -> tuple[Any, ...]:
    if isinstance(args, Sequence) and not isinstance(args, str | bytes):
        return tuple(args)
    raise TypeError(
        f"args must be a list or tuple of arguments, not {type(args).__name__}. Did you mean args=[…]?"
    )


def _as_dict(kwargs: Any) -> dict[str, Any]:
    if isinstance(kwargs, Mapping) and all(isinstance(name, str) for name in kwargs):
        return dict(kwargs)
    raise TypeError(f"kwargs must be a dict from names to arguments, not {type(kwargs).__name__}.")
