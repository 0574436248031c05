"""What people did to queues, to classes or to workers: who, when, to which, and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from jobqueue.admin.logbook import entries_about
from jobqueue.admin.page import Crumb, Route
from jobqueue.admin.pages.pausing import named, storable

if TYPE_CHECKING:
    from jobqueue.admin.page import Page

#: Acts that are shown, the newest ones.
MOST = 200


class HistoryPage:
    """The page of acts on what has no row: a pool that was stopped is in it, too.

    Args:
        page: to which it belongs.
    """

    def __init__(self, page: Page) -> None:
        self.page = page

    def routes(self) -> Iterator[Route]:
        """Yield the address; ``?of=NAME`` is about one of them. The other is where Django's log leads to."""
        yield Route("history/", "history", self.show, self.page.right)
        yield Route("<str:name>/change/", "change", self.lead, self.page.right)

    def lead(self, request: HttpRequest, name: str) -> HttpResponseRedirect:
        """Lead to the acts on one of them."""
        return HttpResponseRedirect(f"{self.page.url('history')}?{urlencode({'of': named(name)})}")

    def show(self, request: HttpRequest) -> HttpResponse:
        """Show the newest acts."""
        about = storable(request.GET.get("of", ""))
        found = list(entries_about(self.page.model, about)[: MOST + 1])
        title = _("History")
        if about:
            title = _("History of %(name)s") % {"name": found[0].object_repr if found else about}
        return self.page.show(
            request,
            "jobqueue/admin/history_of_all.html",
            {"entries": found[:MOST], "is_cut": len(found) > MOST, "most": MOST, "names_each": not about},
            title=title,
            crumbs=(Crumb(title),),
        )
