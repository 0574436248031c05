"""Which jobs? ``state:failed class:SendReceipt after:-2h args.order_id:7 "no stream"``

The fields are state, queue, class, id, worker, priority, error, kind, after, before, key and args.NAME; text without a
field is looked for in class, key, id and error. What nobody can ask the database, arguments above all, is looked at
row by row, so a search looks at the newest 100,000 rows only, unless all are asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from itertools import islice
from operator import and_

from django.db.models import Max, Min, Q

from jobqueue.models import Job, JobQuerySet
from jobqueue.search.fields import Test, meaning
from jobqueue.search.words import SearchError, Term, terms

__all__ = ["WINDOW", "Search", "SearchError", "beyond", "parse"]

#: So many of the newest rows are looked at.
WINDOW = 100_000
#: Rows that are read at a time.
CHUNK = 2000


@dataclass(frozen=True)
class Search:
    """A search that is understood.

    Attributes:
        text: as it was typed.
        where: what the database decides.
        tests: what is decided row by row; all must hold.
        is_by_id: whether it names ids.
        is_by_index: whether it names ids, or kinds of failures, which lead to ids; so that no window is needed.
    """

    text: str
    where: Q
    tests: tuple[Test, ...] = ()
    is_by_id: bool = False
    is_by_index: bool = False

    @classmethod
    def of_ids(cls, ids: Collection[int], text: str = "") -> Search:
        """Return what finds some jobs, in whatever state they are by now."""
        return cls(text, Q(pk__in=ids), is_by_id=True, is_by_index=True)

    def find(self, rows: JobQuerySet, limit: int | None = None, *, all_rows: bool = False) -> Iterator[Job]:
        """Yield the jobs that are meant, the newest first.

        Args:
            rows: of which.
            limit: stop after so many.
            all_rows: look beyond the newest 100,000, however long it takes.
        """
        size = CHUNK if limit is None or self.tests else min(limit, CHUNK)
        found = (job for window in self._windows(rows, all_rows) for job in _in_pages(window, size))
        return islice((job for job in found if all(test(job) for test in self.tests)), limit)

    def is_complete(self, rows: JobQuerySet) -> bool:
        """Whether there are no rows but those that are looked at."""
        return self.is_by_index or beyond(rows) is None

    def _windows(self, rows: JobQuerySet, all_rows: bool) -> Iterator[JobQuerySet]:
        """Yield the rows in question, the newest window first."""
        whole = rows.defer(None) if self.tests else rows
        found = whole.filter(self.where).order_by("-pk")
        oldest = None if self.is_by_index else beyond(rows)
        yield found if oldest is None else found.filter(pk__gt=oldest)
        if oldest is None or not all_rows:
            return
        bounds = rows.aggregate(least=Min("pk"), most=Max("pk"))
        while oldest >= bounds["least"]:
            yield found.filter(pk__lte=oldest, pk__gt=oldest - WINDOW)
            oldest -= WINDOW


def parse(text: str, now: datetime, *, with_payload: bool = True) -> Search:
    """Return what a search means.

    Args:
        text: the search; empty means all jobs.
        now: what "-2h" is counted from.
        with_payload: whether arguments and errors may be searched.

    Raises:
        SearchError: with the position, and what may have been meant.
    """
    found = terms(text)
    meanings = [meaning(term, now, with_payload=with_payload) for term in found]
    where = reduce(and_, (each.where for each in meanings), Q())
    tests = tuple(each.test for each in meanings if each.test is not None)
    by_id = any(_names_ids(term) for term in found)
    by_kind = any(term.field == "kind" and not term.negated for term in found)
    return Search(text, where, tests, is_by_id=by_id, is_by_index=by_id or by_kind)


def _names_ids(term: Term) -> bool:
    return term.field == "id" and not term.negated and all(word.text[0] not in "<>" for word in term.values)


def _in_pages(window: JobQuerySet, size: int) -> Iterator[Job]:
    """Yield rows page by page: a cursor on the server would need a session of its own."""
    page = list(window[:size])
    while page:
        yield from page
        page = list(window.filter(pk__lt=page[-1].pk)[:size]) if len(page) == size else []


def beyond(rows: JobQuerySet) -> int | None:
    """Return the id of the newest row that is too old to be looked at; None if there is none."""
    for pk in rows.order_by("-pk").values_list("pk", flat=True)[WINDOW : WINDOW + 1]:
        return int(pk)
    return None
