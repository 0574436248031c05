"""Ask for a report, in a worker or here and now."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from demo_site.front.live import is_settled, part
from demo_site.front.page import page
from demo_site.reports.models import Report
from jobqueue.models import Job, JobQuerySet


def index(request: HttpRequest) -> HttpResponse:
    """The newest reports and two buttons."""
    return page(request, "reports", found())


def index_live(request: HttpRequest) -> HttpResponse:
    """The reports as they are now."""
    return part(request, "reports/_index.html", found(), final=is_settled(jobs()))


@require_POST
def build(request: HttpRequest) -> HttpResponse:
    """A plain call: it stores a job."""
    Report.objects.create().build()
    messages.success(request, "The call came back at once. A worker builds the report.")
    return redirect("reports:index")


@require_POST
def build_now(request: HttpRequest) -> HttpResponse:
    """The same method without a job: the visitor waits for it."""
    Report.objects.create().build.now()
    messages.success(request, "The report was built while you waited.")
    return redirect("reports:index")


def download(request: HttpRequest, pk: int) -> HttpResponse:
    """A report as a file."""
    report = get_object_or_404(Report, pk=pk, built_at__isnull=False)
    name = f'attachment; filename="report-{pk}.csv"'
    return HttpResponse(report.text, content_type="text/csv", headers={"Content-Disposition": name})


def found() -> dict[str, Any]:
    """What the live part shows."""
    return {"reports": Report.objects.all()[:3], "jobs": jobs().order_by("-id")[:5]}


def jobs() -> JobQuerySet:
    """The jobs of this scenario."""
    return Job.objects.filter(name="reports.Report.build")
