"""The contract of a store, and the statements that need no database's own tongue.

Every write about a claimed row names the claim and the state it expects: a worker that has lost its claim
changes nothing, whatever it still believes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from django.db import ProgrammingError, transaction
from django.db.models import Exists, OuterRef, QuerySet

from jobqueue.logs import headline
from jobqueue.models import ClassPause, Job, JobQuerySet, Pause, Pool
from jobqueue.outcomes import Decision
from jobqueue.rows import ClaimedJob, ClaimRequest, Finish, NewJob, Promotion, Texts
from jobqueue.states import WAITING, State
from jobqueue.stores.acts import ORIGINS, Act, Acted, changes, claimed, forget_wishes, write
from jobqueue.stores.ears import Ear
from jobqueue.stores.edits import Seen, write_edit
from jobqueue.stores.errors import wrong_with_table
from jobqueue.stores.pauses import Pauses
from jobqueue.stores.texts import sealed, told_apart
from jobqueue.stores.wishes import Wishes

#: What becomes of a claimed job whose worker is gone.
Judge = Callable[[ClaimedJob], Decision]


class NewJobs(Protocol):
    """Jobs to store, of a known number."""

    def __len__(self) -> int:
        """Return how many."""

    def __iter__(self) -> Iterator[NewJob]:
        """Return them in order."""


class Store(ABC):
    """Reads and writes job rows on one database alias, on the calling thread's connection."""

    #: Whether ``notify`` reaches sleeping workers.
    can_notify = False

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self.pauses = Pauses(self, Pause)
        self.class_pauses = Pauses(self, ClassPause)

    def deadline(self, seconds: float) -> AbstractContextManager[object]:
        """Return what bounds each question that the calling thread asks inside of it, where a server may be gone."""
        return nullcontext()

    # Enqueue

    def check_between_queries(self) -> None:  # noqa: B027 (SQLite may be asked at any time)
        """Raise RuntimeError if this thread is in the midst of a query already, as a signal handler may find it."""

    @abstractmethod
    def insert(self, new: NewJob) -> Job | None:
        """Store one job on the caller's connection and transaction; None if its key is taken."""

    @abstractmethod
    def insert_many(self, new: NewJobs) -> list[int]:
        """Store many jobs, without keys, in one statement; their ids come back in the order given."""

    def keyed(self, key: str) -> Job | None:
        """Return the job that has a key, if there is one."""
        return self._jobs.filter(key=key).first()

    def waiting(self, queue: str, most: int) -> int:
        """Return how many jobs of a queue are ready, counted by index and no further than ``most``."""
        return self._jobs.in_state(State.READY).filter(queue=queue)[:most].count()

    def notify(self, queues: Collection[str]) -> None:  # noqa: B027 (a capability that a store may lack)
        """Ring the workers of these queues, where the database can."""

    @abstractmethod
    def ear(self) -> Ear:
        """Return what hears that other connections have stored jobs."""

    # Claim

    @abstractmethod
    def claim(self, request: ClaimRequest) -> list[ClaimedJob]:
        """Take up to ``limit`` ready jobs in order; none if the pool is not alive."""

    def adopt(self, request: ClaimRequest) -> list[ClaimedJob]:
        """Return what a claim took whose answer was lost on the way."""
        held = self._jobs.running().filter(pool_id=request.pool_id, claim_id=request.claim_id)
        with self.statement():
            return sorted(self._as_claimed(held), key=claim_order)

    def restamp(self, jobs: Sequence[ClaimedJob], claim_id: UUID) -> list[ClaimedJob]:
        """Put held jobs under a new claim and return those that were still ours, in their order.

        What somebody keeps locked stays under its old claim, and is not among them.
        """
        with self.writing():
            self._jobs.filter(pk__in=self.free(self._still_held(jobs))).update(claim_id=claim_id)
            kept = set(self._jobs.running().filter(claim_id=claim_id).values_list("pk", flat=True))
        return [job._replace(claim_id=claim_id) for job in jobs if job.id in kept]

    @abstractmethod
    def promote(self, limit: int = 1000) -> Promotion:
        """Make scheduled jobs ready whose time has come, and tell which queues have ready jobs."""

    # Finish

    def finish(self, finishes: Sequence[Finish]) -> list[Finish]:
        """Write how attempts ended, and return those that were no longer ours to write.

        May be repeated after a lost answer: what is already written under the same claim counts as written.
        """
        succeeded, gone, others = _sort_out(finishes)
        written: set[int] = set()
        if succeeded:
            written |= self._finish_succeeded(sealed(succeeded))
        if gone:
            written |= self._delete(gone)
        if others:
            written |= self._settle(sealed(told_apart(others)))
        missing = [each for each in finishes if each.job.id not in written]
        return self._lost_among(missing) if missing else []

    @abstractmethod
    def _finish_succeeded(self, finishes: Sequence[Finish]) -> set[int]:
        """Write plain successes; return the ids surely written."""

    @abstractmethod
    def _delete(self, finishes: Sequence[Finish]) -> set[int]:
        """Delete ended jobs that are not kept; return the ids surely deleted."""

    @abstractmethod
    def _settle(self, finishes: Sequence[Finish]) -> set[int]:
        """Write any other decision; return the ids surely written."""

    def finish_around_locks(self, finishes: Sequence[Finish]) -> tuple[list[Finish], list[Finish]]:
        """Write as ``finish`` does, and wait for nobody: return what was lost, and what somebody keeps locked."""
        with self.writing():
            held = self._still_held([each.job for each in finishes])
            free = self.free(held)
            locked = set(held.values_list("pk", flat=True)).difference(free)
            lost = self.finish([each for each in finishes if each.job.id not in locked])
        return lost, [each for each in finishes if each.job.id in locked]

    def _lost_among(self, finishes: Sequence[Finish]) -> list[Finish]:
        rows = self._jobs.filter(pk__in=[each.job.id for each in finishes])
        with self.statement():
            now = {pk: (claim, state) for pk, claim, state in rows.values_list("pk", "claim_id", "state")}
        return [each for each in finishes if not _is_written(each, now.get(each.job.id))]

    def hold(self, job: ClaimedJob, seconds: float) -> bool:
        """Lock the row of a job inside the present transaction; False if the claim is lost.

        Args:
            job: as claimed.
            seconds: a server that hears nothing for so long may end the transaction: the worker is gone.

        Raises:
            OperationalError: at once, if somebody keeps the row locked.
        """
        mine = self._jobs.running().filter(pk=job.id, claim_id=job.claim_id)
        return mine.select_for_update(nowait=True, no_key=True).values_list("pk").first() is not None

    # Jobs without a worker

    def held(self, pool_id: int, locked_by: str) -> list[ClaimedJob]:
        """Return what one worker of a pool holds according to the table."""
        with self.statement():
            return self._as_claimed(self._jobs.running().filter(pool_id=pool_id, locked_by=locked_by))

    def settle(self, pool_id: int, locked_by: str, finish: Callable[[ClaimedJob], Finish]) -> bool:
        """Write how the attempts of a worker ended that is gone, each as ``finish`` says.

        False if some must wait: a query of the worker's may outlive it, and keep a row locked.
        """
        with self.writing():
            held = self._jobs.running().filter(pool_id=pool_id, locked_by=locked_by)
            free = held.select_for_update(skip_locked=True, no_key=True)
            finishes = [finish(job) for job in self._as_claimed(free)]
            if finishes:
                self.finish(finishes)
            return not held.exists()

    def strays(self, pool_id: int, workers: Collection[str]) -> list[ClaimedJob]:
        """Return what a pool holds in the name of none of its present workers."""
        with self.statement():
            return self._as_claimed(self._jobs.running().filter(pool_id=pool_id).exclude(locked_by__in=workers))

    def rescue(self, judge: Judge, limit: int = 1000) -> list[Finish]:
        """Take running jobs away from pools that are dead or gone, each as ``judge`` decides."""
        with self.statement():
            if self.orphans().values_list("pk").first() is None:
                return []
        with self.writing():
            locked = self.orphans().select_for_update(skip_locked=True, of=("self",), no_key=True)[:limit]
            finishes = [Finish(job, judge(job)) for job in self._as_claimed(locked)]
            lost = self.finish(finishes) if finishes else []
        return [each for each in finishes if each not in lost]

    def orphans(self) -> JobQuerySet:
        """Return the running jobs that belong to no living pool."""
        alive = Pool.objects.using(self.alias).filter(pk=OuterRef("pool_id"), alive=True)
        # By the index of held jobs, which this order shows to the planner.
        return self._jobs.running().filter(~Exists(alive)).order_by("pool_id", "pk")

    # Care

    def prune(self, keep_seconds: float, limit: int = 1000) -> int:
        """Delete up to ``limit`` succeeded or cancelled jobs that ended so long ago."""
        done = self._jobs.done().filter(finished_at__lt=self.ago(keep_seconds))
        with self.writing():
            oldest = done.order_by("finished_at").select_for_update(skip_locked=True)
            ids = list(oldest.values_list("pk", flat=True)[:limit])
            _, deleted = self._jobs.filter(pk__in=ids).delete()
        return deleted.get(Job._meta.label, 0)

    @abstractmethod
    def run_aside(self, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Run a statement that is rather given up than made to wait for a lock; return its rows."""

    @abstractmethod
    def rewrite(self, rows: Sequence[Texts]) -> set[int]:
        """Store texts of rows anew that say the same in another way; return the ids written.

        A row that is in another state or under another claim by now is left alone, and so is one that another
        transaction has locked.
        """

    # Acts of people

    def retry(self, job_id: int) -> bool:
        """Make a failed or cancelled job ready again, with all its attempts before it."""
        return self._do(Act.RETRY, job_id)

    def cancel(self, job_id: int) -> bool:
        """Call off a job that no worker holds yet."""
        return self._do(Act.CANCEL, job_id)

    def call_off(self, ids: Collection[int], by: str = "") -> set[int]:
        """Wish that these jobs end, whoever holds them; return those that had not ended before."""
        return Wishes(self).add(ids, by)

    def run_now(self, job_id: int) -> bool:
        """Make a scheduled job ready at once."""
        return self._do(Act.RUN_NOW, job_id)

    def postpone(self, job_id: int, run_at: datetime) -> bool:
        """Let a job that waits run at another time."""
        return self._do(Act.POSTPONE, job_id, run_at)

    def _do(self, act: Act, job_id: int, run_at: datetime | None = None) -> bool:
        fitting = self._jobs.filter(pk=job_id, state__in=ORIGINS[act])
        with self.writing() if act is Act.RETRY else self.statement():
            if act is Act.RETRY:
                forget_wishes(fitting)
            return bool(fitting.update(**self._columns(act, run_at)))

    def act(self, act: Act, ids: Sequence[int], run_at: datetime | None = None) -> Acted:
        """Do an act to many jobs at once; those in another state, or locked by somebody, are left alone.

        Args:
            act: what to do.
            ids: whose; a few hundred.
            run_at: when they are due then, for those acts that make jobs due; None: now.
        """
        columns = self._columns(act, run_at)
        with self.writing():
            return write(self._jobs, act, ids, columns)

    def edit(
        self, seen: Seen, columns: Mapping[str, Any], act: Act | None, run_at: datetime | None = None
    ) -> bool:
        """Write columns of a row that no worker holds, and do an act to it; False if it is not as it was seen."""
        more = {"updated_at": self.ago(0)} if act is None else self._columns(act, run_at)
        with self.writing():
            return write_edit(self._jobs, seen, {**columns, **more}, forget=act is Act.RETRY)

    def _columns(self, act: Act, run_at: datetime | None) -> dict[str, Any]:
        return changes(act, self.ago(0), run_at, later=run_at is not None and run_at > self.now())

    def take(self, job_id: int, request: ClaimRequest, states: Collection[State] = WAITING) -> ClaimedJob | None:
        """Claim one job in one of these states, whatever its time and whether its queue rests; None if that fails."""
        with self.writing():
            waiting = self._jobs.filter(pk=job_id, state__in=states)
            self._jobs.filter(pk__in=self.free(waiting)).update(**claimed(request, self.ago(0)))
            taken = self._as_claimed(self._jobs.running().filter(pk=job_id, claim_id=request.claim_id))
        return taken[0] if taken else None

    # Errors

    def refusal(self, error: Exception) -> str | None:
        """Say what the database refuses however long one waits, and what to do; None if waiting may help."""
        if wrong := wrong_with_table(error, self.alias):
            return wrong
        if isinstance(error, ProgrammingError):
            return f'Database "{self.alias}" refuses what jobqueue asks: {headline(str(error)).rstrip(".")}.'
        return None

    def lacks(self) -> str | None:
        """Say which privileges a pool would lack here, and what to type; None if none."""
        return None

    # Looks

    @abstractmethod
    def looking(self, seconds: float) -> AbstractContextManager[None]:
        """Let no query inside take longer; it reads by index, whatever the statistics say.

        A query that would raises OperationalError.
        """

    @abstractmethod
    def now(self) -> datetime:
        """Return the time by the clock that rules this database."""

    # Helpers

    @abstractmethod
    def ago(self, seconds: float) -> Any:
        """Return the time so many seconds ago, by the same clock, for a query."""

    @property
    def _jobs(self) -> JobQuerySet:
        return Job.objects.using(self.alias)

    def statement(self) -> AbstractContextManager[None]:
        """Surround one statement that Django writes for us, where the project's settings would change its meaning."""
        return nullcontext()

    def writing(self) -> AbstractContextManager[None]:
        """Open a transaction that reads first and writes then."""
        return transaction.atomic(using=self.alias)

    def _still_held(self, jobs: Sequence[ClaimedJob]) -> JobQuerySet:
        """Return those jobs that are still under the claims given."""
        ids, claims = [job.id for job in jobs], {job.claim_id for job in jobs}
        return self._jobs.running().filter(pk__in=ids, claim_id__in=claims)

    def free(self, rows: QuerySet[Any]) -> list[int]:
        """Lock what nobody else keeps locked, and return its ids."""
        free = rows.order_by("pk").select_for_update(skip_locked=True, no_key=True)
        return list(free.values_list("pk", flat=True))

    def _as_claimed(self, rows: JobQuerySet) -> list[ClaimedJob]:
        return [ClaimedJob(*row) for row in rows.values_list(*ClaimedJob._fields)]


def as_job(alias: str, new: NewJob, job_id: int, run_at: datetime, now: datetime) -> Job:
    """Return the row stored at ``now`` as a model instance, without reading it again."""
    state = State.SCHEDULED if run_at > now else State.READY
    stored = _EMPTY | new._asdict()
    stored |= {"id": job_id, "state": state, "run_at": run_at, "created_at": now, "updated_at": now}
    return Job.from_db(alias, stored.keys(), stored.values())


#: The columns in the order in which ``from_db`` takes them.
_EMPTY: dict[str, Any] = {field.attname: None for field in Job._meta.concrete_fields} | {
    "attempts": 0,
    "crashes": 0,
}


def claim_order(job: ClaimedJob) -> tuple[Any, ...]:
    """Sort key: larger priority first, then the older run_at, then the id."""
    return (-job.priority, job.run_at, job.id)


def _sort_out(finishes: Sequence[Finish]) -> tuple[list[Finish], list[Finish], list[Finish]]:
    """Split by statement; each part in id order, so that two writers lock rows in the same order."""
    succeeded: list[Finish] = []
    gone: list[Finish] = []
    others: list[Finish] = []
    for each in sorted(finishes, key=lambda each: each.job.id):
        if each.decision.delete:
            gone.append(each)
        elif each.decision.state is State.SUCCEEDED:
            succeeded.append(each)
        else:
            others.append(each)
    return succeeded, gone, others


def _is_written(each: Finish, row: tuple[UUID | None, int] | None) -> bool:
    if row is None:
        return each.decision.delete
    claim, state = row
    return claim == each.job.claim_id and state != State.RUNNING
