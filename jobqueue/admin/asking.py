"""Pages that ask before something is done to a queue, a class or a worker, and note it in the admin's log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib import messages
from django.db import DatabaseError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from jobqueue.admin.logbook import log_change_of, together
from jobqueue.admin.page import Crumb
from jobqueue.exceptions import JobQueueError
from jobqueue.pausing import LONGEST_REASON

if TYPE_CHECKING:
    from jobqueue.admin.page import Page


@dataclass(frozen=True)
class Question:
    """What is asked, and done if the answer is yes.

    Attributes:
        title: the question.
        means: what will happen, sentence by sentence.
        button: the answer.
        act: does it, told the reason, and returns how the log tells it; None if there was nothing to do.
        done, idle: what is said then.
        model: of what; a model that has pages here.
        name: of what, as addresses and the log have it.
        back: where to go then.
        crumbs: the way to the page.
        shown: what people call it, if that is something else.
        asks_why: whether a reason may be given.
        is_danger: whether it stops something.
    """

    title: str
    means: tuple[str, ...]
    button: str
    act: Callable[[str], str | None]
    done: str
    idle: str
    model: type[Model]
    name: str
    back: str
    crumbs: tuple[Crumb, ...]
    shown: str = ""
    asks_why: bool = False
    is_danger: bool = False


def ask_or_act(page: Page, request: HttpRequest, question: Question) -> HttpResponse:
    """Ask; or, by POST, do it, note it, and lead back."""
    if request.method != "POST":
        return _ask(page, request, question)
    reason = request.POST.get("reason", "").strip() if question.asks_why else ""
    try:
        with together(page.scene.alias):
            words = question.act(reason)
            if words is not None:
                log_change_of(request, question.model, question.name, words, question.shown)
    except JobQueueError as error:
        return _ask(page, request, question, str(error), reason)
    except DatabaseError as error:
        messages.error(request, _("Nothing was done: %(error)s") % {"error": error})
    else:
        messages.add_message(
            request,
            messages.WARNING if words is None else messages.SUCCESS,
            question.idle if words is None else question.done,
        )
    return HttpResponseRedirect(question.back)


def _ask(page: Page, request: HttpRequest, question: Question, error: str = "", reason: str = "") -> HttpResponse:
    context = {"question": question, "error": error, "reason": reason, "longest": LONGEST_REASON}
    return page.show(request, "jobqueue/admin/ask.html", context, title=question.title, crumbs=question.crumbs)
