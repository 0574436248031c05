"""The table of jobs, as benchmarks prepare and read it."""

from __future__ import annotations

from django.db import connection
from django.db.models import Max, Min

from jobqueue.models import Job
from jobqueue.states import State

EMPTY = {"postgresql": ["TRUNCATE jobqueue_job"], "sqlite": ["DELETE FROM jobqueue_job"]}
SETTLE = {
    "postgresql": ["VACUUM ANALYZE jobqueue_job", "CHECKPOINT"],
    "sqlite": ["ANALYZE jobqueue_job", "PRAGMA wal_checkpoint(TRUNCATE)"],
}


def empty() -> None:
    """Begin with an empty table whose statistics say so."""
    _execute(*EMPTY[connection.vendor])
    analyse()


def analyse() -> None:
    """Bring the statistics up to date."""
    _execute("ANALYZE jobqueue_job")


def settle() -> None:
    """Let a table rest as after a quiet hour: nothing left to clean up, to count or to write out."""
    _execute(*SETTLE[connection.vendor])


def is_done() -> bool:
    """Whether all jobs have succeeded, and the table says so."""
    return not Job.objects.exclude(state=State.SUCCEEDED).exists()


def check_stored(jobs: int) -> None:
    """Make sure that so many jobs are in the table.

    Raises:
        AssertionError: saying how many there are.
    """
    stored = Job.objects.count()
    if stored != jobs:
        raise AssertionError(f"{stored} of {jobs} jobs are in the table")


def span() -> float:
    """Return the seconds from the first start to the moment when the last finish was written."""
    times = Job.objects.aggregate(began=Min("started_at"), ended=Max("updated_at"))
    return float((times["ended"] - times["began"]).total_seconds())


def _execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
