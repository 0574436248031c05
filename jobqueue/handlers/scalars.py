"""Values without parts: what JSON cannot say is written as text under a tag."""

from __future__ import annotations

import math
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from jobqueue.sentences import Sentence

MAX_DIGITS = 4300
#: Longest path to a refused value that an error spells out.
MAX_STEPS = 8
LARGEST_INT = 10**MAX_DIGITS

STORABLE = (
    "None, bool, int, float, str, list, dict, tuple, set, bytes, date and time types, Decimal, UUID, Enum, "
    "dataclasses, saved models"
)


class Refused(Exception):
    """Why a value cannot be stored; the path to it grows on the way out, innermost step first.

    Args:
        reason: a sentence with a place for that path, "where".
        **places: its other places.
    """

    def __init__(self, reason: str | Promise, **places: object) -> None:
        super().__init__(reason)
        self.reason, self.places = reason, places
        self.steps: list[str] = []

    def text(self, owner: str, name: str) -> Sentence:
        """Return the whole sentence; ``name`` is the argument that holds the value."""
        where = f"{owner}: {name}" if name else owner
        steps = self.steps[::-1]
        path = "".join(steps if len(steps) <= MAX_STEPS else [*steps[:MAX_STEPS], "…"])
        return self.said_of(f"{where}{path}")

    def said_of(self, where: object) -> Sentence:
        """Return the whole sentence about a place."""
        return Sentence(self.reason, where=where, **self.places)


def refuse(value: Any, advice: str = "Pass an id or a plain value.") -> Refused:
    """Return the refusal of a value for its type."""
    kind = with_article(type(value).__name__)
    return Refused(f"%(where)s is %(kind)s and cannot be stored. {advice} Storable: {STORABLE}.", kind=kind)


def with_article(noun: str) -> str:
    """Return the noun with its article, "a Video" or "an Order"."""
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def encode_str(value: str) -> str:
    """Return the text, which must be the same on every database."""
    if "\0" in value:
        raise Refused(_("%(where)s contains a NUL character, which databases refuse. Remove it or pass bytes."))
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            reason = _("%(where)s contains half a character (%(half)s), which UTF-8 cannot hold.")
            raise Refused(reason, half=repr(value[error.start])) from None
    return value


def encode_int(value: int) -> int:
    """Return the whole number, if Python will read its digits back."""
    if not -LARGEST_INT < value < LARGEST_INT:
        reason = _("%(where)s is a whole number of more than %(most)s digits; that is the limit.")
        raise Refused(reason, most=MAX_DIGITS)
    return value


def encode_float(value: float) -> float:
    """Return the number, if it is finite."""
    if not math.isfinite(value):
        raise Refused(_("%(where)s is %(value)s; only finite numbers can be stored."), value=value)
    return value


def _datetime_to_json(value: datetime) -> str | list[str]:
    if value.tzinfo is None:
        return value.isoformat()
    if value.utcoffset() is None:
        raise Refused("%(where)s has a time zone that does not say its offset.")
    zone = getattr(value.tzinfo, "key", None)
    return [value.isoformat(), zone] if isinstance(zone, str) else value.isoformat()


def _datetime_from_json(raw: Any) -> datetime:
    if isinstance(raw, str):
        return datetime.fromisoformat(raw)
    text, zone = raw
    moment = datetime.fromisoformat(text)
    try:
        return moment.astimezone(ZoneInfo(zone))
    except ZoneInfoNotFoundError:
        # The same moment, where this machine does not know the zone's name.
        return moment


def _time_to_json(value: time) -> str:
    if value.tzinfo is not None and value.utcoffset() is None:
        raise Refused("%(where)s is a time of day in a zone whose offset depends on the date. Pass a datetime.")
    return value.isoformat()


def _decimal_to_json(value: Decimal) -> str:
    if not value.is_finite():
        raise Refused(_("%(where)s is %(value)s; only finite numbers can be stored."), value=value)
    return str(value)


#: type -> (tag, to JSON, from JSON). A subclass comes before its base.
TAGGED: dict[type, tuple[str, Callable[[Any], Any], Callable[[Any], Any]]] = {
    datetime: ("datetime", _datetime_to_json, _datetime_from_json),
    date: ("date", date.isoformat, date.fromisoformat),
    time: ("time", _time_to_json, time.fromisoformat),
    timedelta: ("timedelta", lambda v: [v.days, v.seconds, v.microseconds], lambda raw: timedelta(*raw)),
    Decimal: ("decimal", _decimal_to_json, Decimal),
    UUID: ("uuid", str, UUID),
    bytes: ("bytes", lambda v: b64encode(v).decode(), lambda raw: b64decode(raw, validate=True)),
}
