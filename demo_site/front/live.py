"""Parts of a page that follow the jobs: a script fetches them every second until all is final."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from jobqueue.models import JobQuerySet
from jobqueue.states import FINAL, State

SOON = timedelta(minutes=1)


def part(
    request: HttpRequest, template: str, context: dict[str, Any], *, final: bool, status: str = ""
) -> HttpResponse:
    """Answer with a piece of HTML; headers tell the script whether to go on, and the state in a word."""
    response = render(request, template, context)
    response["X-Live-Final"] = "yes" if final else "no"
    response["X-Live-Status"] = status
    response["Cache-Control"] = "no-store"
    return response


def is_settled(jobs: JobQuerySet) -> bool:
    """Whether none of these jobs runs, waits for a worker, or is about to be tried."""
    unfinished = jobs.exclude(state__in=FINAL)
    later = unfinished.filter(state=State.SCHEDULED, run_at__gt=timezone.now() + SOON)
    return unfinished.count() == later.count()
