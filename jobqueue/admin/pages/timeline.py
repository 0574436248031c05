"""The timeline: what each worker did within the last minutes, drawn by the server."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from jobqueue.admin.charts.gantt import ENDS, Gantt, gantt
from jobqueue.admin.page import Crumb, looked
from jobqueue.admin.rights import may_see
from jobqueue.insight.scene import Scene
from jobqueue.insight.timeline import NEWEST, Story, Stretch, story

if TYPE_CHECKING:
    from jobqueue.admin.page import Page

#: How many minutes can be looked at, and usually are.
MINUTES = (5, 15, 60)
USUAL = 15
#: Rows of the table.
ROWS = 200


class Row(NamedTuple):
    """An attempt in the table."""

    stretch: Stretch
    end: str


class Timeline(NamedTuple):
    """What the page shows."""

    drawing: Gantt
    rows: list[Row]
    more: int
    story: Story


def show_timeline(page: Page, request: HttpRequest) -> HttpResponse:
    """Show what workers did."""
    scene, minutes = page.scene, minutes_in(request)
    ranges = {
        each: ngettext("%(number)s minute", "%(number)s minutes", each) % {"number": each} for each in MINUTES
    }
    context: dict[str, Any] = {
        "timeline": looked(scene, lambda: _timeline(scene, minutes, _urls(page, request))),
        "minutes": minutes,
        "ranges": ranges,
        "newest": NEWEST,
        "keeps_succeeded": scene.settings.keep_succeeded != 0,
    }
    return page.show(
        request,
        "jobqueue/admin/timeline.html",
        context,
        title=_("Timeline"),
        crumbs=(Crumb(_("Timeline")),),
        parts={"timeline": "jobqueue/admin/parts/timeline.html"},
    )


def minutes_in(request: HttpRequest) -> int:
    """Return how many minutes are asked for; the usual number instead of any that there is not."""
    return {str(each): each for each in MINUTES}.get(request.GET.get("minutes", ""), USUAL)


def _timeline(scene: Scene, minutes: int, url_of: Callable[[int], str]) -> Timeline:
    found = story(scene, minutes)
    newest = sorted(found.stretches, key=lambda each: each.ended, reverse=True)
    rows = [Row(each, str(ENDS[each.end])) for each in newest[:ROWS]]
    return Timeline(gantt(found, minutes, url_of), rows, max(len(newest) - ROWS, 0), found)


def _urls(page: Page, request: HttpRequest) -> Callable[[int], str]:
    """Return what tells the address of a job; "" for those who may not see it."""
    if not may_see(request, "view_job"):
        return lambda _job_id: ""
    # There may be hundreds, which differ in nothing but the id.
    before, _zero, after = page.url("change", 0, model="job").rpartition("0")
    return lambda job_id: f"{before}{job_id}{after}"
