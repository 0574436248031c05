"""Values found by name when a job is loaded: enum members, dataclasses, named tuples and saved models."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from enum import Enum, Flag
from typing import Any, cast

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import router
from django.db.models import Model
from django.db.utils import DEFAULT_DB_ALIAS
from django.utils.connection import ConnectionDoesNotExist

from jobqueue.exceptions import CorruptHandler, MissingRow, UnknownPerformable
from jobqueue.handlers.resolve import find, path_of
from jobqueue.handlers.scalars import Refused, with_article
from jobqueue.sentences import Sentence

Inner = Callable[[Any, int], Any]


class Unsaved(Refused):
    """A model instance without a row, which no worker could read."""

    def __init__(self, noun: str) -> None:
        super().__init__(
            f"%(where)s is an unsaved {noun}. The worker loads it by primary key, so call %(call)s first."
        )

    def text(self, owner: str, name: str) -> Sentence:
        """Return the whole sentence, with the call to make."""
        if self.steps or not name.isidentifier():
            self.places["call"] = "its save()"
            return super().text(owner, name)
        self.places["call"] = f"{name}.save()"
        return self.said_of(f'{owner}: argument "{name}"')


# To JSON.


def encode_enum(value: Enum, depth: int, inner: Inner) -> dict[str, Any]:
    """Return an enum member by its class and name; a flag by its value."""
    path = path_of(type(value))
    if isinstance(value, Flag):
        return {"$": "enum", "v": path, "value": inner(value.value, depth + 1)}
    return {"$": "enum", "v": path, "name": value.name}


def encode_dataclass(value: Any, depth: int, inner: Inner) -> dict[str, Any]:
    """Return a dataclass instance by its class and fields."""
    names = [each.name for each in dataclasses.fields(value)]
    fields = _encode_fields(value, names, depth, inner)
    return {"$": "dataclass", "v": path_of(type(value)), "fields": fields}


def encode_namedtuple(value: Any, depth: int, inner: Inner) -> dict[str, Any]:
    """Return a named tuple by its class and fields."""
    fields = _encode_fields(value, value._fields, depth, inner)
    return {"$": "namedtuple", "v": path_of(type(value)), "fields": fields}


def _encode_fields(value: Any, names: Any, depth: int, inner: Inner) -> dict[str, Any]:
    fields = {}
    for name in names:
        try:
            fields[name] = inner(getattr(value, name), depth + 1)
        except Refused as refused:
            refused.steps.append(f".{name}")
            raise
    return fields


def encode_model(value: Model, depth: int, inner: Inner) -> dict[str, Any]:
    """Return a saved model instance by its primary key."""
    if value.pk is None or value._state.adding:
        raise Unsaved(type(value).__name__)
    json = {"$": "model", "v": value._meta.label_lower, "pk": inner(value.pk, depth + 1)}
    # Where the row is written: a replica may not have it yet.
    alias = router.db_for_write(type(value), instance=value)
    if alias != DEFAULT_DB_ALIAS:
        json["db"] = alias
    return json


# From JSON.


def decode_enum(json: dict[str, Any], depth: int, inner: Inner) -> Any:
    """Return the member."""
    cls = _class(json, Enum)
    try:
        return cls[json["name"]] if "name" in json else cls(inner(json["value"], depth + 1))
    except (KeyError, ValueError):
        said = json.get("name", json.get("value"))
        raise UnknownPerformable(f"{json['v']} has no member {said!r} in this release.") from None


def decode_dataclass(json: dict[str, Any], depth: int, inner: Inner) -> Any:
    """Return the instance. ``__init__`` is not called; fields added since get their default."""
    cls = _class(json, object)
    if not dataclasses.is_dataclass(cls):
        raise CorruptHandler(f"{json['v']} is not a dataclass.")
    stored = _stored_fields(json)
    value: Any = object.__new__(cast(Any, cls))
    for field in dataclasses.fields(cls):
        known = field.name in stored
        content = inner(stored.pop(field.name), depth + 1) if known else _default(json["v"], field)
        object.__setattr__(value, field.name, content)
    if stored:
        raise TypeError(f"{json['v']} has no field {next(iter(stored))!r} any more, but a stored one has.")
    return value


def _default(path: str, field: dataclasses.Field[Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    raise TypeError(f"{path} needs a field {field.name!r}, which a stored one does not have.")


def decode_namedtuple(json: dict[str, Any], depth: int, inner: Inner) -> Any:
    """Return the named tuple; fields added since get their default."""
    cls = _class(json, tuple)
    return cls(**{name: inner(raw, depth + 1) for name, raw in _stored_fields(json).items()})


def decode_model(json: dict[str, Any], depth: int, inner: Inner) -> Any:
    """Return the instance as it is in its table now."""
    label = _text(json, "v")
    try:
        model = apps.get_model(label)
    except (LookupError, ValueError):
        raise UnknownPerformable(f"This job needs the model {label}, which this release does not have.") from None
    pk = inner(json.get("pk"), depth + 1)
    try:
        return model._base_manager.using(json.get("db", DEFAULT_DB_ALIAS)).get(pk=pk)
    except model.DoesNotExist:
        raise MissingRow(f"{model.__name__} {pk}, which this job needs, no longer exists.") from None
    except ConnectionDoesNotExist:
        raise UnknownPerformable(f"This job needs the database {json['db']!r}, which is not configured.") from None
    except (TypeError, ValueError, OverflowError, ValidationError) as error:
        raise CorruptHandler(f"{pk!r} is not {with_article('identifier')} of {label}: {error}") from error


def _class(json: dict[str, Any], base: type) -> Any:
    path = _text(json, "v")
    cls = find(path)
    if not isinstance(cls, type) or not issubclass(cls, base):
        raise CorruptHandler(f"{path} is not {with_article(base.__name__)}.")
    return cls


def _stored_fields(json: dict[str, Any]) -> dict[str, Any]:
    fields = json.get("fields")
    if not isinstance(fields, dict):
        raise CorruptHandler("A stored value lacks its fields.")
    return dict(fields)


def _text(json: dict[str, Any], key: str) -> str:
    text = json.get(key)
    if not isinstance(text, str):
        raise CorruptHandler(f"A stored value lacks its {key!r}.")
    return text
