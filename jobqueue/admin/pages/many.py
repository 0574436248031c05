"""Acts on many jobs: some at once, more by a job of our own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from jobqueue.acting import act_on
from jobqueue.admin.acts import ACTS, ActLook, label_of
from jobqueue.admin.joblists import Asked
from jobqueue.admin.logbook import log_act, log_addition, together
from jobqueue.admin.page import Crumb, Route
from jobqueue.admin.pages.acts import Desk
from jobqueue.admin.rights import may_act, may_see
from jobqueue.client import check_time, enqueue
from jobqueue.conf import get_settings
from jobqueue.exceptions import JobQueueError
from jobqueue.insight.joblist import TABS
from jobqueue.insight.plans import Chosen, Plan, TooSlow
from jobqueue.insight.scene import PATIENCE, Scene
from jobqueue.jobs import act_on_many
from jobqueue.models import Job
from jobqueue.options import DEFAULT_QUEUE
from jobqueue.search import WINDOW, SearchError
from jobqueue.search.editing import veiled
from jobqueue.search.fields import LARGEST_ID
from jobqueue.search.moments import moment_of
from jobqueue.search.words import LONGEST
from jobqueue.sentences import translated
from jobqueue.states import State
from jobqueue.stores.acts import Act, Acted
from jobqueue.wording import rounded

if TYPE_CHECKING:
    from jobqueue.admin.page import Page

#: So many jobs are changed while the browser waits; more by a job.
AT_ONCE = 200
#: What the list offers beside the acts.
EXPORT = "export"
#: So many may be named one by one.
MOST_IDS = 1000
#: No plan is counted further.
COUNTED = 10_000
#: Classes that are named one by one.
NAMED = 10
#: Longest time over which jobs are spread, minutes: a week.
LONGEST_SPREAD = 7 * 24 * 60


class Unfit(ValueError):
    """What was sent cannot be done; the text says why."""


@dataclass(frozen=True)
class Wish:
    """What a form asks for.

    Attributes:
        look: the act.
        chosen: to which jobs.
        run_at: when they are due then.
        spread: over how long.
    """

    look: ActLook
    chosen: Chosen
    run_at: datetime | None = None
    spread: timedelta | None = None


class ManyPage:
    """The page that asks about many jobs, and acts.

    Args:
        page: of the jobs, to which it belongs.
    """

    def __init__(self, page: Page) -> None:
        self.desk = Desk(page)

    def routes(self) -> Iterator[Route]:
        """Yield the address. Each act has its own right, which is asked for in the handler."""
        yield Route("act/", "act", self.ask_or_act, "view_job", acts=True)

    def ask_or_act(self, request: HttpRequest) -> HttpResponse:
        """Ask whether it is really meant; act if it is."""
        scene = self.desk.page.scene
        sent = sent_by(request)
        try:
            if sent.get("act") == EXPORT:
                return HttpResponseRedirect(self._export_url(sent))
            look = look_in(sent)
            if not may_act(request, look.right):
                raise PermissionDenied
            chosen = chosen_in(sent, scene, with_payload=may_see(request, "view_job_payload"))
            if request.method != "POST" or "confirmed" not in sent:
                return self._ask(request, look, chosen, scene)
            try:
                wish = wish_in(sent, look, chosen, scene)
            except ValueError as error:
                return self._ask(request, look, chosen, scene, translated(error))
            self._act(request, wish, scene)
        except (Unfit, SearchError, JobQueueError) as error:
            self.desk.say(request, translated(error), messages.ERROR)
        except DatabaseError as error:
            self.desk.say(request, _("Nothing was done: %(error)s") % {"error": error}, messages.ERROR)
        return HttpResponseRedirect(self._list_url(request))

    def _export_url(self, sent: QueryDict) -> str:
        """Return the address that exports the same jobs, where the right to do so is asked for."""
        query = Asked.by(sent).address(size="")
        if not sent.get("all"):
            if not (ids := ids_in(sent)):
                raise Unfit(_("No job was selected."))
            query += f"&{urlencode({'ids': ','.join(map(str, ids))})}"
        return self.desk.page.url("export") + query

    def _list_url(self, request: HttpRequest) -> str:
        """Return the address of the list, with the tab and the search that it had."""
        return self.desk.url_of(request) + Asked.by(sent_by(request)).address().removesuffix("?")

    # Asking

    def _ask(
        self, request: HttpRequest, look: ActLook, chosen: Chosen, scene: Scene, error: str = ""
    ) -> HttpResponse:
        plan = looked_at(chosen, look.act, scene)
        question = _("%(verb)s all that match") % {"verb": look.verb}
        if plan is not None:
            told = rounded(len(plan.ids)) + ("+" if plan.is_cut else "")
            question = look.many % {"count": len(plan.ids), "told": told}
        context = {
            "look": look,
            "chosen": chosen,
            "ids": ",".join(map(str, chosen.ids)),
            "asked": Asked.by(sent_by(request)),
            "tab": label_of(chosen.tab) if chosen.tab else "",
            "error": error,
            "sent": request.POST,
            "plan": plan,
            "is_possible": plan is None or bool(plan.ids),
            "kinds": Kinds.of(plan) if plan is not None else None,
            "question": question,
            "is_large": plan is None or len(plan.ids) > AT_ONCE,
            "limits": {"at_once": AT_ONCE, "counted": COUNTED, "window": WINDOW, "minutes": LONGEST_SPREAD},
            "spreads": look.act not in {Act.CANCEL, Act.DELETE},
            "is_postponing": look.act is Act.POSTPONE,
            "back": self._list_url(request),
        }
        title = _("%(question)s?") % {"question": question}
        crumbs = (Crumb(str(look.verb)),)
        return self.desk.page.show(request, "jobqueue/admin/act_many.html", context, title=title, crumbs=crumbs)

    # Acting

    def _act(self, request: HttpRequest, wish: Wish, scene: Scene) -> None:
        ids: list[int] | None = list(wish.chosen.ids)
        if not ids:
            plan = looked_at(wish.chosen, wish.look.act, scene, AT_ONCE, fitting=True)
            ids = None if plan is None or plan.is_cut else plan.ids
        if ids is None or len(ids) > AT_ONCE:
            self._store(request, wish, scene)
        else:
            self._act_at_once(request, wish, scene, ids)

    def _act_at_once(self, request: HttpRequest, wish: Wish, scene: Scene, ids: list[int]) -> None:
        look, spread = wish.look, wish.spread if ids else None
        before = {job.pk: job for job in scene.jobs.filter(pk__in=ids).only("id", "state", "name")}
        with together(scene.alias):
            acted = act_on(ids, look.act, run_at=wish.run_at, spread=spread, by=self.desk.by(request))
            for state, jobs in _by_state(before, acted.done).items():
                log_act(request, jobs, look.act, look.log(state, wish.run_at))
            ending = [before[pk] for pk in acted.ending if pk in before]
            log_act(request, ending, look.act, f"{look.path}: told to end")
        self._tell(request, look, acted)

    def _tell(self, request: HttpRequest, look: ActLook, acted: Acted) -> None:
        words = []
        if acted.done:
            words.append(look.done % _count(len(acted.done)))
        if acted.ending:
            ending = ngettext(
                "%(told)s running job was told to end.",
                "%(told)s running jobs were told to end.",
                len(acted.ending),
            )
            words.append(ending % _count(len(acted.ending)))
        if not words:
            words.append(_("Nothing was done: no job is in a state for it any more."))
        if acted.skipped:
            reasons = Counter(acted.skipped.values()).most_common()
            told = ", ".join(f"{number} {label_of(why)}" for why, number in reasons)
            words.append(_("Left out: %(reasons)s.") % {"reasons": told})
        level = messages.SUCCESS if acted.done or acted.ending else messages.WARNING
        self.desk.say(request, " ".join(words), level)

    def _store(self, request: HttpRequest, wish: Wish, scene: Scene) -> None:
        """Leave it to a worker."""
        call = act_on_many.bind(
            wish.look.act.value,
            wish.chosen.as_data(),
            run_at=wish.run_at,
            spread=wish.spread,
            by=self.desk.by(request),
        )
        with together(scene.alias):
            job = enqueue(call, queue=own_queue())
            log_addition(request, job, f"{wish.look.path}: {_of(wish.chosen)}.")
        link = format_html('<a href="{}">#{}</a>', self.desk.url_of(request, job.pk), job.pk)
        before, _gap, after = _("That is done in the background, by job {link}.").partition("{link}")
        self.desk.say(request, format_html("{}{}{}", before, link, after))


@dataclass(frozen=True)
class Kinds:
    """What a plan is about, for people: each a label and a number.

    Attributes:
        states: those of the jobs that the act takes.
        names: their classes, the most frequent ones.
        others: how many other classes there are.
        left_out: the states of the others.
    """

    states: list[tuple[Any, int]]
    names: list[tuple[str, int]]
    others: int
    left_out: list[tuple[Any, int]]

    @classmethod
    def of(cls, plan: Plan) -> Kinds:
        """Sort what a plan has counted, the most frequent first."""
        states = [(label_of(word), number) for word, number in plan.states.most_common()]
        left_out = [(label_of(word), number) for word, number in plan.left_out.most_common()]
        names = plan.names.most_common(NAMED)
        return cls(states, names, len(plan.names) - len(names), left_out)


def own_queue() -> str:
    """Return the queue of jobs that do what was asked for here: "default", or the first that the settings declare."""
    queues = get_settings().queues
    return DEFAULT_QUEUE if not queues or DEFAULT_QUEUE in queues else next(iter(queues))


def looked_at(
    chosen: Chosen, act: Act, scene: Scene, limit: int = COUNTED, *, fitting: bool = False
) -> Plan | None:
    """Return what would be done, as far as that is counted; None if that takes too long."""
    try:
        with scene.store.looking(PATIENCE):
            return chosen.plan(scene, act, limit, fitting=fitting)
    except (OperationalError, TooSlow):
        return None


# What a form has sent


def sent_by(request: HttpRequest) -> QueryDict:
    """Return what the list has sent, or the page that asks."""
    return request.POST if request.method == "POST" else request.GET


def look_in(sent: QueryDict) -> ActLook:
    """Return the act that is asked for."""
    for look in ACTS.values():
        if look.act.value == sent.get("act"):
            return look
    raise Unfit(_("Choose what to do, and the jobs to do it to."))


def chosen_in(sent: QueryDict, scene: Scene, *, with_payload: bool) -> Chosen:
    """Return the jobs that are meant; once that was confirmed, of those there were when the page was shown."""
    ids = () if sent.get("all") else ids_in(sent)
    if not ids and not sent.get("all"):
        raise Unfit(_("No job was selected."))
    text, tab = ("", "") if ids else _search_in(sent)
    try:
        with scene.store.looking(PATIENCE):
            chosen = Chosen.now(scene, ids, text, tab, with_payload=with_payload)
    except OperationalError:
        raise Unfit(_("Nothing was done: the database was too slow.")) from None
    if "confirmed" not in sent:
        return chosen
    at, newest = _moment_in(sent, chosen.at), _number_in(sent, "newest")
    return replace(chosen, at=at, newest=min(newest, chosen.newest), beyond=_number_in(sent, "beyond"))


def wish_in(sent: QueryDict, look: ActLook, chosen: Chosen, scene: Scene) -> Wish:
    """Return what a confirmed form asks for; raises ValueError, saying what is wrong."""
    is_timed = look.act is Act.POSTPONE
    run_at = check_time(moment_of(sent.get("run_at", "").strip(), scene.now), scene.store) if is_timed else None
    return Wish(look, chosen, run_at, _spread_in(sent))


def ids_in(sent: QueryDict) -> tuple[int, ...]:
    """Return the jobs that are named one by one, maybe none; raises Unfit, saying what is wrong."""
    words = [word for value in sent.getlist("ids")[: MOST_IDS + 1] for word in value[:50_000].split(",") if word]
    if len(words) > MOST_IDS:
        raise Unfit(
            _("At most %(most)s jobs can be named one by one. Search for them, and take all that match.")
            % {"most": rounded(MOST_IDS)}
        )
    if not all(len(word) < 20 and word.isascii() and word.isdigit() and int(word) <= LARGEST_ID for word in words):
        raise Unfit(_("That is not the id of a job."))
    return tuple(dict.fromkeys(map(int, words)))


def _search_in(sent: QueryDict) -> tuple[str, str]:
    """Return the search of the list, and its tab."""
    text, tab = sent.get("q", "").strip(), sent.get("state", "")
    if len(text) > LONGEST or "\0" in text:
        raise Unfit(_("The search is too long; at most 1,000 characters."))
    if tab not in TABS:
        raise Unfit(_("The list has no such tab."))
    return text, tab


def _moment_in(sent: QueryDict, latest: datetime) -> datetime:
    try:
        found = parse_datetime(sent.get("at", ""))
        return min(found, latest) if found is not None else latest
    except (ValueError, TypeError, OverflowError):
        raise Unfit(_("The form was changed. Nothing was done.")) from None


def _number_in(sent: QueryDict, name: str) -> int:
    word = sent.get(name, "")
    if not (word.isascii() and word.isdigit() and len(word) < 20 and int(word) <= LARGEST_ID):
        raise Unfit(_("The form was changed. Nothing was done."))
    return int(word)


def _spread_in(sent: QueryDict) -> timedelta | None:
    if sent.get("pace") != "spread":
        return None
    word = sent.get("minutes", "")
    if not (word.isascii() and word.isdigit() and len(word) < 6 and 0 < int(word) <= LONGEST_SPREAD):
        raise Unfit(_("Spread the jobs over 1 to %(most)s minutes.") % {"most": LONGEST_SPREAD})
    return timedelta(minutes=int(word))


def _by_state(before: dict[int, Job], done: list[int]) -> dict[str, list[Job]]:
    found: dict[str, list[Job]] = {}
    for pk in done:
        if pk in before:
            found.setdefault(State(before[pk].state).label, []).append(before[pk])
    return found


def _count(number: int) -> dict[str, Any]:
    return {"count": number, "told": rounded(number)}


def _of(chosen: Chosen) -> str:
    if chosen.ids:
        return f"{len(chosen.ids):,} selected jobs"
    kind = f"all {chosen.tab} jobs" if chosen.tab else "all jobs"
    return f'{kind} that match "{veiled(chosen.text)}"' if chosen.text else kind
