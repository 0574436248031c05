"""Store a job that fails, and watch it being tried again."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from demo_site.flaky.jobs import NeverWorks, WorksAtLast
from demo_site.flaky.report import report
from demo_site.front.live import is_settled, part
from demo_site.front.page import page
from jobqueue.models import Job, JobQuerySet


def index(request: HttpRequest) -> HttpResponse:
    """Two buttons, and the jobs that they stored."""
    return page(request, "flaky", found())


def index_live(request: HttpRequest) -> HttpResponse:
    """Attempts, next runs, errors and the report as they are now."""
    return part(request, "flaky/_index.html", found(), final=is_settled(jobs()))


@require_POST
def works_at_last(request: HttpRequest) -> HttpResponse:
    """Store the job that fails twice."""
    stored = WorksAtLast.enqueue()
    messages.success(request, f"Job #{stored.pk} is stored. It will fail twice, then work.")
    return redirect("flaky:index")


@require_POST
def never_works(request: HttpRequest) -> HttpResponse:
    """Store the job that always fails."""
    stored = NeverWorks.enqueue()
    messages.success(request, f"Job #{stored.pk} is stored. It will fail three times and stay failed.")
    return redirect("flaky:index")


def found() -> dict[str, Any]:
    """What the live part shows."""
    return {"jobs": jobs().order_by("-id")[:6], "report": report()}


def jobs() -> JobQuerySet:
    """The jobs of this scenario."""
    return Job.objects.filter(name__startswith="demo_site.flaky.")
