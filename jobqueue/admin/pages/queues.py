"""Queues: what waits in them, who works on them, which rest."""

from __future__ import annotations

from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from jobqueue.admin.page import Page, Route, looked
from jobqueue.insight.figures import figures


class QueuePages(Page):
    """The list of queues."""

    right = "view_queue"

    def routes(self) -> Iterator[Route]:
        """Yield the addresses."""
        yield Route("", "changelist", self.list_queues, "view_queue")

    def list_queues(self, request: HttpRequest) -> HttpResponse:
        """Show all queues of which anything is known."""
        scene = self.scene
        return self.show(
            request,
            "jobqueue/admin/queues.html",
            {"figures": looked(scene, lambda: figures(scene))},
            title=_("Queues"),
            parts={"queues": "jobqueue/admin/parts/queues.html"},
        )
