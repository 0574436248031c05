"""Values <-> JSON. What JSON cannot say is tagged: ``{"$": "date", "v": "2026-11-22"}``."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import is_dataclass
from enum import Enum
from functools import lru_cache, partial
from typing import Any

from django.db.models import Manager, Model, QuerySet
from django.utils.functional import LazyObject, Promise, empty
from django.utils.translation import gettext_lazy as _

from jobqueue.exceptions import CorruptHandler, PayloadError, shown
from jobqueue.handlers import references
from jobqueue.handlers.scalars import TAGGED, Refused, encode_float, encode_int, encode_str, refuse
from jobqueue.sentences import Sentence

MAX_DEPTH = 32
TOO_DEEP = _("%(where)s is nested deeper than %(most)s (or contains itself); that is the limit.")
NO_TAG = _("%(tag)s is not the tag of a stored value.")
MAX_KEYS = 1000
#: Longest handler that is read at all, characters; far above the largest that is written.
MAX_TEXT = 4 * 1024 * 1024

Encoder = Callable[[Any, int], Any]


def encode(value: Any, owner: str, name: str = "") -> Any:
    """Return a value as plain JSON data.

    Args:
        value: what to store.
        owner: the performable, for the error's text.
        name: the argument or attribute that holds the value, for the error's text.

    Raises:
        PayloadError: if the value, or a part of it, cannot be stored; the path to it is named.
        NotPerformable: if the class of an enum or dataclass cannot be imported by a worker.
    """
    try:
        return _encode(value, 0)
    except Refused as refused:
        raise PayloadError(refused.text(owner, name)) from None


def dumps(data: Any) -> str:
    """Return JSON data as compact text on one line."""
    return _ENCODER.encode(data)


def _encode(value: Any, depth: int) -> Any:
    kind: Any = type(value)
    if kind is str:
        return encode_str(value)
    if kind is int:
        return encode_int(value)
    if value is None or kind is bool:
        return value
    return _encoder(kind)(value, depth)


@lru_cache(maxsize=1024)
def _encoder(kind: type) -> Encoder:
    """Return what encodes values of a type; the order decides for those that are of several."""
    for base, encoder in _ENCODERS:
        if issubclass(kind, base):
            return encoder
    if is_dataclass(kind):
        return partial(references.encode_dataclass, inner=_encode)
    for base, (tag, to_json, _from_json) in TAGGED.items():
        if issubclass(kind, base):
            return partial(_encode_tagged, tag, to_json)
    return _refuse


def _encode_tagged(tag: str, to_json: Callable[[Any], Any], value: Any, depth: int) -> dict[str, Any]:
    return {"$": tag, "v": to_json(value)}


def _encode_list(value: list[Any], depth: int) -> list[Any]:
    _check_subclass(value, list)
    return _encode_items(value, depth)


def _encode_tuple(value: tuple[Any, ...], depth: int) -> dict[str, Any]:
    if hasattr(value, "_fields"):
        _check_depth(depth)
        return references.encode_namedtuple(value, depth, _encode)
    return {"$": "tuple", "v": _encode_items(value, depth)}


def _encode_set(value: set[Any] | frozenset[Any], depth: int) -> dict[str, Any]:
    return {"$": "set" if isinstance(value, set) else "frozenset", "v": _encode_items(value, depth)}


def _encode_items(value: Any, depth: int) -> list[Any]:
    _check_depth(depth)
    items: list[Any] = []
    try:
        for item in value:
            items.append(_encode(item, depth + 1))
    except Refused as refused:
        refused.steps.append(f"[{len(items)}]")
        raise
    return items


def _encode_dict(value: dict[Any, Any], depth: int) -> dict[str, Any]:
    _check_subclass(value, dict)
    _check_depth(depth)
    if len(value) > MAX_KEYS:
        reason = _("%(where)s has %(number)s keys; the limit is %(most)s. Store the data and pass its id.")
        raise Refused(reason, number=f"{len(value):,}", most=f"{MAX_KEYS:,}")
    members = {}
    for key, item in value.items():
        if not isinstance(key, str) or isinstance(key, Enum):
            kind = type(key).__name__
            raise Refused(f"%(where)s has the key %(key)s ({kind}); only str keys can be stored.", key=shown(key))
        try:
            members[encode_str(key)] = _encode(item, depth + 1)
        except Refused as refused:
            refused.steps.append(f"[{json.dumps(key)}]")
            raise
    # A member "$" of the caller's must not be taken for a tag.
    return {"$": "dict", "v": [list(pair) for pair in members.items()]} if "$" in members else members


def _encode_enum(value: Enum, depth: int) -> dict[str, Any]:
    return references.encode_enum(value, depth, _encode)


def _encode_model(value: Model, depth: int) -> dict[str, Any]:
    return references.encode_model(value, depth, _encode)


def _encode_lazy_object(value: Any, depth: int) -> Any:
    # Such as request.user: what it stands for is meant.
    if value._wrapped is empty:
        value._setup()
    return _encode(value._wrapped, depth)


def _check_depth(depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise Refused(TOO_DEEP, most=MAX_DEPTH)


def _check_subclass(value: Any, base: type) -> None:
    """Refuse a subclass that reads differently from the plain list or dict it would come back as."""
    kind: Any = type(value)
    if kind.__getitem__ is not getattr(base, "__getitem__", None):
        raise refuse(value, f"Pass {base.__name__}(…) of it.")


def _refuse(value: Any, depth: int) -> Any:
    if isinstance(value, type) or callable(value):
        raise refuse(value, "Jobs are named by their decorator or class; pass a name or an id.")
    if hasattr(value, "read") or hasattr(value, "fileno") or hasattr(value, "__fspath__"):
        raise refuse(value, "Pass a path or an id.")
    raise refuse(value)


def _refuse_queryset(value: Any, depth: int) -> Any:
    raise refuse(value, "Pass its ids, for example list(queryset.values_list('pk', flat=True)).")


_ENCODERS: tuple[tuple[type, Encoder], ...] = (
    (Enum, _encode_enum),
    (LazyObject, _encode_lazy_object),
    (Promise, lambda value, depth: encode_str(str(value))),
    (Model, _encode_model),
    (str, lambda value, depth: encode_str(str.__str__(value))),
    (int, lambda value, depth: encode_int(int.__int__(value))),
    (float, lambda value, depth: encode_float(float.__float__(value))),
    (list, _encode_list),
    (dict, _encode_dict),
    (tuple, _encode_tuple),
    (set, _encode_set),
    (frozenset, _encode_set),
    (QuerySet, _refuse_queryset),
    (Manager, _refuse_queryset),
)


# From JSON.


def loads(text: str, *, signed: bool = True) -> Any:
    """Return the JSON data of a text.

    Args:
        text: what ``dumps`` returned.
        signed: whether its signature held; otherwise somebody else wrote it, and it is looked at more closely.

    Raises:
        CorruptHandler: if it is not exactly one well-formed value: trailing text, numbers that are not finite,
            deeper than Python reads; or, unsigned, a key given twice.
    """
    if len(text) > MAX_TEXT:
        told = _("The handler has %(number)s characters; at most %(most)s are read.")
        raise CorruptHandler(Sentence(told, number=f"{len(text):,}", most=f"{MAX_TEXT:,}"))
    try:
        return _own(text) if signed else _WARY_DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise CorruptHandler(Sentence(_("The handler is not readable JSON: %(error)s"), error=error)) from None


def _own(text: str) -> Any:
    """Return the data of a text that we have written, so without spaces round it, and without keys given twice."""
    data, end = _DECODER.raw_decode(text)
    if end != len(text):
        raise ValueError(f"something follows its end (char {end})")
    return data


def decode(data: Any, *, signed: bool = True) -> Any:
    """Return the value that ``encode`` was given.

    Args:
        data: what ``loads`` returned.
        signed: whether the handler's signature held; otherwise nothing is imported or read for it.

    Raises:
        CorruptHandler: if it is not what ``encode`` writes.
        MissingRow: if a model instance is gone.
        UnknownPerformable: if a class, member or model is not in this release.
        TypeError: if a dataclass or named tuple has other fields now.
    """
    return (_decode if signed else _decode_unsigned)(data, 0)


def _decode(data: Any, depth: int) -> Any:
    kind = type(data)
    if kind is list:
        return [_decode(item, depth + 1) for item in _shallow(data, depth)]
    if kind is not dict:
        return data
    if "$" in data:
        return _decode_tag(data, depth, _decode)
    return {key: _decode(item, depth + 1) for key, item in _shallow(data, depth).items()}


def _decode_unsigned(data: Any, depth: int) -> Any:
    kind = type(data)
    if kind is str:
        return _decent(data)
    if kind is list:
        return [_decode_unsigned(item, depth + 1) for item in _shallow(data, depth)]
    if kind is not dict:
        return data
    if "$" in data:
        if data["$"] in _REFERENCES:
            told = _('An unsigned handler may not hold a "%(tag)s"; pass ids and plain values.')
            raise CorruptHandler(Sentence(told, tag=data["$"]))
        return _decode_tag(data, depth, _decode_unsigned)
    return {_decent(key): _decode_unsigned(item, depth + 1) for key, item in _shallow(data, depth).items()}


def _decent(text: str) -> str:
    """Return text that a caller of ours could have given, too."""
    try:
        return encode_str(text)
    except Refused as refused:
        raise CorruptHandler(refused.said_of(Sentence(_("A text in the handler")))) from None


def _decode_tag(data: dict[str, Any], depth: int, inner: Encoder) -> Any:
    tag = data["$"]
    if not isinstance(tag, str):
        raise CorruptHandler(Sentence(NO_TAG, tag=repr(tag)))
    _shallow(data, depth)
    if tag in _REFERENCES:
        return _REFERENCES[tag](data, depth, inner)
    decoder = _DECODERS.get(tag)
    if decoder is not None:
        return _converted(tag, decoder, data.get("v"))
    container = _CONTAINERS.get(tag)
    if container is None or not isinstance(data.get("v"), list):
        raise CorruptHandler(Sentence(NO_TAG, tag=f'"{tag}"'))
    return _converted(tag, container, [inner(item, depth + 1) for item in data["v"]])


def _converted(tag: str, convert: Callable[[Any], Any], raw: Any) -> Any:
    try:
        return convert(raw)
    except (TypeError, ValueError, ArithmeticError, AttributeError) as error:
        told = _('A stored "%(tag)s" is not readable: %(error)s')
        raise CorruptHandler(Sentence(told, tag=tag, error=error)) from None


def _shallow(data: Any, depth: int) -> Any:
    if depth >= MAX_DEPTH + 1:
        raise CorruptHandler(Sentence(_("The handler is nested deeper than %(most)s."), most=MAX_DEPTH))
    return data


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key is given twice")
    return members


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits} is not a finite number")
    return number


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a finite number")


_REFERENCES: dict[str, Callable[[dict[str, Any], int, Encoder], Any]] = {
    "enum": references.decode_enum,
    "dataclass": references.decode_dataclass,
    "namedtuple": references.decode_namedtuple,
    "model": references.decode_model,
}
_DECODERS = {tag: from_json for tag, _, from_json in TAGGED.values()}
_CONTAINERS: dict[str, Callable[[Any], Any]] = {
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "dict": dict,
}
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False)
_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_no_constant)
_WARY_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_constant)
