"""How pages speak of time, in the reader's own language."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext

from jobqueue.wording import duration

#: Nothing is shown as "now" that is further away.
NOW_SECONDS = 1.0


def ago(moment: datetime, now: datetime) -> str:
    """Return how long ago something was, or how soon it will be."""
    seconds = (now - moment).total_seconds()
    if abs(seconds) < NOW_SECONDS:
        return gettext("now")
    if seconds < 0:
        return gettext("in %(duration)s") % {"duration": duration(-seconds)}
    return gettext("%(duration)s ago") % {"duration": duration(seconds)}
