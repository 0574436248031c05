"""Stored JSON data as plain values, for people: nothing is imported for it, and no row is read."""

from __future__ import annotations

from typing import Any

from jobqueue.exceptions import CorruptHandler
from jobqueue.handlers.codec import MAX_DEPTH
from jobqueue.handlers.scalars import TAGGED

_SCALARS = {tag: from_json for tag, _, from_json in TAGGED.values()}


class Reference(str):
    """What a value refers to, as text: ``shop.order 7``.

    Attributes:
        key: the primary key, or the name of the enum's member.
    """

    __slots__ = ("key",)
    key: Any


def plain(data: Any, depth: int = 0) -> Any:
    """Return JSON data without tags: dict, list, ``Reference``, and values without parts.

    Raises:
        CorruptHandler: if it is not what ``encode`` writes.
    """
    if depth > MAX_DEPTH + 1:
        raise CorruptHandler(f"The handler is nested deeper than {MAX_DEPTH}.")
    if isinstance(data, list):
        return [plain(item, depth + 1) for item in data]
    if not isinstance(data, dict):
        return data
    if "$" not in data:
        return {name: plain(item, depth + 1) for name, item in data.items()}
    try:
        return _untagged(data, depth + 1)
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        raise CorruptHandler(f"A stored value is not readable: {error}") from None


def _untagged(data: dict[str, Any], depth: int) -> Any:
    tag = data["$"]
    if tag in _SCALARS:
        return _SCALARS[tag](data["v"])
    match tag:
        case "model":
            return _reference(data["v"], plain(data["pk"], depth))
        case "enum":
            return _reference(data["v"], plain(data.get("name", data.get("value")), depth))
        case "dataclass" | "namedtuple":
            return plain(data["fields"], depth)
        case "class":
            return _reference(data["v"], None)
        case "object":
            return plain(data.get("state", {}), depth)
        case "dict":
            return {name: plain(item, depth) for name, item in data["v"]}
        case _:
            return plain(data["v"], depth)


def _reference(path: str, key: Any) -> Reference:
    reference = Reference(path if key is None else f"{path} {key}")
    reference.key = key
    return reference
