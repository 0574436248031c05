"""All that a caller may do to a job: enqueue it, and later retry, cancel, hasten or postpone it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from datetime import datetime
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.apps import apps
from django.db import connections, transaction
from django.utils import timezone

from jobqueue import signals, waking
from jobqueue.backlog import check_room
from jobqueue.drafting import Draft, draft, signed
from jobqueue.exceptions import JobStateError, OptionError, QueueFull, shown
from jobqueue.handlers import as_body, as_performable, declared_options, describe, enqueue_hook, sender_of
from jobqueue.logs import harmless
from jobqueue.middleware import Storing
from jobqueue.options import behaviour, check_call, merge
from jobqueue.pending import PendingIds, PendingJob, StoreAtCommit
from jobqueue.rows import NewJob, When, due_at
from jobqueue.states import State
from jobqueue.stores import get_store
from jobqueue.writing import writing

if TYPE_CHECKING:
    from jobqueue.models import Job
    from jobqueue.stores.base import Store

#: Most jobs, and most characters of handlers, that one INSERT stores.
BATCH_JOBS = 10_000
BATCH_CHARACTERS = 8 * 1024 * 1024


def enqueue(performable: Any, priority: int | None = None, run_at: When | None = None, **options: Any) -> Job:
    """Store a job on the caller's connection: it commits or rolls back with the caller's data.

    ``enqueue(VideoWorker(7))``, ``enqueue(send_receipt.bind(order), 5, tomorrow, queue="slow")``

    Args:
        performable: an object with ``perform()``, ``PerformableMethod``, or bound call of a job function.
        priority: larger first; by default as declared, else that of the queue, else 0.
        run_at: not before this time (aware datetime), or a timedelta from now.
        **options: queue, max_attempts, max_run_time, on_missing, atomic, ack, on_crash, key; see ``Options``.

    Returns:
        The stored row; the one that is there already if it has the same ``key``. If the jobs live in another
        database and a transaction is open on the caller's, it is stored at the commit, and ``id`` raises
        ``JobNotStored`` until then.

    Raises:
        OptionError, PayloadError, NotPerformable, TypeError, QueueFull: nothing is stored then.
    """
    performable = as_performable(performable)
    given = _checked(priority, run_at, options)
    merged = merge(declared_options(performable), given)
    name, data = describe(performable, behaviour(given))
    store = get_store()
    with Storing(name, merged.queue) as call, writing(store, "aenqueue"):
        new = signed(Draft(name, as_body(name, data, call.headers), merged))
        _check_room_for(store, new)
        waits_for = _foreign_transaction(store)
        if waits_for is None:
            job = _insert(store, new, performable)
            call.ids.append(job.pk)
            return job
        pending = PendingJob(waits_for)
        _at_commit(waits_for, lambda: pending.stored(_insert(store, new, performable)))
        return pending  # type: ignore[return-value]


def enqueue_many(
    performables: Iterable[Any], priority: int | None = None, run_at: When | None = None, **options: Any
) -> list[int]:
    """Store many jobs, one statement for 10,000 at most; all of them or none.

    ``enqueue_many(send_receipt.bind(order) for order in orders.iterator())`` keeps one batch in memory.
    The options are for all. Hooks and ``job_enqueued`` are for single jobs; they are not called.

    Returns:
        The ids in order. If the jobs live in another database and a transaction is open on the caller's, they
        are stored at its commit, and the list raises ``JobNotStored`` until then.

    Raises:
        OptionError, PayloadError, NotPerformable, TypeError, QueueFull: nothing is stored then.
    """
    if not isinstance(performables, Iterable):
        raise TypeError(f"enqueue_many takes jobs in a list or another iterable. It is {shown(performables)}.")
    if "key" in options:
        raise OptionError('"key" is for a single job; enqueue_many takes none.')
    given = _checked(priority, run_at, options)
    stored = behaviour(given)
    store = get_store()
    with Storing(None, given.get("queue")) as call, writing(store, "aenqueue_many"):
        drafts = (draft(as_performable(each), given, stored, call.headers) for each in performables)
        waits_for = _foreign_transaction(store)
        if waits_for is None:
            call.ids = _insert_many(store, _with_room(store, _batches(drafts)))
            return call.ids
        prepared = list(drafts)
        check_room(store, map(_place, prepared))
        pending = PendingIds(waits_for)
        _at_commit(waits_for, lambda: pending.stored(_insert_many(store, _batches(prepared))), len(prepared))
        return pending  # type: ignore[return-value]


async def aenqueue(
    performable: Any, priority: int | None = None, run_at: When | None = None, **options: Any
) -> Job:
    """Do as ``enqueue`` does, from async code."""
    return await sync_to_async(enqueue)(performable, priority, run_at, **options)


async def aenqueue_many(
    performables: Iterable[Any], priority: int | None = None, run_at: When | None = None, **options: Any
) -> list[int]:
    """Do as ``enqueue_many`` does, from async code."""
    return await sync_to_async(enqueue_many)(performables, priority, run_at, **options)


def retry(job: Job | int) -> None:
    """Make a failed or cancelled job ready again, its attempts uncounted.

    Args:
        job: the job or its id.

    Raises:
        JobStateError: if it is in another state, which is named.
    """
    _act("retry", job, (State.FAILED, State.CANCELLED))


def cancel(job: Job | int, by: str = "") -> bool:
    """Call off a job that waits, or have one end that runs.

    A running job gets ``JobCalledOff`` within two seconds, a coroutine is cancelled; what does not end then is ended
    with its process ``KILL_SECONDS`` later. If it succeeds meanwhile, it has succeeded.

    Args:
        job: the job or its id.
        by: who wants it, for its ``error``.

    Returns:
        Whether it is cancelled; False if it runs, and ends soon.

    Raises:
        JobStateError: if it has ended.
    """
    store, job_id, by = get_store(), _id_of(job, "cancel"), check_by(by)
    with writing(store, "acancel"):
        if store.cancel(job_id):
            return True
        # Whatever becomes of it between the two looks, the wish is heeded.
        if store.call_off([job_id], by):
            return False
    raise _not_possible(store, "cancel", job_id, (State.SCHEDULED, State.READY, State.RUNNING))


def run_now(job: Job | int) -> None:
    """Make a scheduled job ready, whatever its time.

    Args:
        job: the job or its id.

    Raises:
        JobStateError: if it is in another state, which is named.
    """
    _act("run_now", job, (State.SCHEDULED,))


def postpone(job: Job | int, run_at: When) -> None:
    """Let a job that waits run at another time, a later or an earlier one.

    Args:
        job: the job or its id.
        run_at: not before this time (aware datetime), or a timedelta from now.

    Raises:
        JobStateError: if it is in another state, which is named.
        OptionError: if the time cannot be stored.
    """
    _act("postpone", job, (State.SCHEDULED, State.READY), run_at)


async def aretry(job: Job | int) -> None:
    """Do as ``retry`` does, from async code."""
    await sync_to_async(retry)(job)


async def acancel(job: Job | int, by: str = "") -> bool:
    """Do as ``cancel`` does, from async code."""
    return await sync_to_async(cancel)(job, by)


async def arun_now(job: Job | int) -> None:
    """Do as ``run_now`` does, from async code."""
    await sync_to_async(run_now)(job)


async def apostpone(job: Job | int, run_at: When) -> None:
    """Do as ``postpone`` does, from async code."""
    await sync_to_async(postpone)(job, run_at)


# From a performable to a row.


def _checked(priority: int | None, run_at: When | None, options: dict[str, Any]) -> dict[str, Any]:
    if priority is None and run_at is None and not options:
        return {}
    return check_call({"priority": priority, "run_at": run_at, **options})


def _check_room_for(store: Store, new: NewJob) -> None:
    try:
        check_room(store, [(new.queue, new.run_at)])
    except QueueFull:
        # Nothing more is stored if its key is taken.
        if new.key is None or store.keyed(new.key) is None:
            raise


def _insert(store: Store, new: NewJob, performable: Any) -> Job:
    """Store a job; if its key is taken, return the one that has it."""
    while (job := _insert_new(store, new, performable)) is None:
        # It may be pruned between the two looks.
        if new.key is not None and (job := store.keyed(new.key)) is not None:
            break
    return job


def _insert_new(store: Store, new: NewJob, performable: Any) -> Job | None:
    hook = enqueue_hook(performable)
    # A hook that raises must leave no row behind.
    with nullcontext() if hook is None else transaction.atomic(using=store.alias):
        job = store.insert(new)
        if job is None:
            return None
        if hook is not None:
            hook(job)
    signals.send(signals.job_enqueued, sender_of(performable), job=job)
    return waking.stored(store, job)


class _Signing:
    """Drafts as rows, each signed when its turn comes: the database takes in the rows before it meanwhile."""

    def __init__(self, drafts: list[Draft]) -> None:
        self._drafts = drafts

    def __len__(self) -> int:
        return len(self._drafts)

    def __iter__(self) -> Iterator[NewJob]:
        return map(signed, self._drafts)


def _insert_many(store: Store, batches: Iterable[list[Draft]]) -> list[int]:
    ids, queues = list[int](), set[str]()
    now = timezone.now()
    with transaction.atomic(using=store.alias):
        for batch in batches:
            ids += store.insert_many(_Signing(batch))
            for queue, run_at in set(map(_place, batch)):
                queues |= waking.concerned(queue, due_at(run_at, now) - now)
    waking.stored_many(store, ids, queues)
    return ids


def _with_room(store: Store, batches: Iterable[list[Draft]]) -> Iterator[list[Draft]]:
    for batch in batches:
        check_room(store, map(_place, batch))
        yield batch


def _place(draft: Draft) -> tuple[str, When | None]:
    return draft.options.queue, draft.options.run_at


def _batches(drafts: Iterable[Draft]) -> Iterator[list[Draft]]:
    batch: list[Draft] = []
    characters = 0
    for each in drafts:
        batch.append(each)
        characters += len(each.body)
        if len(batch) >= BATCH_JOBS or characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


# Where the jobs live in another database than the caller's data.


def _foreign_transaction(store: Store) -> str | None:
    """Return the alias of a transaction that the row must wait for, since it cannot be part of it."""
    if len(connections.settings) == 1 or connections[store.alias].in_atomic_block:
        return None
    for connection in connections.all(initialized_only=True):
        if connection.in_atomic_block:
            return connection.alias
    return None


def _at_commit(alias: str, store_it: Callable[[], None], jobs: int = 1) -> None:
    transaction.on_commit(StoreAtCommit(store_it, jobs), using=alias)


# Acts on stored jobs.


def check_by(by: Any) -> str:
    """Return the name of who wants jobs to end as it may be stored and shown."""
    if not isinstance(by, str):
        raise TypeError(f"cancel takes a name as by. It is {shown(by)}.")
    return harmless(by)


def _act(verb: str, job: Job | int, origins: tuple[State, ...], run_at: When | None = None) -> None:
    store = get_store()
    job_id = _id_of(job, verb)
    given = (check_time(run_at, store),) if verb == "postpone" else ()
    with writing(store, f"a{verb}"):
        done = getattr(store, verb)(job_id, *given)
        found = _look(store, job_id)
    if not done:
        raise _not_possible(store, verb, job_id, origins)
    if found and found[0] == State.READY:
        waking.made_ready(store, [job_id], {found[1]})


def _look(store: Store, job_id: int) -> tuple[int, str] | None:
    """Return the state and queue of a job, if it is there."""
    rows = apps.get_model("jobqueue", "Job")._base_manager.using(store.alias)
    with store.statement():
        found: tuple[int, str] | None = rows.filter(pk=job_id).values_list("state", "queue").first()
    return found


def _not_possible(store: Store, verb: str, job_id: int, origins: tuple[State, ...]) -> JobStateError:
    found = _look(store, job_id)
    if found is None:
        return JobStateError(f"Job #{job_id} does not exist.")
    *others, last = (each.label for each in origins)
    possible = f"{', '.join(others)} or {last}" if others else last
    return JobStateError(f"Job #{job_id} is {State(found[0]).label}; {verb} takes only a {possible} job.")


def check_time(run_at: When | None, store: Store) -> datetime:
    """Return when a job shall run that is moved to a time.

    Raises:
        OptionError: if it is no time, or cannot be stored.
    """
    if run_at is None:
        raise OptionError("run_at must be an aware datetime, or a timedelta from now. It is None.")
    return due_at(check_call({"run_at": run_at})["run_at"], store.now())


def _id_of(job: Any, verb: str) -> int:
    stored = isinstance(job, PendingJob | apps.get_model("jobqueue", "Job"))
    job_id = job.pk if stored else job
    if isinstance(job_id, int) and not isinstance(job_id, bool):
        return job_id
    raise TypeError(f"{verb} takes a stored job or its id, a whole number. It is {shown(job)}.")
