"""How many jobs each queue has in a state, counted by index and no further than a limit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connections

# States stand as literals: a parameter would keep the planner from the partial indexes.
SCHEDULED = """
SELECT queue, count(*) FROM (
  SELECT queue FROM jobqueue_job WHERE state = 0 ORDER BY run_at LIMIT %s) AS found GROUP BY queue
"""
RUNNING = """
SELECT queue, count(*) FROM (
  SELECT queue FROM jobqueue_job WHERE state = 2 ORDER BY pool_id LIMIT %s) AS found GROUP BY queue
"""
FAILED = """
SELECT queue, count(*) FROM (
  SELECT queue FROM jobqueue_job WHERE state = 4 AND finished_at >= %s
  ORDER BY finished_at DESC LIMIT %s) AS found GROUP BY queue
"""

READY = """
SELECT CAST(%s AS varchar(64)), count(*)
FROM (SELECT 1 FROM jobqueue_job WHERE state = 1 AND queue = %s LIMIT %s) AS found
"""
LATER = """
SELECT attempts > 0, count(*) FROM (
  SELECT attempts FROM jobqueue_job WHERE state = 0 ORDER BY run_at LIMIT %s) AS found GROUP BY 1
"""

Tally = dict[str, int]


def ready(alias: str, queues: Sequence[str], limit: int) -> Tally:
    """Count the ready jobs of some queues, those of each up to the limit."""
    if not queues:
        return {}
    parameters = [word for queue in queues for word in (queue, queue, limit)]
    return _count(alias, " UNION ALL ".join([READY] * len(queues)), *parameters)


def later(alias: str, limit: int) -> tuple[int, int]:
    """Return how many of the scheduled jobs that are due first were never tried, and how many will be tried again."""
    found = {bool(tried): count for tried, count in _rows(alias, LATER, limit)}
    return found.get(False, 0), found.get(True, 0)


def scheduled(alias: str, limit: int) -> Tally:
    """Count the scheduled jobs that are due first."""
    return _count(alias, SCHEDULED, limit)


def running(alias: str, limit: int) -> Tally:
    """Count jobs that workers hold."""
    return _count(alias, RUNNING, limit)


def failed(alias: str, since: datetime, limit: int) -> Tally:
    """Count the newest failed jobs since a time."""
    return _count(alias, FAILED, connections[alias].ops.adapt_datetimefield_value(since), limit)


def _count(alias: str, statement: str, *parameters: Any) -> Tally:
    return dict(_rows(alias, statement, *parameters))


def _rows(alias: str, statement: str, *parameters: Any) -> list[Any]:
    with connections[alias].cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
