"""Jobs."""

from __future__ import annotations

from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from jobqueue.admin.acts import choices
from jobqueue.admin.page import Page, Route
from jobqueue.admin.pages.acts import ActPages
from jobqueue.admin.pages.adding import AddPage
from jobqueue.admin.pages.editing import EditPage
from jobqueue.admin.pages.many import ManyPage
from jobqueue.admin.rights import may_act

NEWEST = 50


class JobPages(Page):
    """The newest jobs, and the acts on them."""

    right = "view_job"

    def routes(self) -> Iterator[Route]:
        """Yield the addresses."""
        yield Route("", "changelist", self.list_jobs, "view_job")
        for pages in (ActPages, ManyPage, EditPage, AddPage):
            yield from pages(self).routes()

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whether the user may store jobs."""
        return may_act(request, "add_job")

    def list_jobs(self, request: HttpRequest) -> HttpResponse:
        """Show the newest jobs."""
        context = {
            "jobs": self.scene.jobs.order_by("-pk").defer("handler", "stored_result", "last_error")[:NEWEST],
            "acts": list(choices(request)),
            "act_url": self.url("act"),
        }
        return self.show(request, "jobqueue/admin/jobs.html", context, title=_("Jobs"))
