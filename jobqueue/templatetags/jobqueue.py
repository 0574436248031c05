"""What the dashboard's templates need: ``{% load jobqueue %}``."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from django import template
from django.contrib.admin.utils import quote
from django.db import DatabaseError
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from jobqueue.admin.charts import drawing, shapes
from jobqueue.admin.charts.drawing import Chart
from jobqueue.admin.looks import LOOKS, Look, look_of
from jobqueue.admin.rights import may_see
from jobqueue.admin.words import ago as ago_in_words
from jobqueue.conf import get_settings
from jobqueue.insight.words import short_name
from jobqueue.logs import harmless
from jobqueue.models import Attempt, Job
from jobqueue.pool.schema import read_schema
from jobqueue.sentences import translated
from jobqueue.wording import duration, rounded

register = template.Library()

DASH = "\N{EN DASH}"


@register.simple_tag(takes_context=True)
def jobqueue_nonce(context: template.Context) -> SafeString | str:
    """Return the nonce attribute for a script or stylesheet, where Django 6 or django-csp has put one up."""
    nonce = context.get("csp_nonce")
    if nonce is None:  # one of Django's that nobody has asked for yet is false
        nonce = getattr(context.get("request"), "csp_nonce", None)
    return "" if nonce is None else format_html('nonce="{}"', nonce)


@register.inclusion_tag("jobqueue/admin/badge.html")
def badge(shown: Job | Look | str) -> dict[str, Any]:
    """Show a state as an icon and a word: of a job, or by its key."""
    if isinstance(shown, Job):
        return {"look": look_of(shown)}
    return {"look": LOOKS[shown] if isinstance(shown, str) else shown}


@register.simple_tag
def ago(moment: datetime | None, now: datetime | None = None) -> SafeString | str:
    """Show when something was or will be, roughly; the exact time on hover."""
    if moment is None:
        return DASH
    local = timezone.localtime(moment) if timezone.is_aware(moment) else moment
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        local.isoformat(),
        date_format(local, "DATETIME_FORMAT"),
        ago_in_words(moment, now or timezone.now()),
    )


@register.simple_tag
def moment(when: datetime, now: datetime) -> SafeString:
    """Show when something was or will be, exactly and roughly: where there is room, and nobody must hover."""
    local = timezone.localtime(when) if timezone.is_aware(when) else when
    shown = date_format(local, "DATETIME_FORMAT")
    return format_html(
        '<time datetime="{}">{}</time> <span class="jq-quiet">({})</span>',
        local.isoformat(), shown, ago_in_words(when, now),
    )  # fmt: skip


@register.simple_tag
def since(moment: datetime) -> str:
    """Show how long something has been."""
    return duration(max((timezone.now() - moment).total_seconds(), 0.0))


@register.simple_tag
def clock(moment: datetime) -> str:
    """Show the time of day, in the current time zone."""
    return date_format(timezone.localtime(moment) if timezone.is_aware(moment) else moment, "TIME_FORMAT")


@register.filter
def span(seconds: float | None) -> str:
    """Show a duration; None as a dash."""
    return DASH if seconds is None else duration(seconds)


register.filter("short_name", short_name)


@register.filter
def percent(share: float | None) -> str:
    """Show a share, 0 to 1, as percent; None as nothing."""
    return "" if share is None else gettext("%(number)s %%") % {"number": rounded(share * 100, 1)}


@register.inclusion_tag("jobqueue/admin/tile.html")
def tile(
    label: str,
    value: object,
    *,
    note: str = "",
    key: str = "",
    url: str = "",
    bad: object = False,
    alarm: object = False,
) -> dict[str, Any]:
    """Show one figure of the whole site; ``bad`` says that it is not well, ``alarm`` that somebody must act."""
    mood = "alarm" if alarm else "bad" if bad else ""
    return {"label": label, "value": value, "note": note, "key": key, "url": url, "mood": mood}


@register.simple_tag
def why_left_out() -> str:
    """Say why a look has found nothing: the tables are not those of this release, or it took too long."""
    with suppress(DatabaseError):
        if trouble := read_schema(get_settings().database).trouble:
            return f"{translated(trouble.message)} {translated(trouble.remedy)}"
    return gettext("Figures left out: the database was too slow.")


@register.filter
def counted(number: int) -> str:
    """Show a number as people write it."""
    return rounded(number)


@register.filter
def took(attempt: Attempt) -> float | None:
    """Return how many seconds an attempt took; None if it was not performed."""
    began, ended = attempt.started_at, attempt.ended_at
    return None if began is None else max((ended - began).total_seconds(), 0.0)


@register.simple_tag(takes_context=True)
def page_of(context: template.Context, page: str, name: str) -> str:
    """Return the address of a page about something with a name: ``{% page_of "queue_pause" queue.name %}``."""
    return reverse(f"admin:jobqueue_{page}", args=[quote(name)], current_app=context["request"].current_app)


@register.simple_tag(takes_context=True)
def jobclass_link(context: template.Context, name: str, short: bool = False) -> SafeString | str:
    """Show the name of a class, or the end of it; for those who may see its page it leads there."""
    if not name:
        return gettext("others, without a name")
    told = harmless(name)
    shown = short_name(told) if short else told
    if not may_see(context["request"], "view_dashboard"):
        return format_html('<bdi title="{}">{}</bdi>', told, shown)
    url = page_of(context, "jobclass_detail", name)
    return format_html('<a href="{}" title="{}"><bdi>{}</bdi></a>', url, told, shown)


@register.filter
def rate(number: float) -> str:
    """Show how many there are a minute; small numbers with a decimal."""
    return rounded(number, int(0 < number < 10))


@register.inclusion_tag("jobqueue/admin/charts/sparkline.html")
def sparkline(numbers: Sequence[float], label: str, kind: str = "") -> dict[str, Any]:
    """Draw a word-sized chart: ``{% sparkline numbers label %}``; ``kind`` is a state, for its colour."""
    width = max(len(numbers) * shapes.SPARK_STEP - 1, 1)
    return {
        "bars": shapes.sparkline(numbers), "label": label, "kind": kind,
        "width": width, "height": shapes.SPARK_HEIGHT,
    }  # fmt: skip


@register.inclusion_tag("jobqueue/admin/charts/chart.html")
def histogram(counts: Sequence[int], label: str) -> dict[str, Any]:
    """Draw durations counted as ``jobqueue.policy.histogram`` does, with a table below that says the same."""
    return {"chart": drawing.histogram(counts, label)}


@register.inclusion_tag("jobqueue/admin/charts/chart.html")
def chart(drawn: Chart | None) -> dict[str, Any]:
    """Draw a chart, with a table below that says the same."""
    return {"chart": drawn}
