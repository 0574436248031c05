"""Other arguments for a job that is stored: checked, encoded and measured as those of a new one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from jobqueue.handlers import as_body, contents, declared_in, sign
from jobqueue.handlers.arguments import Shape
from jobqueue.handlers.codec import encode
from jobqueue.handlers.known import is_own
from jobqueue.handlers.masking import sensitive_values
from jobqueue.handlers.plain import plain
from jobqueue.handlers.shown import named_arguments, shape_in

if TYPE_CHECKING:
    from jobqueue.models import Job

#: The object whose method a job calls; another object is another job.
RECEIVER = "self"


class StoredArgument(NamedTuple):
    """One argument, or attribute, as the handler holds it.

    Attributes:
        name: of the parameter or attribute.
        data: JSON data, tagged where JSON lacks the type.
        is_sensitive: whether it, or a part of it, must not be shown.
    """

    name: str
    data: Any
    is_sensitive: bool

    @property
    def is_plain(self) -> bool:
        """Whether JSON can say all of it."""
        return _is_plain(self.data)


def stored_arguments(job: Job) -> list[StoredArgument]:
    """Return what a row performs with, by name, as it is stored.

    Raises:
        BadSignature, CorruptHandler, UnknownPerformable: as ``masked_arguments`` does.
    """
    data, signed = contents(job)
    declared = declared_in(data, signed).sensitive
    named = named_arguments(data, signed, lambda value: value)
    return [
        StoredArgument(name, value, any(True for _ in sensitive_values({name: plain(value)}, declared)))
        for name, value in named.items()
    ]


def parameters_of(job: Job) -> list[str]:
    """Return the names of the arguments that could be given to a row's job by name, and are not."""
    data, signed = contents(job)
    shape = shape_in(data, signed)
    given = named_arguments(data, signed, lambda value: value)
    return [] if shape is None else [name for name in shape.by_name if name not in given]


def with_arguments(job: Job, changes: Mapping[str, Any], queue: str) -> str:
    """Return the handler of a row with other arguments and in another queue, signed anew.

    Args:
        job: the row.
        changes: new values by name; what is not named stays as it is.
        queue: that it is to be in.

    Raises:
        PayloadError: if a value cannot be stored, or all are too large.
        TypeError: if they do not fit what the job calls.
        BadSignature, CorruptHandler, UnknownPerformable: as ``masked_arguments`` does.
    """
    data, signed = contents(job)
    headers = data.pop("headers", None)
    shape = shape_in(data, signed)
    if shape is None:
        state = data.setdefault("state", {})
        for name, value in changes.items():
            state[name] = encode(value, job.name, name)
    else:
        _call(data, shape, changes)
    body = as_body(job.name, data, headers)
    columns: dict[str, Any] = {"max_attempts": job.max_attempts, "max_run_time": job.max_run_time}
    return sign(body, name=job.name, queue=queue, **columns)


def is_editable(job: Job) -> bool:
    """Whether a job may be edited by hand: jobqueue's own do what somebody had a right to, and nothing else."""
    return not is_own(job.name)


def _call(data: dict[str, Any], shape: Shape, changes: Mapping[str, Any]) -> None:
    """Put values into a stored call, each where it stands, or by its name."""
    args, kwargs = list(data.get("args", [])), dict(data.get("kwargs", {}))
    by_position = list(shape.positional)[: len(args)]
    for name, value in changes.items():
        if name in by_position:
            args[by_position.index(name)] = encode(value, shape.owner, name)
        elif name == shape.rest and len(args) > len(by_position):
            args[len(by_position) :] = [encode(each, shape.owner, name) for each in value]
        else:
            kwargs[name] = encode(value, shape.owner, name)
    shape.fit(args, kwargs)
    data |= {"args": args} if args else {}
    data |= {"kwargs": kwargs} if kwargs else {}


def _is_plain(data: Any) -> bool:
    if isinstance(data, list):
        return all(map(_is_plain, data))
    if isinstance(data, dict):
        return "$" not in data and all(map(_is_plain, data.values()))
    return True
