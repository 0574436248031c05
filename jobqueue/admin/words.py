"""How pages speak of time, in the reader's own language."""

from __future__ import annotations

from datetime import datetime

from django.utils.formats import number_format
from django.utils.translation import gettext, ngettext

#: Nothing is shown as "now" that is further away.
NOW_SECONDS = 1.0
#: What rounds up to so many milliseconds is a second.
SECOND_MS = 999.5


def duration(seconds: float) -> str:
    """Return a duration: 0.3 ms, 40 ms, 1.2 s, 41 s, 14 min, 2 h, 3 days."""
    if seconds * 1000 < SECOND_MS:
        return gettext("%(number)s ms") % {"number": rounded(seconds * 1000, int(seconds < 0.01))}
    if seconds < 120:
        return gettext("%(number)s s") % {"number": rounded(seconds, int(seconds < 10))}
    if seconds < 7200:
        return gettext("%(number)s min") % {"number": rounded(seconds / 60)}
    if seconds < 172_800:
        return gettext("%(number)s h") % {"number": rounded(seconds / 3600)}
    days = round(seconds / 86_400)
    return ngettext("%(number)s day", "%(number)s days", days) % {"number": rounded(days)}


def ago(moment: datetime, now: datetime) -> str:
    """Return how long ago something was, or how soon it will be."""
    seconds = (now - moment).total_seconds()
    if abs(seconds) < NOW_SECONDS:
        return gettext("now")
    if seconds < 0:
        return gettext("in %(duration)s") % {"duration": duration(-seconds)}
    return gettext("%(duration)s ago") % {"duration": duration(seconds)}


def rounded(number: float, decimals: int = 0) -> str:
    """Return a number as people write it. Django's own function cuts off what is too fine: 119.97 is 119 there."""
    return number_format(round(number, decimals), decimal_pos=decimals, use_l10n=True, force_grouping=True)
