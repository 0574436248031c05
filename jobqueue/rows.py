"""A job as it travels between the rooms: on its way into the table, and in a worker's hands."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from jobqueue.outcomes import Decision

#: A time, or so long from now.
When = datetime | timedelta


class NewJob(NamedTuple):
    """A checked, signed job, ready for the INSERT.

    ``run_at`` None means now, and a timedelta so long from now, by the database's clock.
    """

    handler: str
    name: str
    queue: str = "default"
    priority: int = 0
    run_at: When | None = None
    max_attempts: int | None = None
    max_run_time: float | None = None
    key: str | None = None

    def __repr__(self) -> str:
        return f"<NewJob {self.name}>"


def due_at(run_at: When | None, now: datetime) -> datetime:
    """Return when a job is due that is stored now."""
    if run_at is None:
        return now
    return now + run_at if isinstance(run_at, timedelta) else run_at


class ClaimedJob(NamedTuple):
    """A job that one worker holds; what hooks and ``current_job()`` see."""

    id: int
    queue: str
    name: str
    priority: int
    attempts: int
    handler: str
    run_at: datetime
    created_at: datetime
    crashes: int
    max_attempts: int | None
    max_run_time: float | None
    blocked_at: datetime | None
    claim_id: UUID

    def __str__(self) -> str:
        return f"#{self.id} {self.name}"

    def __repr__(self) -> str:
        # Without the arguments: it may get into a log or a report.
        return f"<ClaimedJob {self}>"


class ClaimRequest(NamedTuple):
    """What one worker asks for. The claim_id is chosen before asking, so a lost answer can be asked for again."""

    claim_id: UUID
    pool_id: int
    locked_by: str
    limit: int
    queues: tuple[str, ...] = ()
    min_priority: int | None = None
    max_priority: int | None = None


class Finish(NamedTuple):
    """An ended (or released) attempt on its way into the row. Times are of the monotonic clock."""

    job: ClaimedJob
    decision: Decision
    started: float | None = None
    ended: float | None = None


class Texts(NamedTuple):
    """The texts of a row, to be stored anew if the row is still in that state and under that claim."""

    id: int
    state: int
    claim_id: UUID | None
    handler: str
    stored_result: str | None
    last_error: str | None

    def __repr__(self) -> str:
        return f"<Texts of #{self.id}>"


class Told(NamedTuple):
    """What a job tells of itself while it runs; ``log`` is empty where none is kept."""

    job_id: int
    claim_id: UUID
    done: float | None
    total: float | None
    text: str
    log: str

    def __repr__(self) -> str:
        return f"<Told of #{self.job_id}>"


class Promotion(NamedTuple):
    """What one look at the schedule has found.

    Attributes:
        moved: how many jobs became ready.
        queues: the queues in which they did.
        ready: the queues that have ready jobs, whoever made them so.
        next_in: seconds until the next job is due; None if none is scheduled.
        wishes: whether there are wishes to cancel jobs that were running.
    """

    moved: int
    queues: frozenset[str]
    ready: frozenset[str]
    next_in: float | None
    wishes: bool = False
