"""Lists of jobs, page by page: each is read by the index of its state, in the order that the index has."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db.models import Count, F, Func, IntegerField, Q

from jobqueue.insight.reading import Unreadable, read_rows
from jobqueue.insight.scene import Scene
from jobqueue.models import Attempt, Job, JobQuerySet
from jobqueue.search import WINDOW, Search
from jobqueue.search.editing import value_of
from jobqueue.states import State

#: Nothing is counted further than this.
MANY = 10_000
#: The longest that jobs are looked at one by one, in seconds, and how many are read at a time.
PATIENCE = 1.0
CHUNK = 500
#: Jobs with failures of one kind, which an index names, are looked at so many at a time.
ALIKE = 2000
#: What is read of a job only if it is wanted.
NEVER = ("claim_id",)
RESULT = ("stored_result",)
PAYLOAD = ("handler", "last_error")


class Key(NamedTuple):
    """A column that a list is ordered by."""

    column: str
    falls: bool = False
    #: Times -1, as the index of ready jobs has it.
    is_turned: bool = False

    @property
    def expression(self) -> Any:
        """The column as queries take it; SQLite knows the index's expression only without a parameter."""
        turned = Func(F(self.column), template="%(expressions)s * -1", output_field=IntegerField())
        return turned if self.is_turned else F(self.column)


Order = tuple[Key, ...]

BY_ID: Order = (Key("id", falls=True),)
BY_END: Order = (Key("finished_at", falls=True), *BY_ID)
BY_TIME: Order = (Key("run_at"), Key("id"))
BY_POOL: Order = (Key("pool_id"), *BY_ID)
BY_CLAIM: Order = (Key("queue"), Key("priority", is_turned=True), *BY_TIME)


@dataclass(frozen=True)
class Tab:
    """The jobs of one state.

    Attributes:
        key: as addresses and ``admin.looks`` have it; empty: all jobs.
        order: that of ``source``'s index.
        source: the rows of that index.
        where: which of them are meant, if not all.
    """

    key: str
    order: Order
    source: Callable[[JobQuerySet], JobQuerySet]
    where: Q = field(default_factory=Q)


#: In the order in which they are shown.
TABS = {
    tab.key: tab
    for tab in (
        Tab("", BY_ID, lambda rows: rows),
        Tab("waiting", BY_CLAIM, lambda rows: rows.in_state(State.READY)),
        Tab("running", BY_POOL, lambda rows: rows.in_state(State.RUNNING)),
        Tab("scheduled", BY_TIME, lambda rows: rows.in_state(State.SCHEDULED), Q(attempts=0)),
        Tab("retrying", BY_TIME, lambda rows: rows.in_state(State.SCHEDULED), Q(attempts__gt=0)),
        Tab("failed", BY_END, lambda rows: rows.in_state(State.FAILED)),
        Tab("succeeded", BY_END, lambda rows: rows.done(), Q(state=State.SUCCEEDED)),
        Tab("cancelled", BY_END, lambda rows: rows.done(), Q(state=State.CANCELLED)),
    )
}


# How many there are


class Counted(NamedTuple):
    """How many jobs a tab has; None: nobody knows without counting them all."""

    number: int | None
    is_more: bool = False


def counts(scene: Scene) -> dict[str, Counted]:
    """Count the jobs of each tab, by index and to 10,000."""
    ready = _capped(scene.jobs.in_state(State.READY).order_by("queue").values("pk")[: MANY + 1].count())
    running = _capped(scene.jobs.running().order_by("pool_id").values("pk")[: MANY + 1].count())
    failed = _capped(scene.jobs.in_state(State.FAILED).order_by("-finished_at").values("pk")[: MANY + 1].count())
    later = _split(scene.jobs.scheduled(), retrying=Q(attempts__gt=0), scheduled=Q(attempts=0))
    newest = scene.jobs.done().order_by("-finished_at")
    done = _split(newest, succeeded=Q(state=State.SUCCEEDED), cancelled=Q(state=State.CANCELLED))
    found = {"waiting": ready, "running": running, **later, "failed": failed, **done}
    numbers = [each.number or 0 for each in found.values()]
    is_more = any(each.is_more or each.number is None for each in found.values())
    return {"": Counted(min(sum(numbers), MANY), True) if is_more else _capped(sum(numbers)), **found}


def _split(rows: JobQuerySet, **kinds: Q) -> dict[str, Counted]:
    """Count each kind among the first rows; where there are more rows, a kind may have any number of them."""
    asked = {name: Count("pk", filter=which) for name, which in kinds.items()}
    found = rows.only("pk", "state", "attempts")[: MANY + 1].aggregate(seen=Count("pk"), **asked)
    if found.pop("seen") <= MANY:
        return {name: Counted(number) for name, number in found.items()}
    return {name: Counted(number or None, is_more=True) for name, number in found.items()}


def _capped(number: int) -> Counted:
    return Counted(min(number, MANY), number > MANY)


# A page of them


@dataclass(frozen=True)
class Wanted:
    """What somebody wants to see.

    Attributes:
        tab: of ``TABS``.
        search: what else must hold; None: nothing.
        size: jobs of a page.
        before: go on below the job with this id.
        after: go on above it.
        with_payload: whether arguments and errors are read.
        with_result: whether results are, too.
    """

    tab: Tab
    search: Search | None = None
    size: int = 50
    before: int | None = None
    after: int | None = None
    with_payload: bool = False
    with_result: bool = False

    @property
    def unread(self) -> list[str]:
        """The columns that are not needed."""
        needs_payload = self.with_payload or (self.search is not None and self.search.tests)
        return [*NEVER, *(() if needs_payload else PAYLOAD), *(() if self.with_result else RESULT)]

    @property
    def order(self) -> Order:
        """That of the tab; ids, and what leads to ids, are found by the primary key."""
        return BY_ID if self.kind or (self.search is not None and self.search.is_by_id) else self.tab.order

    @property
    def kind(self) -> str | None:
        """The kind of failure that is searched for, if it is one."""
        return value_of(self.search.text, "kind") if self.search is not None else None


@dataclass(frozen=True)
class Listing:
    """A page.

    Attributes:
        jobs: in order; such as cannot be read among them.
        older: go on below the job with this id; None: it is the last page.
        newer: go on above the job with this id; None: it is the first page.
        window: how many were looked at, if there are more in question: usually 100,000.
        looked: how many were looked at one by one, if there was no time for all.
        is_lost: whether the job from which to go on is gone; this is the first page then.
    """

    jobs: list[Job | Unreadable]
    older: int | None = None
    newer: int | None = None
    window: int | None = None
    looked: int | None = None
    is_lost: bool = False


def listing(scene: Scene, wanted: Wanted) -> Listing:
    """Return a page."""
    start = wanted.before if wanted.after is None else wanted.after
    mark = _mark(scene, wanted.order, start)
    backwards = wanted.after is not None and mark is not None
    scope = _scope(scene, wanted, mark, backwards=backwards)
    found = _find(scene, scope.rows, wanted, backwards=backwards)
    jobs = found.jobs[: wanted.size]
    # Where to go on: behind the last one, or behind where time ran out, or the look ended.
    on = found.stopped_at or (jobs[-1].pk if len(found.jobs) > wanted.size else scope.end)
    back = jobs[0].pk if jobs and mark is not None else None
    return Listing(
        jobs[::-1] if backwards else jobs,
        older=back if backwards else on,
        newer=on if backwards else back,
        window=None if scope.end is None else scope.size,
        looked=found.looked if found.stopped_at else None,
        is_lost=start is not None and mark is None,
    )


def in_batches(scene: Scene, wanted: Wanted) -> Iterator[list[Job | Unreadable]]:
    """Yield all jobs in question, ``wanted.size`` at a time."""
    tests = wanted.search.tests if wanted.search else ()
    for jobs in pages(scene, _scope(scene, wanted).rows, wanted.order, wanted.size):
        yield [job for job in jobs if _holds(job, tests)]


def is_complete(scene: Scene, wanted: Wanted) -> bool:
    """Whether all jobs in question are looked at, not only the newest 100,000."""
    return _scope(scene, wanted).end is None


class _Scope(NamedTuple):
    """The rows in question, in order; the id of the last one, if there are more; and how many are looked at then."""

    rows: JobQuerySet
    end: int | None = None
    size: int = 0


def _scope(
    scene: Scene, wanted: Wanted, mark: tuple[Any, ...] | None = None, *, backwards: bool = False
) -> _Scope:
    """Return the rows behind a mark; what no index shows is looked for among the first 100,000 of them."""
    order, search = wanted.order, wanted.search
    source = wanted.tab.source(scene.jobs).order_by(*ordering(order, backwards=backwards))
    if search is not None and order == BY_CLAIM and (queue := value_of(search.text, "queue")):
        source = source.filter(queue=queue)  # with which the index begins
    if mark is not None:
        source = source.filter(_past(order, mark, backwards=backwards))
    rows = source.filter(wanted.tab.where).defer(*wanted.unread)
    if search is not None:
        rows = rows.filter(search.where)
    if wanted.kind:
        return _alike(scene, rows, wanted.kind, mark, backwards=backwards)
    if search.is_by_id if search is not None else not wanted.tab.where:
        return _Scope(rows)
    last = list(source.values_list(*(key.column for key in order))[WINDOW - 1 : WINDOW + 1])
    if len(last) < 2:
        return _Scope(rows)
    return _Scope(rows.filter(_past(order, last[1], backwards=not backwards)), last[0][-1], WINDOW)


def _alike(scene: Scene, rows: JobQuerySet, kind: str, mark: tuple[Any, ...] | None, *, backwards: bool) -> _Scope:
    """Return those rows whose ids the index of kinds has: read first, or each job would be asked for its kind."""
    found = Attempt.objects.using(scene.alias).filter(fingerprint=kind)
    if mark is not None:
        found = found.filter(**{f"job_id__{'gt' if backwards else 'lt'}": mark[0]})
    ids = found.order_by("job_id" if backwards else "-job_id").values_list("job_id", flat=True).distinct()
    first = list(ids[: ALIKE + 1])
    return _Scope(rows.filter(pk__in=first[:ALIKE]), first[ALIKE - 1] if len(first) > ALIKE else None, ALIKE)


def alike(scene: Scene, rows: JobQuerySet, kind: str) -> Iterator[JobQuerySet]:
    """Yield those rows that failed in one way, part by part, the newest first; each part has few enough to be read."""
    mark: tuple[int] | None = None
    while True:
        scope = _alike(scene, rows, kind, mark, backwards=False)
        yield scope.rows
        if scope.end is None:
            return
        mark = (scope.end,)


class _Found(NamedTuple):
    """The jobs of a page and one more; how many were looked at one by one, and at which one time was over."""

    jobs: list[Job | Unreadable]
    looked: int = 0
    stopped_at: int | None = None


def _find(scene: Scene, rows: JobQuerySet, wanted: Wanted, *, backwards: bool) -> _Found:
    tests = wanted.search.tests if wanted.search else ()
    if not tests:
        return _Found(read_rows(rows[: wanted.size + 1]))
    end, jobs, looked = time.monotonic() + PATIENCE, list[Job | Unreadable](), 0
    for page in pages(scene, rows, wanted.order, CHUNK, backwards=backwards):
        for job in page:
            looked += 1
            if _holds(job, tests):
                jobs.append(job)
            if len(jobs) > wanted.size:
                return _Found(jobs)
            if time.monotonic() > end:
                return _Found(jobs, looked, job.pk)
    return _Found(jobs)


def pages(
    scene: Scene, rows: JobQuerySet, order: Order, size: int, *, backwards: bool = False
) -> Iterator[list[Job | Unreadable]]:
    """Yield ordered rows page by page, each by a query of its own."""
    page = rows
    while True:
        jobs = read_rows(page[:size])
        yield jobs
        if len(jobs) < size or (mark := _mark_of(scene, order, jobs[-1])) is None:
            return
        page = rows.filter(_past(order, mark, backwards=backwards))


def _holds(job: Job | Unreadable, tests: tuple[Callable[[Job], bool], ...]) -> bool:
    return not tests or (isinstance(job, Job) and all(test(job) for test in tests))


# Going on from a job


def _mark(scene: Scene, order: Order, job_id: int | None) -> tuple[Any, ...] | None:
    """Return where a job stands in an order; None if it is gone."""
    if job_id is None:
        return None
    if order == BY_ID:
        return (job_id,)
    return scene.jobs.filter(pk=job_id).values_list(*(key.column for key in order)).first()


def _mark_of(scene: Scene, order: Order, job: Job | Unreadable) -> tuple[Any, ...] | None:
    """Return where a job stood when it was read; by now it may be gone."""
    if isinstance(job, Job):
        return tuple(getattr(job, key.column) for key in order)
    return _mark(scene, order, job.pk)


def ordering(order: Order, *, backwards: bool = False) -> list[Any]:
    """Return an order as queries take it."""
    return [key.expression.desc() if key.falls is not backwards else key.expression.asc() for key in order]


def _past(order: Order, mark: tuple[Any, ...], *, backwards: bool) -> Q:
    """Return what holds of the rows behind one, or before it: by its first column an index finds where to begin."""
    (key, *rest), (value, *values) = order, mark
    how = "lt" if key.falls is not backwards else "gt"
    beyond, at = _compared(key, how, value), _compared(key, "exact", value)
    if not rest:
        return beyond
    return _compared(key, f"{how}e", value) & (
        beyond | (at & _past(tuple(rest), tuple(values), backwards=backwards))
    )


def _compared(key: Key, how: str, value: Any) -> Q:
    if value is None:
        return Q(**{f"{key.column}__isnull": how == "exact"})
    if not key.is_turned:
        return Q(**{f"{key.column}__{how}": value})
    turned = {"lt": "gt", "gt": "lt", "lte": "gte", "gte": "lte"}.get(how, how)
    return Q(**{f"{key.column}__{turned}": value})
