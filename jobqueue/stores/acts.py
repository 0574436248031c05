"""What people do to jobs that are stored: from which states, and what is written then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db.models import F
from django.db.models.functions import Least

from jobqueue.models import Attempt, Cancellation, JobQuerySet, Report
from jobqueue.rows import ClaimRequest
from jobqueue.states import FINAL, State


class Act(StrEnum):
    """One kind of act."""

    RETRY = "retry"
    RUN_NOW = "run_now"
    CANCEL = "cancel"
    POSTPONE = "postpone"
    DELETE = "delete"


#: From which states each is possible.
ORIGINS: dict[Act, tuple[State, ...]] = {
    Act.RETRY: (State.FAILED, State.CANCELLED),
    Act.RUN_NOW: (State.SCHEDULED,),
    Act.CANCEL: (State.SCHEDULED, State.READY),
    Act.POSTPONE: (State.SCHEDULED, State.READY),
    Act.DELETE: (State.SCHEDULED, State.READY, *sorted(FINAL)),
}

#: From which states each is taken: the end of a job that runs can be wished for.
TAKEN: dict[Act, tuple[State, ...]] = {**ORIGINS, Act.CANCEL: (*ORIGINS[Act.CANCEL], State.RUNNING)}

#: The most attempts that the column holds.
LARGEST = 2**31 - 1
LOCKED = "locked by somebody"
GONE = "not there"


@dataclass(slots=True)
class Acted:
    """What an act on many jobs has done."""

    #: Ids of the jobs that it changed.
    done: list[int] = field(default_factory=list)
    #: Ids of running jobs that were told to end, and do so soon.
    ending: list[int] = field(default_factory=list)
    #: Why others were left alone, by id: the state that they are in, "locked by somebody", "not there".
    skipped: dict[int, str] = field(default_factory=dict)
    #: Queues whose workers have something to do now.
    queues: set[str] = field(default_factory=set)

    def __iadd__(self, other: Acted) -> Acted:
        """Add what another has done."""
        self.done += other.done
        self.ending += other.ending
        self.skipped |= other.skipped
        self.queues |= other.queues
        return self


def changes(act: Act, now: Any, run_at: datetime | None = None, *, later: bool = False) -> dict[str, Any]:
    """Return the columns that an act writes.

    Args:
        act: any but that of deleting.
        now: the database's time, as a query takes it.
        run_at: when the job is due then; None: now.
        later: whether that is still to come.
    """
    if act is Act.CANCEL:
        return {"state": State.CANCELLED, "finished_at": now, "updated_at": now}
    due = {
        "state": State.SCHEDULED if later else State.READY,
        "run_at": now if run_at is None else run_at,
        "updated_at": now,
    }
    if act is not Act.RETRY:
        return due
    ended = ("failed_at", "finished_at", "blocked_at")
    return {**due, "attempts": 0, "crashes": 0, **dict.fromkeys(ended)}


def claimed(request: ClaimRequest, now: Any) -> dict[str, Any]:
    """Return the columns that a claim by hand writes."""
    return {
        "state": State.RUNNING,
        "claim_id": request.claim_id,
        "pool_id": request.pool_id,
        "locked_by": request.locked_by,
        "locked_at": now,
        "updated_at": now,
        "attempts": Least(F("attempts"), LARGEST - 1) + 1,
    }


def write(jobs: JobQuerySet, act: Act, ids: Sequence[int], columns: dict[str, Any]) -> Acted:
    """Do an act to those of some jobs that are in a fitting state, inside of the present transaction.

    What somebody else keeps locked is left alone.
    """
    fitting = jobs.filter(pk__in=ids, state__in=ORIGINS[act]).order_by("pk")
    free = dict(fitting.select_for_update(skip_locked=True, no_key=True).values_list("pk", "queue"))
    if act is Act.DELETE:
        _delete(jobs, list(free))
    else:
        if act is Act.RETRY:
            forget_wishes(jobs.filter(pk__in=list(free)))
        jobs.filter(pk__in=list(free)).update(**columns)
    queues = set(free.values()) if columns.get("state") == State.READY else set[str]()
    return Acted(list(free), [], _left(jobs, act, [pk for pk in ids if pk not in free]), queues)


def forget_wishes(jobs: JobQuerySet) -> None:
    """Forget who wanted these jobs to end: a wish that came too late must not end the next attempt."""
    Cancellation.objects.using(jobs.db).filter(pk__in=jobs.order_by().values("pk")).delete()


def _delete(jobs: JobQuerySet, ids: list[int]) -> None:
    """Delete rows and what belongs to them, without reading them first, as Django would."""
    for model in (Attempt, Report, Cancellation):
        model._base_manager.using(jobs.db).filter(job_id__in=ids)._raw_delete(jobs.db)
    jobs.filter(pk__in=ids)._raw_delete(jobs.db)


def _left(jobs: JobQuerySet, act: Act, ids: list[int]) -> dict[int, str]:
    """Return why jobs were left alone."""
    there = dict(jobs.filter(pk__in=ids).values_list("pk", "state")) if ids else {}
    return {pk: _why(there.get(pk), act) for pk in ids}


def _why(state: int | None, act: Act) -> str:
    if state is None:
        return GONE
    return LOCKED if state in ORIGINS[act] else State(state).label
