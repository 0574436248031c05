"""Words for times and states."""

from __future__ import annotations

from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import slugify

from demo_site.front.cards import CARDS, Card
from jobqueue.models import Job
from jobqueue.states import State

register = template.Library()

UNITS = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))
ROUNDED_UP = 0.99  # 23 hours and 59 minutes are a day


@register.filter
def ago(moment: datetime | None) -> SafeString:
    """A time as people say it, from now: "in 6 seconds", "3 minutes ago"."""
    if moment is None:
        return SafeString("")
    words = distance((moment - timezone.now()).total_seconds())
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.isoformat(),
        f"{moment:%Y-%m-%d %H:%M:%S %Z}",
        words,
    )


def distance(seconds: float) -> str:
    """Seconds from now in words; negative ones are in the past."""
    if abs(seconds) < 1:
        return "now"
    unit, length = next(each for each in UNITS if abs(seconds) >= ROUNDED_UP * each[1])
    number = round(abs(seconds) / length)
    words = f"{number} {unit}{'s' if number > 1 else ''}"
    return f"in {words}" if seconds > 0 else f"{words} ago"


@register.filter
def word(job: Job) -> str:
    """The state as the site calls it: a scheduled job that was tried before is being retried."""
    if job.state == State.SCHEDULED and job.attempts:
        return "retrying"
    return state_word(State(job.state))


@register.filter
def state_word(state: State) -> str:
    """The state as the site calls it."""
    return "waiting" if state == State.READY else state.label


@register.inclusion_tag("front/_badge.html")
def badge(text: str) -> dict[str, str]:
    """A state with a sign of its own shape."""
    return {"text": text, "kind": slugify(text)}


@register.filter
def reason(error: str | None) -> str:
    """What went wrong in one line: name and message of the exception, without module and traceback."""
    headline = (error or "").partition("\n")[0]
    name, colon, message = headline.partition(": ")
    return name.rpartition(".")[2] + colon + message


@register.filter
def short_name(job: Job) -> str:
    """What is performed, without the modules it is in."""
    return short_path(job.name)


@register.filter
def short_path(name: str) -> str:
    """The last words of a job's name."""
    return ".".join(part for part in name.split(".")[-2:] if part != "jobs")


@register.filter
def moment(job: Job) -> datetime | None:
    """When the job ended, or when it may run."""
    return job.finished_at or (None if job.state == State.RUNNING else job.run_at)


@register.simple_tag
def cards() -> tuple[Card, ...]:
    """All scenarios, for the navigation."""
    return CARDS
