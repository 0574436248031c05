"""What waits in the table, as tests look at it; and what is not there yet, since it waits for a commit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from jobqueue.exceptions import JobNotStored, JobQueueError
from jobqueue.handlers import contents
from jobqueue.handlers.codec import decode
from jobqueue.handlers.methods import load_receiver
from jobqueue.handlers.shown import masked_arguments, named_arguments
from jobqueue.models import Job
from jobqueue.pending import StoreAtCommit
from jobqueue.states import WAITING, State
from jobqueue.stores import get_store
from jobqueue.testing.travelling import travelled

REMEDY = (
    "Use: with self.captureOnCommitCallbacks(execute=True), in pytest: "
    "with django_capture_on_commit_callbacks(execute=True)"
)


@dataclass(frozen=True)
class EnqueuedJob:
    """A job that waits to be performed.

    Attributes:
        row: the stored ``Job``.
    """

    row: Job

    @property
    def id(self) -> int:
        """The row's id."""
        return int(self.row.pk)

    @property
    def name(self) -> str:
        """What is performed."""
        return self.row.name

    @property
    def queue(self) -> str:
        """The name of its queue."""
        return self.row.queue

    @property
    def priority(self) -> int:
        """Larger first."""
        return self.row.priority

    @property
    def run_at(self) -> datetime:
        """When it is due; inside ``travel_to`` by the time that was travelled to."""
        return self.row.run_at + travelled() if self.row.state == State.SCHEDULED else self.row.run_at

    @cached_property
    def arguments(self) -> dict[str, Any]:
        """Its arguments by name, or the attributes of its object, as it will get them; of a method also ``self``.

        Model instances are read from the database.

        Raises:
            BadSignature, CorruptHandler, UnknownPerformable, MissingRow: as a worker would find it.
        """
        data, signed = contents(self.row)
        arguments = named_arguments(
            data, signed, lambda stored: None if _is_receiver(stored) else decode(stored, signed=signed)
        )
        return {**arguments, "self": load_receiver(data["of"])} if "of" in data and signed else arguments

    def __str__(self) -> str:
        try:
            call = ", ".join(f"{name}={value!s:.60}" for name, value in masked_arguments(self.row).items())
        except JobQueueError as error:
            call = str(error)
        more = f" run_at={self.run_at:%Y-%m-%d %H:%M:%S}" if self.row.state == State.SCHEDULED else ""
        return f"#{self.id} {self.name}({call}) queue={self.queue} priority={self.priority}{more}"


def waiting() -> list[EnqueuedJob]:
    """Return all jobs that wait, in the order in which they were stored.

    Raises:
        JobNotStored: if there are some that wait for a commit.
    """
    check_commits()
    rows = Job.objects.using(get_store().alias).filter(state__in=WAITING).order_by("pk")
    return [EnqueuedJob(row) for row in rows]


def check_commits() -> None:
    """Raise JobNotStored if jobs wait for the commit of another database's transaction."""
    for connection in connections.all(initialized_only=True):
        jobs = sum(each.jobs for each in _callbacks(connection) if isinstance(each, StoreAtCommit))
        if not jobs:
            continue
        what = "1 job waits" if jobs == 1 else f"{jobs} jobs wait"
        if _is_only_the_tests(connection):
            raise JobNotStored(f"{what} for a commit that TestCase never makes. {REMEDY}")
        raise JobNotStored(
            f'{what} for the commit of the transaction on "{connection.alias}", which is still open. '
            "Look after its atomic() block."
        )


def pending_callbacks() -> int:
    """Return how many of the project's own ``on_commit`` callbacks wait for a commit that a test never makes."""
    return sum(
        not getattr(each, "__module__", "").startswith("jobqueue.")
        for connection in connections.all(initialized_only=True)
        for each in _callbacks(connection)
    )


def _callbacks(connection: BaseDatabaseWrapper) -> Iterator[Any]:
    return (entry[1] for entry in connection.run_on_commit)


def _is_only_the_tests(connection: BaseDatabaseWrapper) -> bool:
    """Whether the only transaction that is open is that of a TestCase."""
    blocks = getattr(connection, "atomic_blocks", ())
    return bool(blocks) and all(getattr(each, "_from_testcase", False) for each in blocks)


def _is_receiver(stored: Any) -> bool:
    return isinstance(stored, dict) and stored.get("$") in {"class", "object"}
