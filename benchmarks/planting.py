"""Rows by the million, made by the database itself."""

from __future__ import annotations

from django.db import connection

from benchmarks.jobs import tally
from jobqueue.models import Job
from jobqueue.states import State

# A millisecond lies between two jobs.
PLANT = {
    "postgresql": """
        INSERT INTO jobqueue_job (handler, name, queue, priority, attempts, crashes,
                                  run_at, created_at, updated_at, finished_at, state)
        SELECT %(handler)s, %(name)s, %(queue)s, 0, %(attempts)s, 0,
               now() + %(days)s * interval '1 day' + (n - %(count)s) * interval '1 millisecond', now(), now(),
               CASE WHEN %(state)s > 2 THEN now() END, %(state)s
        FROM generate_series(1, %(count)s) AS n""",
    "sqlite": """
        WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %(count)s),
        clock(now) AS (SELECT strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now'))
        INSERT INTO jobqueue_job (handler, name, queue, priority, attempts, crashes,
                                  run_at, created_at, updated_at, finished_at, state)
        SELECT %(handler)s, %(name)s, %(queue)s, 0, %(attempts)s, 0,
               strftime('%%Y-%%m-%%d %%H:%%M:%%f', now, %(days)s || ' days', ((n - %(count)s) / 1000.0) || ' seconds'),
               now, now, CASE WHEN %(state)s > 2 THEN now END, %(state)s
        FROM numbers, clock""",
}


def plant(state: State, count: int) -> None:
    """Insert so many jobs: ready since a while, scheduled for next year, or succeeded just now.

    They share one handler, since the database cannot sign.
    """
    handler, name, queue = _signed()
    given = {
        "handler": handler,
        "name": name,
        "queue": queue,
        "state": state.value,
        "count": count,
        "days": 366 if state is State.SCHEDULED else 0,
        "attempts": 1 if state is State.SUCCEEDED else 0,
    }
    with connection.cursor() as cursor:
        cursor.execute(PLANT[connection.vendor], given)


def _signed() -> tuple[str, str, str]:
    """Return what a stored job says of itself, of a job that is stored for that alone."""
    row = Job.objects.filter(pk=tally.enqueue(0).pk)
    [said] = row.values_list("handler", "name", "queue")
    row.delete()
    return said
