"""Pages for monitors: is a worker alive, is the site ready, and figures for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from django.conf import settings as django_settings
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, InterfaceError, connections, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from jobqueue.conf import get_settings
from jobqueue.doctor import Site
from jobqueue.doctor.database import migrations
from jobqueue.insight.scene import PATIENCE
from jobqueue.logs import headline
from jobqueue.wording import age, span

#: Whoever may look at jobs may look at these pages, too.
RIGHT = "jobqueue.view_job"
NEEDS_CLIENT = 'Metrics need prometheus-client: pip install "jobqueue[prometheus]"'

View = Callable[[HttpRequest], HttpResponse]
#: Whether it is well, and in words.
Answer = tuple[bool, str]


def guarded(view: View) -> View:
    """Let a view be read by those who show the token, or may look at jobs; in no transaction of the request's."""

    @wraps(view)
    def answer(request: HttpRequest) -> HttpResponse:
        response = view(request) if _may_read(request) else _refusal()
        # An answer is no error: Django would log each 503, and mail it to the administrators.
        response._has_been_logged = True  # type: ignore[attr-defined]
        return response

    for alias in connections:
        answer = transaction.non_atomic_requests(using=alias)(answer)
    return login_not_required(never_cache(require_safe(answer)))


def _may_read(request: HttpRequest) -> bool:
    token = get_settings().probe_token
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if token and scheme.lower() == "bearer" and constant_time_compare(given.strip(), token):
        return True
    return (django_settings.DEBUG and not token) or _is_staff(request)


def _is_staff(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)
    try:
        return user is not None and user.is_active and user.is_staff and user.has_perm(RIGHT)
    except (DatabaseError, InterfaceError):  # which is what a monitor wants to know, with its token
        return False


def _refusal() -> HttpResponse:
    if not get_settings().probe_token:
        return HttpResponse("Not found.\n", status=404, content_type="text/plain")
    response = HttpResponse("Show the token of JOBQUEUE.\n", status=401, content_type="text/plain")
    response["WWW-Authenticate"] = 'Bearer realm="jobqueue"'
    return response


@guarded
def health(request: HttpRequest) -> HttpResponse:
    """Whether a worker is alive: one query."""
    return _told([("workers", _alive)])


@guarded
def ready(request: HttpRequest) -> HttpResponse:
    """Whether jobs that are stored now would be performed soon."""
    return _told([("database", _answers), ("migrations", _migrated), ("workers", _alive), ("waiting", _keeps_up)])


@guarded
def metrics(request: HttpRequest) -> HttpResponse:
    """Figures in the form of Prometheus, or of OpenMetrics if that is asked for."""
    try:
        from jobqueue.integrations.prometheus import page
    except ImportError:
        return HttpResponse(f"{NEEDS_CLIENT}\n", status=501, content_type="text/plain")
    text, kind = page(request.headers.get("Accept", ""))
    return HttpResponse(text, content_type=kind)


def _told(questions: list[tuple[str, Callable[[Site], Answer]]]) -> JsonResponse:
    """Ask until something is not well, and answer with all that was found."""
    site = Site(get_settings())
    found: dict[str, dict[str, Any]] = {}
    for name, well, text in _answered(site, questions):
        found[name] = {"ok": well, "message": text}
        if not well:
            break
    well = all(each["ok"] for each in found.values())
    return JsonResponse({"ok": well, "checks": found}, status=200 if well else 503)


def _answered(
    site: Site, questions: list[tuple[str, Callable[[Site], Answer]]]
) -> Iterator[tuple[str, bool, str]]:
    for name, question in questions:
        try:
            with site.store.looking(PATIENCE):
                yield name, *question(site)
        except (DatabaseError, InterfaceError, ImproperlyConfigured) as error:
            yield name, False, f'database "{site.alias}": {headline(str(error))}'


def _answers(site: Site) -> Answer:
    return True, f'"{site.alias}" answers, its time is {site.now.isoformat()}'


def _migrated(site: Site) -> Answer:
    [finding] = migrations(site)
    return finding.level == 0, f"{finding.message} {finding.remedy}".strip()


def _alive(site: Site) -> Answer:
    takers = site.takers
    if not takers:
        return False, "none alive that takes jobs. Start one: python manage.py jobworker"
    latest = min(age(pool.beat_at, site.now) for pool in takers)
    return True, f"{len(takers)} alive, the latest heartbeat {span(max(latest, 0.0))} ago"


def _keeps_up(site: Site) -> Answer:
    due = {queue: since for queue, since in site.oldest.items() if queue not in site.pauses}
    if not due:
        return True, "no job waits"
    queue = min(due, key=due.__getitem__)
    seconds = max(age(due[queue], site.now), 0.0)
    return seconds <= site.settings.alert_after, f'the oldest job in "{queue}" waits for {span(seconds)}'
