"""Queues: what waits in them, what comes and goes, who works on them, which rest."""

from __future__ import annotations

from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from jobqueue.admin.page import Page, Route, looked
from jobqueue.admin.pages.history import HistoryPage
from jobqueue.admin.pages.pausing import QUEUES, PausePages
from jobqueue.admin.rights import may_act, may_see
from jobqueue.insight.queues import queues


class QueuePages(Page):
    """The list of queues, and what can be done to each."""

    right = "view_queue"

    def routes(self) -> Iterator[Route]:
        """Yield the addresses."""
        yield Route("", "changelist", self.list_queues, "view_queue")
        yield from HistoryPage(self).routes()
        yield from PausePages(self, QUEUES).routes()

    def list_queues(self, request: HttpRequest) -> HttpResponse:
        """Show all queues of which anything is known."""
        scene = self.scene
        return self.show(
            request,
            "jobqueue/admin/queues.html",
            {
                "queues": looked(scene, lambda: queues(scene)),
                "may_pause": may_act(request, "pause_queue"),
                "jobs_url": self.url("changelist", model="job") if may_see(request, "view_job") else "",
                "history_url": self.url("history"),
            },
            title=_("Queues"),
            parts={"queues": "jobqueue/admin/parts/queues.html"},
        )
