"""How commands and pages speak of time and of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from jobqueue.sentences import Sentence

#: What rounds up to so many milliseconds is a second.
SECOND_MS = 999.5


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, which gets an s where it needs one."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}{'es' if noun.endswith('s') else 's'}"


def span(seconds: float) -> str:
    """Return a duration as people say it: 0.3 ms, 3 s, 14 min, 2 h, 3 days."""
    if seconds < 0.0001:
        return "less than 0.1 ms"
    if seconds < 1:
        return f"{seconds * 1000:.1f} ms" if seconds < 0.01 else f"{seconds * 1000:.0f} ms"
    for size, word, until in ((1, "s", 120), (60, "min", 7200), (3600, "h", 172_800)):
        if seconds < until:
            return f"{seconds / size:.0f} {word}"
    return f"{seconds / 86_400:,.0f} days"


def age(moment: datetime, now: datetime) -> float:
    """Return the seconds from a moment until now; less than nothing if it is still to come."""
    return (now - moment).total_seconds()


def up_to(limit: int, number: int, noun: str = "job") -> str:
    """Return a number with its noun, of what was counted up to a limit only."""
    return counted(number, noun) if number < limit else f"{limit:,}+ {noun}s"


def few(words: Sequence[object], limit: int) -> str:
    """Return the first of some words, and how many more there are."""
    more, named = len(words) - limit, ", ".join(map(str, words[:limit]))
    return Sentence(_("%(names)s and %(count)s more"), names=named, count=Amount(more)) if more > 0 else named


def in_bytes(size: int) -> str:
    """Return the size of a file as people say it."""
    return f"{size / 1024:,.0f} kB" if size < 1024 * 1024 else f"{size / 1024 / 1024:,.0f} MB"


# As places of sentences: in English as above, translated as pages have it.


class Span(Sentence):
    """A duration in seconds."""

    def __new__(cls, seconds: float) -> Span:
        """Say it in English."""
        said = str.__new__(cls, span(seconds))
        said.seconds = seconds
        return said

    seconds: float

    def translated(self) -> str:
        """Say it in the active language."""
        return duration(self.seconds)


class Amount(Sentence):
    """A whole number; of what was counted up to a limit only, with a plus if it is that."""

    def __new__(cls, number: int, limit: int | None = None) -> Amount:
        """Write it as in English."""
        plus = "+" if limit is not None and number >= limit else ""
        said = str.__new__(cls, f"{number:,}{plus}")
        said.number, said.plus = number, plus
        return said

    number: int
    plus: str

    def translated(self) -> str:
        """Write it as in the active language."""
        return f"{rounded(self.number)}{self.plus}"


class Moment(Sentence):
    """A time, in the current time zone."""

    def __new__(cls, moment: datetime) -> Moment:
        """Write it as ISO has it, without seconds that are none."""
        local = timezone.localtime(moment) if timezone.is_aware(moment) else moment
        said = str.__new__(cls, f"{local:%Y-%m-%d %H:%M}" if local.second == 0 else f"{local:%Y-%m-%d %H:%M:%S}")
        said.local = local
        return said

    local: datetime

    def translated(self) -> str:
        """Write it as in the active language."""
        return date_format(self.local, "DATETIME_FORMAT")


def duration(seconds: float) -> str:
    """Return a duration in the active language: 0.3 ms, 40 ms, 1.2 s, 41 s, 14 min, 2 h, 3 days."""
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


def rounded(number: float, decimals: int = 0) -> str:
    """Return a number as people write it. Django's own function cuts off what is too fine: 119.97 is 119 there."""
    return number_format(round(number, decimals), decimal_pos=decimals, use_l10n=True, force_grouping=True)
