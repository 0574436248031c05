"""Wishes that running jobs end.

They stand in a table of their own: the row of an atomic job is locked by the job's own transaction. A wish is about
the job, not about one attempt of it: whatever the job was put back for, it is cancelled instead (see ``SETTLE``). A job
that ends by itself leaves its wish behind; it is swept up, and a retry by hand removes it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, QuerySet

from jobqueue.models import Cancellation, Job, JobQuerySet
from jobqueue.states import State

if TYPE_CHECKING:
    from jobqueue.stores.base import Store

LONGEST_NAME = 150
#: Beyond it there is no job, and SQLite's driver would stumble.
LARGEST_ID = 2**63 - 1


def said(by: str) -> str:
    """Return what is written into the row of a job that was cancelled while it ran."""
    return f"cancelled by {by}" if by else "cancelled while it was running"


class Wishes:
    """The wishes about one store's jobs."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, ids: Collection[int], by: str = "") -> set[int]:
        """Wish that these jobs end; return those that have not ended yet.

        Args:
            ids: of jobs; it may be repeated.
            by: who wants it.
        """
        storable = [job_id for job_id in ids if abs(job_id) <= LARGEST_ID]
        with self._store.statement():
            going_on = set(
                self._jobs.filter(pk__in=storable, state__lte=State.RUNNING).values_list("pk", flat=True)
            )
        now = self._store.ago(0)
        wishes = [
            Cancellation(job_id=job_id, requested_at=now, requested_by=by[:LONGEST_NAME])
            for job_id in sorted(going_on)
        ]
        with self._store.statement():
            self._wishes.bulk_create(wishes, ignore_conflicts=True)
        return going_on

    def among(self, ids: Collection[int]) -> set[int]:
        """Return those of the jobs that somebody wishes to end."""
        with self._store.statement():
            return set(self._wishes.filter(pk__in=ids).values_list("pk", flat=True))

    def sweep(self) -> int:
        """Cancel jobs that wait although they were to end, and forget the wishes about others that have ended.

        The pool of such a job has died, or the wish was committed only after the job had been put back.
        """
        wish = self._wishes.filter(pk=OuterRef("pk"))
        waiting = self._jobs.filter(Exists(wish), state__in=(State.SCHEDULED, State.READY))
        with self._store.writing():
            ids = self._store.free(waiting)
            by = dict(self._wishes.filter(pk__in=ids).values_list("pk", "requested_by"))
            now = self._store.ago(0)
            for job_id in ids:
                self._jobs.filter(pk=job_id).update(
                    state=State.CANCELLED, finished_at=now, updated_at=now, last_error=said(by[job_id])
                )
            going_on = Job.objects.using(self._store.alias).filter(pk=OuterRef("pk"), state__lte=State.RUNNING)
            self._wishes.filter(~Exists(going_on)).delete()
        return len(ids)

    @property
    def _jobs(self) -> JobQuerySet:
        return Job.objects.using(self._store.alias)

    @property
    def _wishes(self) -> QuerySet[Cancellation]:
        return Cancellation.objects.using(self._store.alias)
