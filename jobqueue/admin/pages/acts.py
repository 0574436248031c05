"""Acts on one job: a page asks, a POST acts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from jobqueue.acting import act_on
from jobqueue.admin.acts import ACTS, ActLook, label_of
from jobqueue.admin.logbook import log_act, together
from jobqueue.admin.page import Crumb, Route
from jobqueue.exceptions import JobQueueError
from jobqueue.insight.reading import read_row
from jobqueue.models import Job
from jobqueue.search.fields import LARGEST_ID
from jobqueue.search.moments import moment_of
from jobqueue.sentences import translated
from jobqueue.states import State
from jobqueue.stores.acts import GONE, TAKEN, Act, Acted

if TYPE_CHECKING:
    from jobqueue.admin.page import Page


class Desk:
    """What the pages of acts share: a job looked up, the way back, words to the user.

    Args:
        page: of the jobs.
    """

    def __init__(self, page: Page) -> None:
        self.page = page

    def find(self, request: HttpRequest, job_id: int) -> Job | HttpResponse:
        """Return a job; if it is not there, or not readable, say so and lead to the list."""
        found = read_row(self.page.scene.jobs, job_id) if job_id <= LARGEST_ID else None
        if isinstance(found, Job):
            return found
        words = _("Job #%(id)s is no longer there: it was deleted, or has never been.") % {"id": job_id}
        if found is not None:
            words = _("The row of job #%(id)s cannot be read: %(reason)s. It can be deleted from the list.")
            words %= {"id": job_id, "reason": found.reason}
        self.say(request, words, messages.WARNING)
        return self.back_to(request)

    def back_to(self, request: HttpRequest, job_id: int | None = None) -> HttpResponseRedirect:
        """Lead to the page of a job, or to the list; to the admin's own if the user may see neither."""
        return HttpResponseRedirect(self.url_of(request, job_id))

    def url_of(self, request: HttpRequest, job_id: int | None = None) -> str:
        """Return the address of a job's page, or that of the list; the admin's own if the user may see neither."""
        return self.page.way_back(request, *(("changelist",) if job_id is None else ("change", job_id)))

    def by(self, request: HttpRequest) -> str:
        """Return who wants something, as errors and pauses name them."""
        return request.user.get_username()

    def say(self, request: HttpRequest, words: str | SafeString, level: int = messages.SUCCESS) -> None:
        """Tell the user something, on the next page."""
        messages.add_message(request, level, words)

    def crumbs(self, request: HttpRequest, job: Job, title: str) -> tuple[Crumb, ...]:
        """Return the way to a page about a job."""
        return Crumb(str(job), self.url_of(request, job.pk)), Crumb(title)


class ActPages:
    """One page for each act.

    Args:
        page: of the jobs, to which it belongs.
    """

    def __init__(self, page: Page) -> None:
        self.desk = Desk(page)

    def routes(self) -> Iterator[Route]:
        """Yield the addresses."""
        for look in ACTS.values():
            view = partial(self.ask_or_act, look=look)
            yield Route(f"<int:job_id>/{look.path}/", look.page, view, look.right, acts=True)

    def ask_or_act(self, request: HttpRequest, job_id: int, look: ActLook) -> HttpResponse:
        """Ask whether it is really meant; act if it is."""
        job = self.desk.find(request, job_id)
        if isinstance(job, HttpResponse):
            return job
        if request.method != "POST":
            return self._ask(request, job, look)
        given: dict[str, Any] = {}
        if look.act is Act.POSTPONE:
            try:
                given["run_at"] = moment_of(request.POST.get("run_at", "").strip(), self.desk.page.scene.now)
            except ValueError as error:
                return self._ask(request, job, look, translated(error))
        try:
            with together(self.desk.page.scene.alias):
                acted = act_on([job_id], look.act, by=self.desk.by(request), **given)
                self._log(request, job, look, acted, given.get("run_at"))
        except JobQueueError as error:
            return self._ask(request, job, look, translated(error))
        except DatabaseError as error:
            self.desk.say(request, _("Nothing was done: %(error)s") % {"error": error}, messages.ERROR)
            return self.desk.back_to(request, job_id)
        self._tell(request, job, look, acted)
        return self.desk.back_to(request, None if look.act is Act.DELETE and acted.done else job_id)

    def _ask(self, request: HttpRequest, job: Job, look: ActLook, error: str = "") -> HttpResponse:
        context = {
            "job": job,
            "look": look,
            "is_possible": job.state in TAKEN[look.act],
            "is_postponing": look.act is Act.POSTPONE,
            "typed": request.POST.get("run_at", ""),
            "error": error,
            "back": self.desk.url_of(request, job.pk),
        }
        crumbs = self.desk.crumbs(request, job, str(look.verb))
        return self.desk.page.show(request, "jobqueue/admin/act.html", context, title=str(look.one), crumbs=crumbs)

    def _log(self, request: HttpRequest, job: Job, look: ActLook, acted: Acted, run_at: Any) -> None:
        before = State(job.state).label
        if acted.done:
            log_act(request, [job], look.act, look.log(before, run_at))
        elif acted.ending:
            log_act(request, [job], look.act, f"{look.path}: {before}, told to end")

    def _tell(self, request: HttpRequest, job: Job, look: ActLook, acted: Acted) -> None:
        names: dict[str, Any] = {"id": job.pk}
        if acted.done:
            self.desk.say(request, look.did % names)
        elif acted.ending:
            self.desk.say(request, _("Job #%(id)s is running. It was told to end, and does so soon.") % names)
        else:
            why = label_of(acted.skipped.get(job.pk, GONE))
            words = _("Nothing was done to job #%(id)s, which is in another state by now: %(why)s. %(takes)s")
            self.desk.say(request, words % {**names, "why": why, "takes": look.takes}, messages.WARNING)
