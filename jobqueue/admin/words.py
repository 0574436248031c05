"""How pages speak of time, in the reader's own language."""

from __future__ import annotations

from datetime import datetime

from django.utils.formats import number_format
from django.utils.translation import gettext, ngettext

#: Nothing is shown as "now" that is further away.
NOW_SECONDS = 1.0


def duration(seconds: float) -> str:
    """Return a duration: 0.3 ms, 40 ms, 1.2 s, 41 s, 14 min, 2 h, 3 days."""
    if seconds < 1:
        return gettext("%(number)s ms") % {"number": _number(seconds * 1000, seconds < 0.01)}
    if seconds < 120:
        return gettext("%(number)s s") % {"number": _number(seconds, seconds < 10)}
    if seconds < 7200:
        return gettext("%(number)s min") % {"number": _number(seconds / 60, False)}
    if seconds < 172_800:
        return gettext("%(number)s h") % {"number": _number(seconds / 3600, False)}
    days = round(seconds / 86_400)
    return ngettext("%(number)s day", "%(number)s days", days) % {"number": _number(days, False)}


def ago(moment: datetime, now: datetime) -> str:
    """Return how long ago something was, or how soon it will be."""
    seconds = (now - moment).total_seconds()
    if abs(seconds) < NOW_SECONDS:
        return gettext("now")
    if seconds < 0:
        return gettext("in %(duration)s") % {"duration": duration(-seconds)}
    return gettext("%(duration)s ago") % {"duration": duration(seconds)}


def _number(value: float, fine: bool) -> str:
    return number_format(value, decimal_pos=1 if fine else 0, use_l10n=True, force_grouping=True)
