"""Failures, told apart by kind: which come most often, since when, and what to do about all of a kind at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.template.defaultfilters import date
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from jobqueue.admin.charts.drawing import Chart
from jobqueue.admin.charts.shapes import nice, stacked
from jobqueue.admin.page import Crumb, Page, Route, looked
from jobqueue.admin.rights import may_act, may_see
from jobqueue.insight.failures import WEEK, WINDOW, Kind, attempts_of, error_of, kind_of, kinds
from jobqueue.insight.scene import Scene
from jobqueue.wording import rounded


class FailurePages(Page):
    """The list of kinds, and each of them."""

    right = "view_job"

    def routes(self) -> Iterator[Route]:
        """Yield the addresses."""
        yield Route("", "changelist", self.list_kinds, "view_job")
        yield Route("<slug:fingerprint>/", "detail", self.show_kind, "view_job")

    def list_kinds(self, request: HttpRequest) -> HttpResponse:
        """Show the kinds of failures of the last seven days."""
        scene, with_payload = self.scene, may_see(request, "view_job_payload")
        return self.show(
            request,
            "jobqueue/admin/failures.html",
            {"kinds": looked(scene, lambda: kinds(scene, with_payload=with_payload)), "most": WINDOW}
            | self._acts(request),
            title=_("Failures"),
            parts={"failures": "jobqueue/admin/parts/failures.html"},
        )

    def show_kind(self, request: HttpRequest, fingerprint: str) -> HttpResponse:
        """Show one kind with its newest attempts, and one of their errors to those who may see it."""
        scene, with_payload = self.scene, may_see(request, "view_job_payload")
        found = looked(scene, lambda: _whole(scene, fingerprint, with_payload=with_payload))
        if (whole := found()) is not None and whole["kind"] is None:
            raise Http404(_("No attempt that is kept has failed in this way."))
        title = (whole["kind"].short if whole and whole["kind"] else "") or fingerprint
        return self.show(
            request,
            "jobqueue/admin/failure.html",
            {"found": found, "fingerprint": fingerprint, "with_payload": with_payload} | self._acts(request),
            title=title,
            crumbs=(Crumb(title),),
            parts={"failure": "jobqueue/admin/parts/failure.html"},
        )

    def _acts(self, request: HttpRequest) -> dict[str, Any]:
        """Return what the user may do with all jobs of a kind; what lacks but the kind itself."""
        rights = {"retry": "retry_job", "delete": "delete_job"}
        acts = {act: may_act(request, right) for act, right in rights.items()}
        base = self.url("act", model="job")
        return {
            f"{act}_url": f"{base}?{urlencode({'act': act, 'all': 1, 'state': 'failed'})}&q=kind:" if may else ""
            for act, may in acts.items()
        }


def _whole(scene: Scene, fingerprint: str, *, with_payload: bool) -> dict[str, Any]:
    """Read all that the page of one kind shows."""
    kind = kind_of(scene, fingerprint, with_payload=with_payload)
    if kind is None:
        return {"kind": None}
    attempts = attempts_of(scene, fingerprint)
    error = error_of(scene, attempts[0]) if with_payload and attempts else ""
    return {"kind": kind, "attempts": attempts, "error": error, "chart": chart_of(kind, scene)}


def chart_of(kind: Kind, scene: Scene) -> Chart | None:
    """Return how often a kind came within the last seven days; None if it did not."""
    if not kind.total:
        return None
    steps = range(len(kind.points) * WEEK.step, 0, -WEEK.step)
    begins = [timezone.localtime(scene.now - timedelta(hours=hours)) for hours in steps]
    labels = [date(moment, "DATETIME_FORMAT") for moment in begins]
    top = nice(max(kind.points))
    return Chart(
        label=_("Failed attempts of this kind within 7 days"),
        y=[rounded(top), rounded(top // 2), "0"],
        x=[date(begins[0], "MONTH_DAY_FORMAT"), date(begins[len(begins) // 2], "MONTH_DAY_FORMAT"), _("now")],
        bars=stacked({"failed": kind.points}, top, ends_open=True),
        columns=[
            ngettext("%(number)s hour from", "%(number)s hours from", WEEK.step) % {"number": WEEK.step},
            _("Failed attempts"),
        ],
        rows=[[label, rounded(count)] for label, count in zip(labels, kind.points, strict=True) if count],
    )
