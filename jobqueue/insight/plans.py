"""What an act on many would be done to: counted before it is done, and chosen anew when it is."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import inf
from typing import Any, Protocol

from django.db.models import F, Max
from django.db.models.lookups import LessThanOrEqual

from jobqueue.insight.joblist import BY_ID, NEVER, PATIENCE, RESULT, TABS, Order, alike, ordering, pages
from jobqueue.insight.scene import Scene
from jobqueue.models import Job, JobQuerySet
from jobqueue.search import CHUNK, WINDOW, Search, beyond, parse
from jobqueue.search.editing import value_of
from jobqueue.states import State
from jobqueue.stores.acts import GONE, TAKEN, Act

#: What was changed since is left alone, or an act that is begun again would do to jobs a second time what it has done.
ONCE = frozenset({Act.RETRY, Act.RUN_NOW, Act.POSTPONE})

#: Tabs of the list whose jobs an index of their own finds, however many others there are.
INDEXED = frozenset({"waiting", "running", "scheduled", "retrying", "failed"})


class TooSlow(Exception):
    """There was no time to look at all jobs in question."""


class Row(Protocol):
    """What a plan reads of a job."""

    pk: int
    state: int
    name: str


@dataclass
class Plan:
    """What an act would be done to.

    Attributes:
        ids: of the jobs in a fitting state, the oldest first.
        names: how many there are of each class.
        states: how many there are in each state.
        left_out: how many others there are in each state.
        is_cut: whether there are more than were looked at.
    """

    ids: list[int] = field(default_factory=list)
    names: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    is_cut: bool = False

    @classmethod
    def of(cls, search: Search, scene: Scene, act: Act, *, all_rows: bool) -> Plan:
        """Look at what a search means."""
        return cls.among(search.find(scene.jobs.only("id", "state", "name"), all_rows=all_rows), search, act)

    @classmethod
    def among(cls, jobs: Iterable[Row], search: Search, act: Act, limit: int | None = None) -> Plan:
        """Look at what a search has found.

        Args:
            jobs: what it has found.
            search: which.
            act: what would be done.
            limit: stop after so many.
        """
        plan = cls()
        for looked, job in enumerate(jobs):
            if looked == limit:
                plan.is_cut = True
                break
            plan._take(job, act)
        plan.ids.sort()
        if search.is_by_id and not search.tests and not plan.ids and not plan.left_out:
            plan.left_out[GONE] = 1
        return plan

    def _take(self, job: Row, act: Act) -> None:
        label = State(job.state).label
        if job.state in TAKEN[act]:
            self.ids.append(job.pk)
            self.names[job.name] += 1
            self.states[label] += 1
        else:
            self.left_out[label] += 1


@dataclass(frozen=True)
class Chosen:
    """Which jobs somebody means: those of some ids, or all that a search finds; of those there were at that moment.

    Attributes:
        at: that moment.
        newest: the largest id there was.
        beyond: the largest id of those that a search does not look at.
        ids: whose; none: what the search finds.
        text: the search, as it was typed.
        tab: of which of the ``TABS`` they are; empty: of all.
        with_payload: whether arguments and errors may be searched.
    """

    at: datetime
    newest: int
    beyond: int = 0
    ids: tuple[int, ...] = ()
    text: str = ""
    tab: str = ""
    with_payload: bool = True

    @classmethod
    def now(
        cls, scene: Scene, ids: Iterable[int] = (), text: str = "", tab: str = "", *, with_payload: bool = True
    ) -> Chosen:
        """Choose among the jobs that there are.

        Raises:
            SearchError: if the search cannot be understood.
        """
        newest = scene.jobs.aggregate(newest=Max("pk"))["newest"] or 0
        chosen = cls(scene.now, newest, 0, tuple(ids), text, tab, with_payload)
        if chosen.search.is_by_index or chosen._is_by_tab(scene):
            return chosen
        return replace(chosen, beyond=beyond(scene.jobs) or 0)

    @property
    def search(self) -> Search:
        """What finds them.

        Raises:
            SearchError: with the position, and what may have been meant.
        """
        if self.ids:
            return Search.of_ids(self.ids, self.text)
        return parse(self.text, self.at, with_payload=self.with_payload)

    def plan(self, scene: Scene, act: Act, limit: int | None = None, *, fitting: bool = False) -> Plan:
        """Look at what an act would be done to; begun again, it finds none to which it was done before.

        Args:
            scene: whose jobs.
            act: what would be done.
            limit: stop after so many, and look part by part, or job by job, no longer than a second.
            fitting: look at none that would be left out.

        Raises:
            TooSlow: if that second is over.
        """
        rows = scene.jobs.filter(TABS[self.tab].where, created_at__lte=self.at)
        if act in ONCE:
            rows = rows.filter(updated_at__lte=self.at)
        if fitting:
            rows = rows.filter(state__in=TAKEN[act])
        return Plan.among(self._found(scene, rows, limit), self.search, act, limit)

    def _found(self, scene: Scene, rows: JobQuerySet, limit: int | None) -> Iterator[Row]:
        """Yield what the search finds among some rows: in the order of the tab's index, or the newest first.

        Told to go by id, the database would look at all jobs for the few that have failed; told to sort, at all that
        have failed for the first few; asked for the kind of each, at all kinds of failures.
        """
        search, tab = self.search, TABS[self.tab]
        is_by_tab = self.tab in INDEXED and not (search.is_by_index or self.beyond)
        order = tab.order if is_by_tab else BY_ID
        meant = tab.source(rows).filter(search.where).order_by(*ordering(order))
        if is_by_tab:
            # A plain bound of ids would look like a way to the rows.
            meant = meant.filter(LessThanOrEqual(F("pk") + 0, self.newest))
        else:
            meant = meant.filter(pk__gt=self.beyond, pk__lte=self.newest)
        kind, end = value_of(self.text, "kind"), inf if limit is None else time.monotonic() + PATIENCE
        for part in alike(scene, meant, kind) if kind else (meant,):
            if limit is None or search.tests:
                yield from _one_by_one(scene, part, order, search, end)
            else:
                yield from part.values_list("pk", "state", "name", named=True)[: limit + 1]
            if kind and time.monotonic() > end:
                raise TooSlow

    def _is_by_tab(self, scene: Scene) -> bool:
        """Whether an index tells the jobs in question: all of a tab, or a tab that is no longer than a look."""
        if self.tab not in INDEXED:
            return False
        tab = TABS[self.tab]
        if not (self.text or tab.where):
            return True
        first = tab.order[:1]
        column = tab.source(scene.jobs).order_by(*ordering(first)).values_list(first[0].column)
        return not column[WINDOW : WINDOW + 1]

    def as_data(self) -> dict[str, Any]:
        """Return it as arguments of a job, from which ``of`` makes it again."""
        return {**vars(self), "ids": list(self.ids)}

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Chosen:
        """Return what ``as_data`` has told."""
        return cls(**{**data, "ids": tuple(data["ids"])})


def _one_by_one(scene: Scene, rows: JobQuerySet, order: Order, search: Search, end: float) -> Iterator[Job]:
    """Yield the ordered rows that pass a search's tests, read page by page, until that time."""
    named = rows.only("id", "state", "name", *(key.column for key in order))
    for page in pages(scene, rows.defer(*NEVER, *RESULT) if search.tests else named, order, CHUNK):
        for job in page:
            if isinstance(job, Job) and all(test(job) for test in search.tests):
                yield job
            if time.monotonic() > end:
                raise TooSlow
