"""The acts on jobs that people may do in the dashboard: their rights, addresses and words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext_lazy, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from jobqueue.admin.looks import LOOKS
from jobqueue.admin.rights import may_act, may_see
from jobqueue.handlers.edited import is_editable
from jobqueue.models import Job
from jobqueue.states import State
from jobqueue.stores.acts import GONE, LOCKED, TAKEN, Act
from jobqueue.stores.edits import EDITABLE

if TYPE_CHECKING:
    from jobqueue.admin.page import Page

#: What the log says that a job is then.
AFTER = {
    Act.RETRY: "ready",
    Act.RUN_NOW: "ready",
    Act.POSTPONE: "waits for its new time",
    Act.CANCEL: "cancelled",
    Act.DELETE: "deleted",
}


class ActLook(NamedTuple):
    """One act.

    Attributes:
        act: what it does.
        page: the name of its address.
        path: the last part of that.
        right: that it takes.
        verb: on a button.
        one: the question about one job.
        did: what is said then.
        many: the question about several, and its button.
        done: what is said then.
        means: what will happen.
        is_danger: whether nothing brings back what it does.
    """

    act: Act
    page: str
    path: str
    right: str
    verb: str | Promise
    one: str | Promise
    did: str | Promise
    many: Any
    done: Any
    means: str | Promise
    is_danger: bool = False

    def log(self, before: str, run_at: datetime | None = None) -> str:
        """Return what the log says of an act: from which state to which, and for when."""
        due = f", due {run_at.isoformat(timespec='seconds')}" if run_at else ""
        return f"{self.path}: {before} \N{RIGHTWARDS ARROW} {AFTER[self.act]}{due}"

    @property
    def takes(self) -> str:
        """Which jobs it is for."""
        words = [str(label_of(state.label)) for state in TAKEN[self.act]]
        *most, last = words
        states = gettext("%(most)s or %(last)s") % {"most": ", ".join(most), "last": last} if most else last
        return gettext("This is possible for jobs that are %(states)s.") % {"states": states}


ACTS: dict[Act, ActLook] = {
    look.act: look
    for look in (
        ActLook(
            Act.RETRY,
            "retry",
            "retry",
            "retry_job",
            pgettext_lazy("act on a job", "Retry"),
            _("Retry this job?"),
            _("Job #%(id)s was retried."),
            ngettext_lazy("Retry %(told)s job", "Retry %(told)s jobs", "count"),
            ngettext_lazy("Retried %(told)s job.", "Retried %(told)s jobs.", "count"),
            _("Tried again as soon as a worker is free, all attempts uncounted."),
        ),
        ActLook(
            Act.RUN_NOW,
            "run_now",
            "run-now",
            "retry_job",
            pgettext_lazy("act on a job", "Run now"),
            _("Run this job now?"),
            _("Job #%(id)s was made ready."),
            ngettext_lazy("Run %(told)s job now", "Run %(told)s jobs now", "count"),
            ngettext_lazy("Made %(told)s job ready.", "Made %(told)s jobs ready.", "count"),
            _("Performed as soon as a worker is free, whatever the time."),
        ),
        ActLook(
            Act.POSTPONE,
            "postpone",
            "postpone",
            "retry_job",
            pgettext_lazy("act on a job", "Postpone"),
            _("Postpone this job?"),
            _("Job #%(id)s was postponed."),
            ngettext_lazy("Postpone %(told)s job", "Postpone %(told)s jobs", "count"),
            ngettext_lazy("Postponed %(told)s job.", "Postponed %(told)s jobs.", "count"),
            _("Performed at another time, a later or an earlier one."),
        ),
        ActLook(
            Act.CANCEL,
            "cancel",
            "cancel",
            "cancel_job",
            pgettext_lazy("act on a job", "Cancel"),
            _("Cancel this job?"),
            _("Job #%(id)s was cancelled."),
            ngettext_lazy("Cancel %(told)s job", "Cancel %(told)s jobs", "count"),
            ngettext_lazy("Cancelled %(told)s job.", "Cancelled %(told)s jobs.", "count"),
            _("What waits is called off. What runs is told to end, and does so within seconds."),
            is_danger=True,
        ),
        ActLook(
            Act.DELETE,
            "delete",
            "delete",
            "delete_job",
            pgettext_lazy("act on a job", "Delete"),
            _("Delete this job?"),
            _("Job #%(id)s was deleted."),
            ngettext_lazy("Delete %(told)s job", "Delete %(told)s jobs", "count"),
            ngettext_lazy("Deleted %(told)s job.", "Deleted %(told)s jobs.", "count"),
            _("Rows are deleted with their attempts, results and logs. This cannot be undone."),
            is_danger=True,
        ),
    )
}


def label_of(word: str) -> str | Promise:
    """Return how people call a state, or another reason why a job was left alone."""
    if word == State.READY.label:
        return LOOKS["waiting"].label
    other: Mapping[str, str | Promise] = {LOCKED: _("locked by somebody"), GONE: _("no longer there")}
    return LOOKS[word].label if word in LOOKS else other.get(word, word)


class ActLink(NamedTuple):
    """An act as a page offers it: its name, its label, and the address that asks whether it is meant."""

    act: str
    label: str | Promise
    url: str = ""
    is_danger: bool = False


def acts_on(page: Page, request: HttpRequest, pk: int, job: Job | None) -> Iterator[ActLink]:
    """Yield what the user may do to a job, as its state is now.

    Args:
        page: any page of the dashboard.
        request: of whom.
        pk: the job's id.
        job: its row; None if that cannot be read, and so only deleted.
    """
    if job is None:
        if may_act(request, ACTS[Act.DELETE].right) and may_see(request, "view_job"):
            url = f"{page.url('act', model='job')}?act={Act.DELETE}&ids={pk}"
            yield ActLink(Act.DELETE, ACTS[Act.DELETE].verb, url, is_danger=True)
        return
    fitting = [look for look in ACTS.values() if job.state in TAKEN[look.act] and may_act(request, look.right)]
    acts = [
        ActLink(each.page, each.verb, page.url(each.page, pk, model="job"), each.is_danger) for each in fitting
    ]
    yield from (act for act in acts if not act.is_danger)
    if may_edit(request) and job.state in EDITABLE and is_editable(job):
        yield ActLink("edit", pgettext_lazy("act on a job", "Edit"), page.url("edit", pk, model="job"))
    yield from (act for act in acts if act.is_danger)


def many_acts(request: HttpRequest) -> list[ActLink]:
    """Return the acts on many that the user may do, as the list of jobs offers them."""
    return [ActLink(look.act, look.verb) for look in ACTS.values() if may_act(request, look.right)]


def may_edit(request: HttpRequest) -> bool:
    """Whether the user may edit jobs: the form shows their arguments."""
    return may_act(request, "change_job") and may_act(request, "view_job_payload")
