"""What Django's tasks take and return: values that JSON has, turned into its own types as Django turns them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jobqueue.exceptions import NotJSON, PayloadError
from jobqueue.handlers.codec import MAX_DEPTH, TOO_DEEP
from jobqueue.handlers.scalars import Refused, with_article

PLAIN = frozenset({str, int, float, bool, type(None)})


def jsonable(value: Any, owner: str, name: str) -> Any:
    """Return a value in JSON's own types: mappings as dict, other sequences as list, bytes as text.

    Args:
        value: what to store.
        owner: the task, for the error's text.
        name: the argument that holds the value, for the error's text.

    Raises:
        NotJSON: if it, or a part of it, is of a type that JSON lacks; the path to it is named.
        PayloadError: if bytes are no text, or it is nested too deeply. What else cannot be stored, ``encode`` refuses.
    """
    try:
        return _normal(value, 0)
    except _WrongType as refused:
        raise NotJSON(refused.text(owner, name)) from None
    except Refused as refused:
        raise PayloadError(refused.text(owner, name)) from None


class _WrongType(Refused):
    """JSON has no such type."""


def _normal(value: Any, depth: int) -> Any:
    if type(value) in PLAIN:
        return value
    if depth > MAX_DEPTH:
        raise Refused(TOO_DEEP, most=MAX_DEPTH)
    match value:
        case Mapping():
            return {key: _part(item, f"[{key!r}]", depth) for key, item in value.items()}
        case bytes():
            return _text(value)
        case str():
            return str.__str__(value)
        case int():
            return int.__int__(value)
        case float():
            return float.__float__(value)
        case Sequence():
            return [_part(item, f"[{position}]", depth) for position, item in enumerate(value)]
    raise _WrongType(
        "%(where)s is %(kind)s. Unsupported type: a task takes and returns what JSON has (None, bool, int, float, "
        "str, list, dict). Use text, a number or an id; a job declared with @job takes more.",
        kind=with_article(type(value).__name__),
    )


def _part(value: Any, step: str, depth: int) -> Any:
    try:
        return _normal(value, depth + 1)
    except Refused as refused:
        refused.steps.append(step)
        raise


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise Refused("%(where)s is bytes that are no UTF-8 text. Pass base64 text.") from None
