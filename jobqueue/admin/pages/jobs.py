"""Jobs: lists of them by state and search, and all that is known of one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin.utils import quote
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.utils.translation import gettext as _

from jobqueue.admin import exporting, joblists, onejob
from jobqueue.admin.acts import acts_on, many_acts
from jobqueue.admin.joblists import Asked
from jobqueue.admin.page import Crumb, Page, Route, looked
from jobqueue.admin.pages.acts import ActPages
from jobqueue.admin.pages.adding import AddPage
from jobqueue.admin.pages.editing import EditPage
from jobqueue.admin.pages.many import EXPORT, ManyPage, Unfit, ids_in
from jobqueue.admin.rights import may_act, may_see
from jobqueue.insight.classes import is_known
from jobqueue.insight.joblist import Listing, counts, listing
from jobqueue.insight.reading import Unreadable, read_row
from jobqueue.insight.scene import Scene
from jobqueue.logs import harmless
from jobqueue.models import ClassPause, Job, Pause
from jobqueue.search import Search, SearchError
from jobqueue.search.editing import with_term
from jobqueue.sentences import translated
from jobqueue.states import State

PAYLOAD = "view_job_payload"


class JobPages(Page):
    """The list of jobs, the page of each, and their export."""

    right = "view_job"
    object_history_template = "jobqueue/admin/history.html"

    def routes(self) -> Iterator[Route]:
        """Yield the addresses."""
        yield Route("", "changelist", self.list_jobs, "view_job")
        yield Route("export/", "export", self.export, "export_job", also=self.right)
        for pages in (ActPages, ManyPage, EditPage, AddPage):
            yield from pages(self).routes()
        yield Route("<int:pk>/", "object", self.lead_to_job, "view_job")
        yield Route("<int:pk>/change/", "change", self.show_job, "view_job")
        yield Route("<int:pk>/history/", "history", self.show_history, "view_job")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whether the user may store jobs by the form."""
        return may_act(request, "add_job")

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Job | None:
        """Return a job by its id, for Django's history; of a row that cannot be read, the id alone."""
        found = read_row(self.scene.jobs.only("pk", "name"), int(object_id))
        return Job(pk=found.pk, name="") if isinstance(found, Unreadable) else found

    # The list

    def list_jobs(self, request: HttpRequest) -> HttpResponse:
        """Show the jobs of a tab, and of a search."""
        scene, asked = self.scene, Asked.by(request.GET)
        with_payload = may_see(request, PAYLOAD)
        search, mistake = _understood(asked, scene, with_payload=with_payload)
        count = looked(scene, lambda: counts(scene))
        read = looked(scene, lambda: listing(scene, asked.wanted(search, with_payload=with_payload)))
        known = looked(scene, lambda: joblists.names(scene))
        return self.show(
            request,
            "jobqueue/admin/jobs.html",
            {
                "asked": asked,
                "mistake": mistake,
                "tabs": lambda: joblists.tab_links(asked, count()),
                "listing": lambda: (
                    None if mistake else self._shown(read(), scene, asked, with_payload=with_payload)
                ),
                "known": known,
                "filters": lambda: (found := known()) and joblists.filters(asked, found),
                "sizes": [(size, asked.address(size=size), size == asked.size) for size in joblists.SIZES],
                "keeps_nothing": scene.settings.keep_succeeded == 0
                and asked.tab.key in {"succeeded", "cancelled"},
                "keeps_no_failure": scene.settings.destroy_failed_jobs and asked.tab.key == "failed",
                "export_url": self._export_url(request, asked),
                "acts": many_acts(request),
                "export": EXPORT if may_act(request, "export_job") else "",
                "add_url": self.url("add") if may_act(request, "add_job") else "",
                "act_url": self.url("act"),
            },
            title=_("Jobs"),
            parts={"tabs": "jobqueue/admin/parts/job_tabs.html", "rows": "jobqueue/admin/parts/jobs.html"},
        )

    def _shown(
        self, found: Listing | None, scene: Scene, asked: Asked, *, with_payload: bool
    ) -> dict[str, Any] | None:
        if found is None:
            return None
        most = scene.settings.max_attempts
        return {
            "rows": joblists.rows_of(found.jobs, scene.now, most, with_payload=with_payload),
            "now": scene.now,
            "found": found,
            "older": found.older and asked.address(before=found.older),
            "newer": found.newer and asked.address(after=found.newer),
            "newest": asked.address(),
        }

    def _export_url(self, request: HttpRequest, asked: Asked) -> str:
        return self.url("export") + asked.address(size="") if may_see(request, "export_job") else ""

    # One job

    def lead_to_job(self, request: HttpRequest, pk: int) -> HttpResponseRedirect:
        """Lead to its page, as Django's admin does."""
        return HttpResponseRedirect(self.url("change", pk))

    def show_job(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show all that is known of a job."""
        scene = self.scene
        with_payload = may_see(request, PAYLOAD)
        found = looked(scene, lambda: onejob.read(scene, pk, with_payload=with_payload, whole=_whole(request)))()
        if found is None:
            return self._without(request, "jobqueue/admin/job_slow.html", pk, status=200)
        if isinstance(found, onejob.Gone):
            return self._without(request, "jobqueue/admin/job_gone.html", pk, status=404, reason=found.reason)
        return self.show(
            request,
            "jobqueue/admin/job.html",
            {
                "found": found,
                "with_payload": with_payload,
                "acts": list(acts_on(self, request, pk, found.job)),
                "history_url": self.url("history", pk),
                "failure_url": found.fingerprint and self.link(request, "failure", "detail", found.fingerprint),
                "list_url": self.url("changelist"),
                "has_class_page": looked(scene, lambda: found.job is not None and is_known(scene, found.job.name)),
                "queue_url": _in_queue(found.job),
                "worker_url": self._worker_url(request, found.job),
                "resume_url": self._resume_url(request, found.pause),
            },
            title=f"#{pk} {found.short}",
            crumbs=(Crumb(f"#{pk} {found.short}"),),
            parts={"state": "jobqueue/admin/parts/job_state.html"},
        )

    def _worker_url(self, request: HttpRequest, job: Job | None) -> str:
        """Return the address of the pool that performs a job; "" where none does, or none is to be seen."""
        is_held = job is not None and job.state == State.RUNNING and job.pool_id
        return self.link(request, "worker", "detail", job.pool_id) if job and is_held else ""

    def _resume_url(self, request: HttpRequest, pause: Pause | ClassPause | None) -> str:
        """Return the address that lets go on what rests; "" where nothing does, or this user may not."""
        if pause is None or not may_act(request, "pause_queue"):
            return ""
        model = "queue" if isinstance(pause, Pause) else "jobclass"
        return self.link(request, model, "resume", quote(str(pause)))

    def _without(
        self, request: HttpRequest, template: str, pk: int, *, status: int, reason: str = ""
    ) -> HttpResponse:
        title = f"#{pk}"
        response = self.show(request, template, {"reason": reason}, title=title, crumbs=(Crumb(title),))
        response.status_code = status
        return response

    def show_history(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show what people have done to a job: Django's own view, in the frame of these pages."""
        crumbs = (Crumb(f"#{pk}", self.url("change", pk)), Crumb(_("History")))
        return self.history_view(request, str(pk), self.frame(request, _("History of #%d") % pk, crumbs))

    # Export

    def export(self, request: HttpRequest) -> HttpResponseBase:
        """Let people choose columns and a format; send the file if they have."""
        scene, asked = self.scene, Asked.by(request.GET)
        with_payload = may_see(request, PAYLOAD)
        list_url = self.url("changelist") + asked.address()
        try:
            ids = ids_in(request.GET)
        except Unfit as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(list_url)
        search, mistake = _understood(asked, scene, with_payload=with_payload)
        if ids:
            asked, search, mistake = asked.whole(), Search.of_ids(ids), {}
        columns = exporting.columns_for(with_payload=with_payload)
        chosen = exporting.chosen(request.GET, columns)
        if chosen is not None and not mistake:
            return exporting.file_of(scene, asked, search, chosen)
        return self.show(
            request,
            "jobqueue/admin/export.html",
            {
                "asked": asked,
                "mistake": mistake,
                "columns": columns,
                "formats": exporting.FORMATS,
                "is_refused": "format" in request.GET and not mistake,
                "with_payload": with_payload,
                "is_complete": looked(scene, lambda: exporting.is_complete(scene, asked, search)),
                "ids": ids,
                "list_url": list_url,
            },
            title=_("Export"),
            crumbs=(Crumb(_("Export")),),
        )


def _understood(asked: Asked, scene: Scene, *, with_payload: bool) -> tuple[Search | None, dict[str, str]]:
    """Return the search; or what is wrong with it, and where."""
    try:
        return asked.search(scene.now, with_payload=with_payload), {}
    except SearchError as error:
        at = error.position - 1
        return None, {
            "message": translated(error),
            "before": harmless(asked.text[:at][-200:]),
            "behind": harmless(asked.text[at:][:200]),
        }


def _whole(request: HttpRequest) -> str:
    return request.GET.get("all", "")[:20]


def _in_queue(job: Job | None) -> str:
    """Return the query of the list of jobs in the same queue."""
    return "" if job is None else f"?{urlencode({'q': with_term('', 'queue', str(job.queue))})}"
