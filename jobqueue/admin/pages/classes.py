"""Job classes: what each has done within a range of time, how long it took, and what the code says of it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from jobqueue.admin.page import Crumb, Page, Route, looked
from jobqueue.admin.pages.dashboard import RANGE_LABELS, range_of
from jobqueue.admin.pages.history import HistoryPage
from jobqueue.admin.pages.pausing import CLASSES, PausePages, named
from jobqueue.admin.rights import may_act, may_see
from jobqueue.insight.classes import class_figures, classes, days, is_known, outstanding
from jobqueue.insight.declared import declaration_of


class ClassPages(Page):
    """The list of classes, and each of them."""

    right = "view_dashboard"

    def routes(self) -> Iterator[Route]:
        """Yield the addresses."""
        yield Route("", "changelist", self.list_classes, "view_dashboard")
        yield from HistoryPage(self).routes()
        yield Route("<str:name>/", "detail", self.show_class, "view_dashboard")
        yield from PausePages(self, CLASSES).routes()

    def list_classes(self, request: HttpRequest) -> HttpResponse:
        """Show all classes of which anything is known."""
        scene, chosen = self.scene, range_of(request)
        return self.show(
            request,
            "jobqueue/admin/classes.html",
            {
                "classes": looked(scene, lambda: classes(scene, chosen)),
                "range": chosen.name,
                "ranges": RANGE_LABELS,
                "history_url": self.url("history"),
            },
            title=_("Job classes"),
            parts={"classes": "jobqueue/admin/parts/classes.html"},
        )

    def show_class(self, request: HttpRequest, name: str) -> HttpResponse:
        """Show one class."""
        scene, chosen, name = self.scene, range_of(request), named(name)
        if looked(scene, lambda: is_known(scene, name))() is False:
            raise Http404(_("Nothing is known of this class."))
        with_payload = may_see(request, "view_job_payload")
        return self.show(
            request,
            "jobqueue/admin/class.html",
            {
                "name": name,
                "figures": looked(scene, lambda: class_figures(scene, name, chosen)),
                "days": looked(scene, lambda: days(scene, name)),
                "outstanding": looked(scene, lambda: outstanding(scene, name, with_payload=with_payload)),
                "declaration": declaration_of(name),
                "pause": looked(scene, lambda: scene.class_pauses.get(name)),
                "jobs_url": self.url("changelist", model="job") if may_see(request, "view_job") else "",
                "history_url": f"{self.url('history')}?{urlencode({'of': name})}",
                "may_pause": may_act(request, "pause_queue"),
                "range": chosen.name,
                "ranges": RANGE_LABELS,
            },
            title=name,
            crumbs=(Crumb(name),),
            parts={"class": "jobqueue/admin/parts/class.html"},
        )
