"""Who may see and do what. A right is asked for again in each view, whatever buttons its page has shown."""

from __future__ import annotations

from django.http import HttpRequest

from jobqueue.conf import get_settings


def may_see(request: HttpRequest, right: str) -> bool:
    """Whether the user has a right, as ``view_job``, on an admin site."""
    return bool(request.user.is_active and request.user.is_staff and request.user.has_perm(f"jobqueue.{right}"))


def may_act(request: HttpRequest, right: str) -> bool:
    """Whether the user has the right to an act, as ``retry_job``, and the settings let people act here."""
    return not get_settings().admin_read_only and may_see(request, right)
