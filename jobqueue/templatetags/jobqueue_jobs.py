"""What the templates of jobs need beside: ``{% load jobqueue_jobs %}``."""

from __future__ import annotations

from django import template
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from jobqueue.admin.looks import LOOKS
from jobqueue.logs import harmless as escaped
from jobqueue.wording import rounded

register = template.Library()


@register.filter
def percent_of(done: float, total: float) -> str:
    """Show which part of the whole is done; all of it only when it is."""
    percent = min(max(done * 100 / total, 0.0), 100.0) if total > 0 else 0.0
    return _("%(number)s %%") % {"number": rounded(int(percent))}


@register.filter
def harmless(text: object) -> str:
    """Show a text in which nothing turns the direction of what stands beside it, and nothing is invisible."""
    return "" if text is None else escaped(str(text))


@register.simple_tag(takes_context=True)
def job_url(context: template.Context, pk: int) -> str:
    """Return the address of a job's page on the same site."""
    return reverse("admin:jobqueue_job_change", args=[pk], current_app=context["request"].current_app)


@register.simple_tag
def look_label(key: str) -> str | Promise:
    """Return the word for a state."""
    return LOOKS[key].label
