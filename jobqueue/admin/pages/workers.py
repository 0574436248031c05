"""Workers: which live, what each performs, what is wrong with it; and wishes to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from jobqueue import controlling
from jobqueue.admin.asking import Question, ask_or_act
from jobqueue.admin.page import Crumb, Page, Route, looked
from jobqueue.admin.pages.history import HistoryPage
from jobqueue.admin.pages.timeline import show_timeline
from jobqueue.admin.rights import may_act
from jobqueue.insight.workers import worker, workers
from jobqueue.models import Pool, Worker
from jobqueue.search.fields import LARGEST_ID


class Wish(NamedTuple):
    """What a pool can be asked to do.

    Attributes:
        page: the name of its address.
        path: the last part of that.
        wish: says it.
        ask, means, button, done: what is asked and said; "%(pool)s" is the pool.
    """

    page: str
    path: str
    wish: Callable[[int], None]
    ask: str | Promise
    means: str | Promise
    button: str | Promise
    done: str | Promise


QUIET = Wish(
    "quiet",
    "quiet",
    controlling.quiet,
    gettext_lazy("Quiet %(pool)s?"),
    gettext_lazy("It takes no new jobs, until it is told to go on or is started anew. Those that run go on."),
    gettext_lazy("Quiet"),
    gettext_lazy("The pool %(pool)s was told to take no new jobs, and heeds it within seconds."),
)
GO_ON = Wish(
    "go_on",
    "go-on",
    controlling.go_on,
    gettext_lazy("Let %(pool)s go on?"),
    gettext_lazy("It takes jobs again."),
    gettext_lazy("Go on"),
    gettext_lazy("The pool %(pool)s was told to take jobs again, and heeds it within seconds."),
)
STOP = Wish(
    "stop",
    "stop",
    controlling.stop,
    gettext_lazy("Stop %(pool)s?"),
    gettext_lazy(
        "It takes no new jobs, and ends when those that run have ended. What takes too long is put back, and "
        "performed by another. It is started again where it was started; a service manager does that by itself."
    ),
    gettext_lazy("Stop"),
    gettext_lazy("The pool %(pool)s was told to stop, and heeds it within seconds."),
)
WISHES = (QUIET, GO_ON, STOP)


class WorkerPages(Page):
    """The list of pools, and each of them."""

    right = "view_worker"

    def routes(self) -> Iterator[Route]:
        """Yield the addresses."""
        yield Route("", "changelist", self.list_workers, "view_worker")
        yield Route("timeline/", "timeline", partial(show_timeline, self), "view_worker")
        yield from HistoryPage(self).routes()
        yield Route("<int:pool_id>/", "detail", self.show_worker, "view_worker")
        for wish in WISHES:
            view = partial(self.ask, wish=wish)
            yield Route(f"<int:pool_id>/{wish.path}/", wish.page, view, "control_worker", acts=True)

    def list_workers(self, request: HttpRequest) -> HttpResponse:
        """Show all pools, by host."""
        scene = self.scene
        return self.show(
            request,
            "jobqueue/admin/workers.html",
            {"workers": looked(scene, lambda: workers(scene)), "history_url": self.url("history")},
            title=_("Workers"),
            parts={"workers": "jobqueue/admin/parts/workers.html"},
        )

    def show_worker(self, request: HttpRequest, pool_id: int) -> HttpResponse:
        """Show one pool."""
        scene, pool = self.scene, self._pool(pool_id)
        return self.show(
            request,
            "jobqueue/admin/worker.html",
            {
                "pool": pool,
                "look": looked(scene, lambda: worker(scene, pool_id)),
                "may_control": may_act(request, "control_worker"),
                "history_url": f"{self.url('history')}?of={pool_id}",
            },
            title=str(pool),
            crumbs=(Crumb(str(pool)),),
            parts={"worker": "jobqueue/admin/parts/worker.html"},
        )

    def ask(self, request: HttpRequest, pool_id: int, wish: Wish) -> HttpResponse:
        """Ask whether a pool is really meant to do something; tell it, if it is."""
        pool = self._pool(pool_id)
        told = {"pool": str(pool)}

        def act(_reason: str) -> str:
            wish.wish(pool_id)
            return wish.path

        question = Question(
            title=str(wish.ask) % told,
            means=(str(wish.means),),
            button=str(wish.button),
            act=act,
            done=str(wish.done) % told,
            idle="",
            model=Worker,
            name=str(pool_id),
            shown=str(pool),
            back=self.way_back(request, "detail", pool_id),
            crumbs=(Crumb(str(pool), self.url("detail", pool_id)), Crumb(str(wish.button))),
            is_danger=wish is STOP,
        )
        return ask_or_act(self, request, question)

    def _pool(self, pool_id: int) -> Pool:
        scene = self.scene
        pool = Pool.objects.using(scene.alias).filter(pk=pool_id).first() if pool_id <= LARGEST_ID else None
        if pool is None:
            raise Http404(_("This pool has stopped, or was never there."))
        return pool
