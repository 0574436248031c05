"""The overview: all at a glance, and what is wrong before all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TypeVar

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from jobqueue.admin.charts import over_time
from jobqueue.admin.charts.drawing import Chart
from jobqueue.admin.page import Page, Route, looked, once
from jobqueue.admin.rights import may_see
from jobqueue.insight import overview, series
from jobqueue.insight.failures import DAY, Kinds, kinds
from jobqueue.insight.rollups import RANGES, Done, Range, Rollups
from jobqueue.insight.scene import Scene
from jobqueue.insight.series import Series
from jobqueue.insight.warnings import Warn, warnings
from jobqueue.models import Job

T = TypeVar("T")

#: The range that is shown unless another is asked for.
USUAL = "24h"
#: Kinds of failures that are shown.
KINDS = 5
#: What each range is called.
RANGE_LABELS: dict[str, str | Promise] = {
    "1h": gettext_lazy("1 hour"),
    "24h": gettext_lazy("24 hours"),
    "7d": gettext_lazy("7 days"),
    "90d": gettext_lazy("90 days"),
}
RUN, WAIT = ("run_p50", "run_p95", "run_p99"), ("wait_p50", "wait_p95", "wait_p99", "oldest")
PARTS = {
    name: f"jobqueue/admin/parts/overview_{name}.html"
    for name in ("tiles", "throughput", "latency", "running", "failures", "queues", "upcoming")
}


class Seen:
    """What one request looks at: each thing is read once, and only if it is shown.

    Args:
        scene: where.
        range_: how far back charts go.
    """

    def __init__(self, scene: Scene, range_: Range) -> None:
        self.scene = scene
        self.range = range_

    def look(self, read: Callable[[], T]) -> Callable[[], T | None]:
        """Return what templates call."""
        return looked(self.scene, read)

    @cached_property
    def throughput(self) -> Series:
        """How many attempts ended."""
        return series.throughput(self.range, *self._told)

    @cached_property
    def latency(self) -> Series:
        """How long they ran, and had waited."""
        points, story = self._told
        waited = series.waited(points, self.range.step, overview.waiting_since(self.scene), self.scene.now)
        return series.latency(self.range, points, story, waited)

    @cached_property
    def _told(self) -> tuple[list[int], list[Done]]:
        rollups = Rollups(self.scene.alias, self.range, self.scene.now)
        return rollups.points, rollups.story()


def _warnings(scene: Scene) -> list[Warn]:
    """Return what is wrong. All queues are counted first, by one query: the tiles need them, too."""
    scene.count()
    return warnings(scene)


def range_of(request: HttpRequest) -> Range:
    """Return the range that is asked for; the usual one instead of any that there is not."""
    return RANGES.get(request.GET.get("range", ""), RANGES[USUAL])


class DashboardPages(Page):
    """The overview, and the numbers of its charts for scripts."""

    right = "view_dashboard"

    def routes(self) -> Iterator[Route]:
        """Yield the addresses."""
        yield Route("", "changelist", self.show_all, "view_dashboard")
        yield Route("series/<slug:name>.json", "series", self.send_series, "view_dashboard")

    def show_all(self, request: HttpRequest) -> HttpResponse:
        """Show what waits, runs, fails and comes next."""
        seen = Seen(self.scene, range_of(request))
        sees_failures = bool(self.link(request, "failure"))
        return self.show(
            request,
            "jobqueue/admin/overview.html",
            {
                "banners": seen.look(lambda: _warnings(seen.scene)),
                "tiles": seen.look(lambda: overview.tiles(seen.scene)),
                "throughput": seen.look(lambda: self._throughput(seen)),
                "latency": seen.look(lambda: self._latency(seen)),
                "running": seen.look(lambda: self._running(request, seen.scene)),
                "kinds": seen.look(lambda: self._kinds(request, seen.scene)),
                "queues": seen.look(lambda: overview.queues(seen.scene)),
                "upcoming": seen.look(lambda: self._upcoming(request, seen.scene)),
                "ranges": RANGE_LABELS,
                "range": seen.range.name,
                "links": self._links(request),
                "sees_failures": sees_failures,
                "sees_payload": may_see(request, "view_job_payload"),
            },
            title=_("Dashboard"),
            parts={name: template for name, template in PARTS.items() if name != "failures" or sees_failures},
        )

    def send_series(self, request: HttpRequest, name: str) -> HttpResponse:
        """Answer with the numbers of a chart."""
        seen = Seen(self.scene, range_of(request))
        makers: dict[str, Callable[[], Series]] = {
            "throughput": lambda: seen.throughput, "latency": lambda: seen.latency,
        }  # fmt: skip
        if name not in makers:
            raise Http404(f"There is no series {name!r}.")
        found = seen.look(makers[name])()
        if found is None:
            return JsonResponse({"error": _("The database was too slow.")}, status=503)
        return once(request, JsonResponse(over_time.as_json(found)))

    def _throughput(self, seen: Seen) -> tuple[Chart | None]:
        """Return the only chart; a tuple, since None says that the database was too slow."""
        return (over_time.throughput(seen.throughput, self._series_url("throughput", seen)),)

    def _latency(self, seen: Seen) -> tuple[Chart | None, Chart | None]:
        url = self._series_url("latency", seen)
        return (
            over_time.latency(seen.latency, RUN, _("How long attempts ran"), url),
            over_time.latency(seen.latency, WAIT, _("How long jobs had waited"), url),
        )

    def _series_url(self, name: str, seen: Seen) -> str:
        return f"{self.url('series', name)}?range={seen.range.name}"

    def _running(self, request: HttpRequest, scene: Scene) -> list[tuple[overview.Running, str]]:
        return [(each, self._job_url(request, each.job.pk)) for each in overview.running(scene)]

    def _kinds(self, request: HttpRequest, scene: Scene) -> Kinds:
        return kinds(scene, DAY, limit=KINDS, with_payload=may_see(request, "view_job_payload"), with_jobs=False)

    def _upcoming(self, request: HttpRequest, scene: Scene) -> list[tuple[Job, str]]:
        return [(job, self._job_url(request, job.pk)) for job in overview.upcoming(scene)]

    def _job_url(self, request: HttpRequest, job_id: int) -> str:
        return self.link(request, "job", "change", job_id)

    def _links(self, request: HttpRequest) -> dict[str, str]:
        """Return where the tiles lead; "" where the user may not go."""
        states = ("waiting", "running", "scheduled", "retrying", "failed")
        return {
            **{state: self.link(request, "job", state=state) for state in states},
            "queues": self.link(request, "queue"),
            "workers": self.link(request, "worker"),
        }
