"""Assertions about the jobs that wait."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from asgiref.sync import sync_to_async

from jobqueue.rows import When
from jobqueue.testing.stored import REMEDY, EnqueuedJob, pending_callbacks, waiting
from jobqueue.testing.wanted import Wanted, wanted

#: Two times that differ by less are the same: nobody can say "now" twice.
TOLERANCE = timedelta(seconds=1)


def assert_enqueued(
    job: Any,
    *,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    queue: str | None = None,
    priority: int | None = None,
    run_at: When | None = None,
    count: int | None = None,
) -> list[EnqueuedJob]:
    """Fail unless such a job waits to be performed: ``assert_enqueued(send_receipt, args=[order])``.

    Args:
        job: a job function, a class, ``(obj, "method")`` or ``obj.method`` (with a class for anybody's); or an object
            with ``perform()`` or a bound call, which say their arguments, too.
        args: its positional arguments; of a class, those of ``__init__``. By position or by name is the same.
        kwargs: its arguments by name. Given one of the two, these must be all; given neither, any will do.
        queue: its queue.
        priority: its priority.
        run_at: when it is due, within a second; a timedelta counts from when it was stored.
        count: how many there are; None: one at least.

    Returns:
        Those found, in the order in which they were stored.

    Raises:
        AssertionError: with all jobs that wait.
        JobNotStored: if jobs wait for a commit that a test never makes.
    """
    __tracebackhide__ = True
    asked = Asked(wanted(job, args, kwargs), queue, priority, run_at)
    there = waiting()
    found = [each for each in there if asked.fits(each)]
    if (len(found) != count) if count is not None else not found:
        raise AssertionError("\n".join(_missing(asked, count, found, there)))
    return found


def refute_enqueued(
    job: Any,
    *,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    queue: str | None = None,
    priority: int | None = None,
    run_at: When | None = None,
) -> None:
    """Fail if such a job waits to be performed; takes and raises what ``assert_enqueued`` does."""
    __tracebackhide__ = True
    assert_enqueued(job, args=args, kwargs=kwargs, queue=queue, priority=priority, run_at=run_at, count=0)


def enqueued_jobs(job: Any = None, *, queue: str | None = None) -> list[EnqueuedJob]:
    """Return the jobs that wait to be performed, in the order in which they were stored.

    Args:
        job: only such; takes what ``assert_enqueued`` does.
        queue: only of this queue.

    Raises:
        JobNotStored: if jobs wait for a commit that a test never makes.
    """
    asked = None if job is None else wanted(job, None, None)
    there = [each for each in waiting() if queue in (None, each.queue)]
    return there if asked is None else [each for each in there if asked.fits(each.row)]


async def aassert_enqueued(job: Any, **asked: Any) -> list[EnqueuedJob]:
    """Do as ``assert_enqueued`` does, from async code."""
    __tracebackhide__ = True
    return await sync_to_async(_with_arguments)(assert_enqueued, job, **asked)


async def arefute_enqueued(job: Any, **asked: Any) -> None:
    """Do as ``refute_enqueued`` does, from async code."""
    __tracebackhide__ = True
    await sync_to_async(refute_enqueued)(job, **asked)


async def aenqueued_jobs(job: Any = None, *, queue: str | None = None) -> list[EnqueuedJob]:
    """Do as ``enqueued_jobs`` does, from async code."""
    return await sync_to_async(_with_arguments)(enqueued_jobs, job, queue=queue)


def _with_arguments(find: Any, job: Any, **asked: Any) -> list[EnqueuedJob]:
    """Return what is found, its arguments read: async code may not read them by the way."""
    found: list[EnqueuedJob] = find(job, **asked)
    for each in found:
        assert each.arguments is not None
    return found


@dataclass(frozen=True)
class Asked:
    """What a test looks for."""

    wanted: Wanted
    queue: str | None
    priority: int | None
    run_at: When | None

    def fits(self, job: EnqueuedJob) -> bool:
        """Whether a job is such a one."""
        return (
            self.queue in (None, job.queue)
            and self.priority in (None, job.priority)
            and self._is_then(job)
            and self.wanted.fits(job.row)
        )

    def _is_then(self, job: EnqueuedJob) -> bool:
        if self.run_at is None:
            return True
        if isinstance(self.run_at, timedelta):
            return abs(job.row.run_at - job.row.created_at - self.run_at) <= TOLERANCE
        return abs(job.run_at - self.run_at) <= TOLERANCE

    def __str__(self) -> str:
        call = self.wanted.name
        if self.wanted.arguments is not None:
            call += f"({', '.join(f'{name}={value}' for name, value in self.wanted.arguments.items())})"
        limits = {"queue": self.queue, "priority": self.priority, "run_at": self.run_at}
        return " ".join([call, *(f"{name}={value}" for name, value in limits.items() if value is not None)])


def _missing(
    asked: Asked, count: int | None, found: Sequence[EnqueuedJob], there: Sequence[EnqueuedJob]
) -> Iterator[str]:
    """Return the lines that say what is not as it should be."""
    number = "No job is" if not found else "1 job is" if len(found) == 1 else f"{len(found)} jobs are"
    yield f"{number} enqueued: {asked}" + (f"; wanted {count}." if count is not None else ".")
    if there:
        yield "These wait:"
        yield from (f"  {each}" for each in there)
    else:
        yield "No job waits."
    if not found and (callbacks := pending_callbacks()):
        what = "1 on_commit callback waits" if callbacks == 1 else f"{callbacks} on_commit callbacks wait"
        yield f"{what} for a commit that TestCase never makes; it may store the job. {REMEDY}"
