"""Times and durations as people type them: ``-2h``, ``30m``, ``2026-11-20``, ``2026-11-20T09:30``."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from jobqueue.sentences import Sentence

SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(s|m|h|d|w)?")
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, None: 1}
LONGEST = timedelta(days=36_500)

EXAMPLES = "2h, 30m, 7d"
MOMENTS = "-2h, +30m, 2026-11-20, 2026-11-20T09:30"


def span_of(text: str) -> timedelta:
    """Return a duration; a bare number is seconds.

    Raises:
        ValueError: with what is wrong, and examples.
    """
    found = SPAN.fullmatch(text)
    seconds = float(found[1]) * UNITS[found[2]] if found else 0.0
    if not found or seconds > LONGEST.total_seconds():
        told = _('"%(text)s" is not a duration. Examples: %(examples)s.')
        raise ValueError(Sentence(told, text=text, examples=EXAMPLES))
    return timedelta(seconds=seconds)


def moment_of(text: str, now: datetime) -> datetime:
    """Return a time: so long before now (``-2h``) or after it (``+2h``), ``now``, or a date in ISO form.

    A date without a zone is of the current time zone.

    Raises:
        ValueError: with what is wrong, and examples.
    """
    if text == "now":
        return now
    try:
        if text[:1] in {"-", "+"}:
            span = span_of(text[1:])
            return now - span if text[0] == "-" else now + span
        return _in_zone(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        told = _('"%(text)s" is not a time. Examples: %(examples)s.')
        raise ValueError(Sentence(told, text=text, examples=MOMENTS)) from None


def _in_zone(moment: datetime) -> datetime:
    if not 1000 <= moment.year < 3000:
        raise ValueError
    if settings.USE_TZ:
        return moment if timezone.is_aware(moment) else timezone.make_aware(moment)
    return timezone.make_naive(moment) if timezone.is_aware(moment) else moment
