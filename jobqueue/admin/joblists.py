"""What the list of jobs needs: what an address asks for, tabs and filters as links, and jobs as rows of a table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from jobqueue.admin.looks import LOOKS, Look, look_of
from jobqueue.handlers.known import is_own
from jobqueue.handlers.resolve import registry
from jobqueue.handlers.shown import mask_for
from jobqueue.insight.joblist import TABS, Counted, Tab, Wanted
from jobqueue.insight.reading import Unreadable
from jobqueue.insight.scene import Scene
from jobqueue.insight.words import arguments_line, short_name, tries_of
from jobqueue.logs import harmless, headline
from jobqueue.models import Job
from jobqueue.search import Search, parse
from jobqueue.search.editing import value_of, with_term, without
from jobqueue.search.fields import LARGEST_ID
from jobqueue.search.words import LONGEST
from jobqueue.sentences import translated
from jobqueue.states import State
from jobqueue.wording import age

SIZES = (20, 50, 100, 200)
SIZE = 50
#: Names that a filter offers.
MANY_NAMES = 200
#: Longest line about a job, in characters.
LONGEST_LINE = 160

#: Before the name of an exception at the beginning of an error.
MODULE = re.compile(r"\A(?:[A-Za-z_]\w*\.)+(?=[A-Za-z_]\w*(?::|\n|\Z))")

TIMES = (("-1h", _("last hour")), ("-1d", _("last 24 hours")), ("-7d", _("last 7 days")))


@dataclass(frozen=True)
class Asked:
    """What an address asks for.

    Attributes:
        tab: whose jobs.
        text: the search, as typed.
        size: jobs of a page.
        before, after: go on below, or above, the job with this id.
    """

    tab: Tab
    text: str
    size: int
    before: int | None
    after: int | None

    @classmethod
    def by(cls, given: QueryDict) -> Asked:
        """Read an address; what makes no sense is as if it were not there."""
        text = given.get("q", "").strip()[: LONGEST + 1]
        # In a search, "scheduled" means all that wait for their time.
        named = value_of(text, "state") if "state" not in given else None
        key = given.get("state", "") if named in {None, "scheduled"} else named
        return cls(
            tab=TABS.get(key or "", TABS[""]),
            text=text,
            size=_nearest(given.get("size", "")),
            before=_id(given.get("before", "")),
            after=_id(given.get("after", "")),
        )

    def whole(self) -> Asked:
        """Return what asks for jobs of all tabs."""
        return replace(self, tab=TABS[""], text="", before=None, after=None)

    def search(self, now: datetime, *, with_payload: bool) -> Search | None:
        """Return the search; None if nothing was typed.

        Raises:
            SearchError: if it cannot be understood.
        """
        return parse(self.text, now, with_payload=with_payload) if self.text else None

    def wanted(self, search: Search | None, *, with_payload: bool) -> Wanted:
        """Return it as the list reads it."""
        return Wanted(self.tab, search, self.size, self.before, self.after, with_payload)

    def address(self, **changed: Any) -> str:
        """Return the query of an address that asks for the same, but for what is given; pages begin anew."""
        given = {"state": self.tab.key, "q": self.text, "size": "" if self.size == SIZE else self.size, **changed}
        query = QueryDict(mutable=True)
        query.update({name: str(value) for name, value in given.items() if value not in {"", None}})
        return f"?{query.urlencode()}"


def _nearest(text: str) -> int:
    wanted = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else SIZE
    return min(SIZES, key=lambda size: abs(size - wanted))


def _id(text: str) -> int | None:
    found = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
    return found if 0 < found <= LARGEST_ID else None


# Links


class TabLink(NamedTuple):
    """A tab: its address, and how many jobs it has, as far as is known."""

    label: str | Promise
    url: str
    is_here: bool
    look: Look | None
    counted: Counted


class Choice(NamedTuple):
    """One value of a filter."""

    label: str | Promise
    url: str
    is_here: bool


class Filter(NamedTuple):
    """A filter: the field of the search that it writes, and its values."""

    label: str | Promise
    choices: list[Choice]


def tab_links(asked: Asked, counts: Mapping[str, Counted] | None) -> list[TabLink]:
    """Return the tabs; without counts if these took too long."""
    found = counts or {}
    return [
        TabLink(
            LOOKS[key].label if key else _("all"),
            asked.address(state=key),
            tab is asked.tab,
            LOOKS[key] if key else None,
            found.get(key, Counted(None)),
        )
        for key, tab in TABS.items()
    ]


class Names(NamedTuple):
    """What is known without asking the jobs."""

    queues: list[str]
    classes: list[str]
    workers: list[str]

    def completions(self) -> Iterator[str]:
        """Yield searches to choose from."""
        yield from (f"state:{key}" for key in LOOKS)
        yield from (with_term("", "queue", name) for name in self.queues)
        yield from (with_term("", "class", name) for name in self.classes)


def names(scene: Scene) -> Names:
    """Return queues from the settings, pools, pauses and what waits; classes that are declared; hosts of pools."""
    queues = {*scene.settings.queues, *scene.pauses, *scene.oldest}
    queues |= {str(queue) for pool in scene.pools for queue in pool.queues}
    hosts = {pool.host for pool in scene.living}
    classes = {short_name(path) for path, found in registry.items() if not is_own(path) and found is not None}
    return Names(*(sorted(each)[:MANY_NAMES] for each in (queues or {"default"}, classes, hosts)))


def filters(asked: Asked, known: Names) -> list[Filter]:
    """Return the filters, each of whose values is a link that writes into the search."""
    offered: list[tuple[str | Promise, str, Iterable[tuple[str, str | Promise]]]] = [
        (_("Queue"), "queue", ((name, name) for name in known.queues)),
        (_("Class"), "class", ((name, name) for name in known.classes)),
        (_("Worker"), "worker", ((name, name) for name in known.workers)),
        (_("Stored"), "after", TIMES),
    ]
    return [Filter(label, list(_choices(asked, field, values))) for label, field, values in offered]


def _choices(asked: Asked, field: str, values: Iterable[tuple[str, str | Promise]]) -> Iterator[Choice]:
    chosen = value_of(asked.text, field)
    yield Choice(_("any"), asked.address(q=without(asked.text, field)), chosen is None)
    for value, label in values:
        yield Choice(label, asked.address(q=with_term(asked.text, field, value)), chosen == value)


# Rows


@dataclass(frozen=True)
class Row:
    """A job as a row of the table.

    Attributes:
        pk: its id.
        name, short: its class, whole and in short.
        look: its state.
        error, arguments: a line of each; empty for those who may not see them.
        queue, priority, tries: as it says.
        moment: when it ended, was begun, or is due.
        took: seconds; None: it was not performed.
        trouble: why the rest cannot be shown.
    """

    pk: int
    name: str = ""
    short: str = ""
    look: Look | None = None
    error: str = ""
    arguments: str = ""
    queue: str = ""
    priority: object = ""
    tries: str = ""
    moment: datetime | None = None
    took: float | None = None
    trouble: str = ""


def rows_of(jobs: Iterable[Job | Unreadable], now: datetime, most: int, *, with_payload: bool) -> list[Row]:
    """Return jobs as rows.

    Args:
        jobs: in order.
        now: the database's time.
        most: attempts of jobs that do not say themselves.
        with_payload: whether arguments and errors are shown.
    """
    return [_row(each, now, most, with_payload=with_payload) for each in jobs]


def _row(job: Job | Unreadable, now: datetime, most: int, *, with_payload: bool) -> Row:
    if isinstance(job, Unreadable):
        return Row(job.pk, trouble=job.reason if with_payload else type(job).__name__.lower())
    try:
        return Row(
            job.pk,
            harmless(job.name),
            harmless(short_name(job.name)),
            look_of(job),
            _line(short_error(mask_for(job)(job.error or ""))) if with_payload and _has_failed(job) else "",
            _line(harmless(arguments_line(job, translated))) if with_payload else "",
            harmless(job.queue),
            job.priority,
            tries_of(job, most),
            moment_of(job),
            took_by(job, now),
        )
    except Exception as error:  # spoilt by hand in a way that nobody has thought of
        return Row(job.pk, trouble=headline(str(error)) if with_payload else type(error).__name__)


def _has_failed(job: Job) -> bool:
    return look_of(job).key in {"failed", "retrying"} and job.last_error is not None


def short_error(error: str) -> str:
    """Return an error without the module of its exception: there is but a line for it."""
    return MODULE.sub("", error, count=1)


def _line(text: str) -> str:
    first = headline(text) if text else ""
    return first if len(first) <= LONGEST_LINE else f"{first[:LONGEST_LINE]}…"


def moment_of(job: Job) -> datetime | None:
    """Return what people want to know of its time: when it ended, was begun, or is due."""
    if State(job.state).is_final:
        return job.finished_at or job.updated_at
    return job.locked_at if job.state == State.RUNNING else job.run_at


def took_by(job: Job, now: datetime) -> float | None:
    """Return the seconds that it took, or takes so far; None if it has not been performed."""
    if job.state == State.RUNNING:
        return None if job.locked_at is None else max(age(job.locked_at, now), 0.0)
    if not State(job.state).is_final or job.started_at is None or job.finished_at is None:
        return None
    return max(age(job.started_at, job.finished_at), 0.0)
