"""How many jobs each queue has in a state, counted by index and no further than a limit."""

from __future__ import annotations

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
  SELECT queue, state FROM jobqueue_job WHERE state >= 3 AND finished_at >= %s
  ORDER BY finished_at DESC LIMIT %s) AS found WHERE state = 4 GROUP BY queue
"""

Tally = dict[str, int]


def scheduled(alias: str, limit: int) -> Tally:
    """Count the scheduled jobs that are due first."""
    return _count(alias, SCHEDULED, limit)


def running(alias: str, limit: int) -> Tally:
    """Count jobs that workers hold."""
    return _count(alias, RUNNING, limit)


def failed(alias: str, since: datetime, limit: int) -> Tally:
    """Count failed jobs among the newest ends since a time."""
    return _count(alias, FAILED, connections[alias].ops.adapt_datetimefield_value(since), limit)


def _count(alias: str, statement: str, *parameters: Any) -> Tally:
    with connections[alias].cursor() as cursor:
        cursor.execute(statement, parameters)
        return dict(cursor.fetchall())
