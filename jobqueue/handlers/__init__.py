"""Performable <-> handler text. Two doors: ``dump`` on the caller's side, ``load`` on the worker's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from inspect import iscoroutine, isfunction, ismethod
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from jobqueue.conf import get_settings
from jobqueue.exceptions import (
    BadSignature,
    CorruptHandler,
    MissingRow,
    NotPerformable,
    OptionError,
    PayloadError,
    UnknownPerformable,
)
from jobqueue.handlers.arguments import Misfit
from jobqueue.handlers.codec import dumps, loads
from jobqueue.handlers.functions import BoundCall, DeclaredFunction, find_function, load_function
from jobqueue.handlers.loaded import Loaded
from jobqueue.handlers.methods import (
    Deferred,
    PerformableMethod,
    hooks_of,
    load_method,
    method_options,
    receiver_class,
)
from jobqueue.handlers.objects import (
    attribute_options,
    declared_attributes,
    dump_object,
    find_class,
    load_object,
)
from jobqueue.handlers.resolve import Declared, SendLaterMarker, is_coroutine, is_task, path_of, register
from jobqueue.handlers.signing import check_keys, is_signed, renew, sign, verify
from jobqueue.handlers.tasks import TaskCall, find_task, load_task, task_options
from jobqueue.options import BEHAVIOUR, Options, check_call
from jobqueue.rows import ClaimedJob
from jobqueue.sentences import Sentence

if TYPE_CHECKING:
    from jobqueue.models import Job

__all__ = [
    "BoundCall",
    "Declared",
    "DeclaredFunction",
    "Deferred",
    "Loaded",
    "Misfit",
    "PerformableMethod",
    "SendLaterMarker",
    "TaskCall",
    "as_body",
    "as_performable",
    "check_keys",
    "contents",
    "declared_in",
    "declared_options",
    "describe",
    "dump",
    "enqueue_hook",
    "headers_of",
    "is_coroutine",
    "is_task",
    "load",
    "open_handler",
    "options_of",
    "path_of",
    "register",
    "renew",
    "restore",
    "sender_for",
    "sender_of",
    "sign",
    "verify",
]

LONGEST_NAME = 255
_PARTS = frozenset(
    {
        "job",
        "object",
        "state",
        "method",
        "of",
        "task",
        "backend",
        "run_after",
        "args",
        "kwargs",
        "options",
        "headers",
    }
)
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


def as_performable(thing: Any) -> Any:
    """Return what ``dump`` takes for what a caller handed over.

    Raises:
        NotPerformable: if it is none, saying what to hand over instead.
        TypeError: if it is a job function that needs arguments.
    """
    if isinstance(thing, BoundCall | PerformableMethod | TaskCall):
        return thing
    if isinstance(thing, DeclaredFunction):
        return thing.bind()
    if isinstance(thing, type):
        raise NotPerformable(f"{thing.__name__} is a class. Hand over an instance: enqueue({thing.__name__}(…)).")
    if isfunction(thing):
        if "<" in thing.__qualname__ or thing.__module__ == "__main__":
            path_of(thing)
        raise NotPerformable(
            f"{thing.__name__} is a plain function. Decorate it with @job, then {thing.__name__}.enqueue(…)."
        )
    if ismethod(thing):
        raise NotPerformable(
            f"{thing.__qualname__} is a method. Name it instead: "
            f'send_later(…, "{thing.__name__}"), or delay(…).{thing.__name__}().'
        )
    if iscoroutine(thing):
        thing.close()
        raise NotPerformable(
            f"{thing.__name__}(…) has made a coroutine. Hand over the call: {thing.__name__}.bind(…)."
        )
    if thing is None:
        raise NotPerformable(
            "None is no job. Did the call run here? Hand over the job: send_receipt.enqueue(order), "
            "or enqueue(send_receipt.bind(order))."
        )
    if isinstance(thing, str):
        raise NotPerformable(f"{thing!r} is text. Import the job and hand over the job itself.")
    if is_task(thing):
        raise NotPerformable(f"{thing.name} is a task of Django's, which stores itself: {thing.name}.enqueue(…).")
    return PerformableMethod(thing, "perform") if isinstance(thing, Model) else thing


def declared_options(performable: Any) -> Mapping[str, Any]:
    """Return the options that a performable's declaration gives, checked."""
    if isinstance(performable, BoundCall):
        return performable.function.given
    if isinstance(performable, PerformableMethod | TaskCall):
        return performable.given
    return declared_attributes(performable)


def enqueue_hook(performable: Any) -> Callable[[Any], Any] | None:
    """Return what is called with the stored job, in its transaction.

    A method ``on_enqueue(job)``; of plain objects also ``enqueue(job)``, as in Delayed Job, which on a
    ``Performable`` and on ``SendLater`` classes means something else.
    """
    target = performable
    if isinstance(performable, BoundCall):
        return None
    if isinstance(performable, TaskCall):
        return performable.hook()
    if isinstance(performable, PerformableMethod):
        target = hooks_of(performable.obj)
    cls = type(target)
    if isfunction(getattr(cls, "on_enqueue", None)):
        return target.on_enqueue  # type: ignore[no-any-return]
    if isfunction(getattr(cls, "enqueue", None)) and not isinstance(target, SendLaterMarker):
        return target.enqueue  # type: ignore[no-any-return]
    return None


def sender_of(performable: Any) -> Any:
    """Return the sender of a performable's signals: its job function, task or class."""
    if isinstance(performable, BoundCall):
        return performable.function
    if isinstance(performable, TaskCall):
        return performable.sender
    target = performable.obj if isinstance(performable, PerformableMethod) else performable
    return target if isinstance(target, type) else type(target)


def sender_for(job: Job | ClaimedJob) -> Any:
    """Return the sender of a row's signals without restoring what it performs; raises as ``open_handler`` does."""
    data, signed = contents(job)
    if "job" in data:
        return find_function(data["job"], signed=signed)
    if "task" in data:
        return find_task(data["task"])
    return find_class(data["object"]) if "object" in data else receiver_class(data.get("of"))


def dump(
    performable: Any, stored_options: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> tuple[str, str]:
    """Return the row's name and the handler's body, unsigned.

    Args:
        performable: what ``as_performable`` returned.
        stored_options: options of this call that travel in the handler.
        headers: what else travels in it; not part of its size.

    Raises:
        PayloadError: if a value cannot be stored, or all are too large.
        NotPerformable: if a worker could not find or perform it.
    """
    name, data = describe(performable, stored_options)
    return name, as_body(name, data, headers)


def describe(performable: Any, stored_options: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the row's name and what the handler will hold, as JSON data; raises as ``dump`` does."""
    if isinstance(performable, BoundCall | PerformableMethod | TaskCall):
        name, data = performable.dump()
    else:
        name, data = dump_object(performable)
    if stored_options:
        data["options"] = dict(stored_options)
    if len(name) > LONGEST_NAME:
        raise NotPerformable(f"The name {name} has {len(name)} characters; at most {LONGEST_NAME} can be stored.")
    return name, data


def as_body(name: str, data: dict[str, Any], headers: Mapping[str, str] | None) -> str:
    """Return what ``describe`` returned as text, with headers."""
    if headers:
        data["headers"] = headers
    body = dumps(data)
    _check_size(name, body, headers)
    return body


def open_handler(
    handler: str, *, name: str, queue: str, max_attempts: int | None, max_run_time: float | None
) -> Loaded:
    """Return the performable of a row, after its signature held.

    An unsigned row is performed only if it names a job function declared with ``accept_unsigned=True``, and its
    columns are such as a caller could have given.

    Raises:
        BadSignature: if the signature is missing or does not hold.
        CorruptHandler, UnknownPerformable, MissingRow, TypeError: as ``load`` does.
    """
    return load(*_body(handler, name=name, queue=queue, max_attempts=max_attempts, max_run_time=max_run_time))


def options_of(job: ClaimedJob) -> Options:
    """Return the options of a row's performable without restoring it; raises as ``open_handler`` does."""
    data, signed = contents(job)
    declared = declared_in(data, signed)
    return replace(declared, **_call_options(data)) if "options" in data else declared


def contents(job: Job | ClaimedJob) -> tuple[dict[str, Any], bool]:
    """Return what a row's handler holds, as JSON data, and whether it is signed.

    Raises:
        BadSignature, CorruptHandler: if the signature does not hold, or the handler is not readable.
    """
    body, signed = _body(
        job.handler,
        name=job.name,
        queue=job.queue,
        max_attempts=job.max_attempts,
        max_run_time=job.max_run_time,
    )
    return _parse(body, signed), signed


def headers_of(data: dict[str, Any]) -> Mapping[str, str]:
    """Return what travels with a job beside its arguments."""
    headers = data.get("headers")
    if headers is None:
        return NO_HEADERS
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        raise CorruptHandler("The handler's headers must be an object of texts.")
    return headers


def declared_in(data: dict[str, Any], signed: bool) -> Options:
    """Return the options of what a handler names; raises as ``open_handler`` does."""
    return _declared(data) if signed else find_function(data.get("job"), signed=False).options


def load(body: str, signed: bool = True) -> Loaded:
    """Return the performable of a handler's body.

    Args:
        body: the JSON text.
        signed: whether its signature held; otherwise only job functions that accept it are looked at.

    Raises:
        CorruptHandler: if it is not well-formed.
        UnknownPerformable: if it names what this release does not have.
        MissingRow: if a model instance is gone; its ``on_missing`` says what the job wants then.
        TypeError: if the stored arguments no longer fit.
    """
    return restore(_parse(body, signed), signed)


def restore(data: dict[str, Any], signed: bool) -> Loaded:
    """Return the performable of what ``contents`` returned; raises as ``load`` does."""
    try:
        loaded = _load(data, signed)
    except MissingRow as error:
        error.on_missing = _call_options(data).get("on_missing") or _declared(data).on_missing
        raise
    if "options" in data:
        loaded.options = replace(loaded.options, **_call_options(data))
    return loaded


def _body(
    handler: str, *, name: str, queue: str, max_attempts: int | None, max_run_time: float | None
) -> tuple[str, bool]:
    """Return the JSON text of a row's handler, and whether it is signed."""
    if is_signed(handler):
        body = verify(handler, name=name, queue=queue, max_attempts=max_attempts, max_run_time=max_run_time)
        return body, True
    _check_options({"max_attempts": max_attempts, "max_run_time": max_run_time})
    return handler, False


def _parse(body: str, signed: bool) -> dict[str, Any]:
    data = loads(body, signed=signed)
    if not isinstance(data, dict):
        raise CorruptHandler(Sentence(_("The handler is not an object.")))
    if not data.keys() <= _PARTS:
        unknown = ", ".join(sorted(data.keys() - _PARTS))
        # If it is signed, a newer release has written it; one that knows the part will perform it.
        error = UnknownPerformable if signed else CorruptHandler
        told = _("The handler has parts that this release does not know: %(parts)s.")
        raise error(Sentence(told, parts=unknown))
    if not signed and "job" not in data:
        # Only job functions can say that they accept it. Whoever reads on may look up what else is named.
        raise BadSignature(Sentence(_("The handler is not signed.")))
    return data


def _load(data: dict[str, Any], signed: bool) -> Loaded:
    if "job" in data:
        return load_function(data, signed=signed)
    if "object" in data:
        return load_object(data)
    if "method" in data:
        return load_method(data)
    if "task" in data:
        return load_task(data)
    raise CorruptHandler(Sentence(_("The handler does not say what to perform.")))


def _declared(data: dict[str, Any]) -> Options:
    """Return the declared options of what a signed handler names."""
    if "job" in data:
        return find_function(data["job"]).options
    if "object" in data:
        return attribute_options(find_class(data["object"]))
    if "task" in data:
        return task_options(data)
    return method_options(receiver_class(data.get("of")), data.get("method", ""))


def _call_options(data: dict[str, Any]) -> dict[str, Any]:
    options = data.get("options", {})
    if not isinstance(options, dict) or not options.keys() <= BEHAVIOUR:
        raise CorruptHandler(Sentence(_("The handler's options are not known ones.")))
    return _check_options(options)


def _check_options(options: dict[str, Any]) -> dict[str, Any]:
    try:
        return check_call(options)
    except OptionError as error:
        told = _("The job's options are not valid: %(error)s")
        raise CorruptHandler(Sentence(told, error=error.args[0])) from None


def _check_size(name: str, body: str, headers: Mapping[str, str] | None) -> None:
    limit = get_settings().max_payload_bytes
    # A character is at most four bytes, so short bodies need no counting.
    if len(body) * 4 > limit and (size := len(body.encode()) - _size_of(headers)) > limit:
        told = _("Arguments of %(name)s are %(size)s; the limit is %(limit)s. Store the data and pass its id.")
        raise PayloadError(Sentence(told, name=name, size=_human(size), limit=_human(limit)))


def _size_of(headers: Mapping[str, str] | None) -> int:
    return len(f',"headers":{dumps(headers)}'.encode()) if headers else 0


def _human(size: int) -> str:
    if size < 10_000:
        return f"{size:,} bytes"
    return f"{size / 1024:.1f} kB" if size < 1024 * 1024 else f"{size / 1024 / 1024:.1f} MB"
