"""Pages that pause and resume: a queue, or a class."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from django.contrib.admin.utils import quote, unquote
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from jobqueue import pausing
from jobqueue.admin.asking import Question, ask_or_act
from jobqueue.admin.page import Crumb, Route
from jobqueue.models import JobClass, Queue

if TYPE_CHECKING:
    from jobqueue.admin.page import Page


class Words(NamedTuple):
    """What is asked and said; "%(name)s" is what rests, or goes on."""

    ask: str | Promise
    means: str | Promise
    button: str | Promise
    done: str | Promise
    idle: str | Promise = ""


class Resting(NamedTuple):
    """What can rest.

    Attributes:
        model: that has its pages.
        pause, resume: do it.
        pausing, resuming: the words.
        page: where one goes then; "detail" is that of the thing itself.
    """

    model: type[Model]
    pause: Callable[[str, str, str], None]
    resume: Callable[[str, str], bool]
    pausing: Words
    resuming: Words
    page: str


QUEUES = Resting(
    Queue,
    pausing.pause,
    pausing.resume,
    Words(
        gettext_lazy("Pause queue %(name)s?"),
        gettext_lazy("No worker takes its jobs until it is resumed. Those that run go on."),
        gettext_lazy("Pause queue"),
        gettext_lazy("Queue %(name)s is paused."),
    ),
    Words(
        gettext_lazy("Resume queue %(name)s?"),
        gettext_lazy("Workers take its jobs again, at once."),
        gettext_lazy("Resume queue"),
        gettext_lazy("Queue %(name)s goes on."),
        gettext_lazy("Queue %(name)s was not paused."),
    ),
    "changelist",
)
CLASSES = Resting(
    JobClass,
    pausing.pause_class,
    pausing.resume_class,
    Words(
        gettext_lazy("Pause class %(name)s?"),
        gettext_lazy(
            "No worker takes its jobs, in whatever queue they wait, until it is resumed. Those that run go on."
        ),
        gettext_lazy("Pause class"),
        gettext_lazy("Class %(name)s is paused."),
    ),
    Words(
        gettext_lazy("Resume class %(name)s?"),
        gettext_lazy("Workers take its jobs again, at once."),
        gettext_lazy("Resume class"),
        gettext_lazy("Class %(name)s goes on."),
        gettext_lazy("Class %(name)s was not paused."),
    ),
    "detail",
)


class PausePages:
    """The two pages of what can rest.

    Args:
        page: to which they belong.
        kind: of what rests.
    """

    def __init__(self, page: Page, kind: Resting) -> None:
        self.page = page
        self.kind = kind

    def routes(self) -> Iterator[Route]:
        """Yield the addresses."""
        yield Route("<str:name>/pause/", "pause", partial(self.ask, self.pausing), "pause_queue", acts=True)
        yield Route("<str:name>/resume/", "resume", partial(self.ask, self.resuming), "pause_queue", acts=True)

    def ask(self, of: Callable[[HttpRequest, str], Question], request: HttpRequest, name: str) -> HttpResponse:
        """Ask, or act."""
        return ask_or_act(self.page, request, of(request, named(name)))

    def pausing(self, request: HttpRequest, name: str) -> Question:
        """Return the question whether something is to rest."""

        def act(reason: str) -> str:
            self.kind.pause(name, reason, request.user.get_username())
            return f"paused: {reason}" if reason else "paused"

        return self._question(request, name, self.kind.pausing, act, asks_why=True)

    def resuming(self, request: HttpRequest, name: str) -> Question:
        """Return the question whether something is to go on."""

        def act(_reason: str) -> str | None:
            return "resumed" if self.kind.resume(name, request.user.get_username()) else None

        return self._question(request, name, self.kind.resuming, act)

    def _question(
        self,
        request: HttpRequest,
        name: str,
        words: Words,
        act: Callable[[str], str | None],
        *,
        asks_why: bool = False,
    ) -> Question:
        back, told = self._back(request, name), {"name": name}
        way = (Crumb(name, back),) if self.kind.page == "detail" else ()
        return Question(
            title=str(words.ask) % told,
            means=(str(words.means),),
            button=str(words.button),
            act=act,
            done=str(words.done) % told,
            idle=str(words.idle) % told,
            model=self.kind.model,
            name=name,
            back=back,
            crumbs=(*way, Crumb(str(words.button))),
            asks_why=asks_why,
            is_danger=asks_why,
        )

    def _back(self, request: HttpRequest, name: str) -> str:
        return self.page.way_back(request, self.kind.page, *([quote(name)] if self.kind.page == "detail" else []))


def named(text: str) -> str:
    """Return the name in the path of an address.

    Raises:
        Http404: if it can be none that is stored.
    """
    return storable(unquote(text))


def storable(name: str) -> str:
    """Return a name as it is.

    Raises:
        Http404: if it can be none that is stored.
    """
    if "\0" in name:
        raise Http404(_("No stored name is like this one."))
    return name
