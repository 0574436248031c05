"""What waits, without counting it: each queue and priority with its oldest ready job."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.db import connections

from jobqueue.models import Job

# One or two index probes for each lane, however many jobs are in it (a loose index scan).
LANES = """
WITH RECURSIVE head(id, number) AS (
  SELECT (SELECT id FROM jobqueue_job WHERE state = 1 {awake}ORDER BY queue, priority * -1, run_at, id LIMIT 1), 1
  UNION ALL
  SELECT coalesce(
    (SELECT below.id FROM jobqueue_job AS below
     WHERE below.state = 1 AND below.queue = job.queue AND below.priority * -1 > job.priority * -1 {awake}
     ORDER BY below.priority * -1, below.run_at, below.id LIMIT 1),
    (SELECT beside.id FROM jobqueue_job AS beside
     WHERE beside.state = 1 AND beside.queue > job.queue {awake}
     ORDER BY beside.queue, beside.priority * -1, beside.run_at, beside.id LIMIT 1)), number + 1
  FROM head CROSS JOIN jobqueue_job AS job WHERE job.id = head.id AND number < %s)
SELECT job.id, job.queue, job.priority, job.run_at
FROM head CROSS JOIN jobqueue_job AS job WHERE job.id = head.id ORDER BY number
"""

COUNT = """
SELECT count(*) FROM (
  SELECT 1 FROM jobqueue_job WHERE state = 1 AND queue = %s AND priority * -1 = %s {awake}LIMIT %s) AS found
"""

BEFORE = """
SELECT count(*) FROM (
  SELECT 1 FROM jobqueue_job
  WHERE state = 1 AND queue = %s AND priority * -1 = %s AND (run_at < %s OR (run_at = %s AND id < %s)) {awake}
  LIMIT %s) AS found
"""


# Without jobs of classes that rest. Only where one does: to ask for a name, a row must be read.
AWAKE = "AND name NOT IN (SELECT name FROM jobqueue_classpause) "


class Lane(NamedTuple):
    """The ready jobs of one queue and priority."""

    queue: str
    priority: int
    oldest: datetime


def read_lanes(alias: str, limit: int, *, awake: bool = False) -> list[Lane]:
    """Return the lanes that have ready jobs, by queue and by falling priority; no more than ``limit``.

    Args:
        alias: of the database.
        limit: how many at the most.
        awake: whether to leave out jobs of classes that rest. So below.
    """
    heads = Job.objects.using(alias).raw(_said(LANES, awake), [limit])
    return [Lane(job.queue, job.priority, job.run_at) for job in heads]


def count_ready(alias: str, lanes: Iterable[Lane], limit: int, *, awake: bool = False) -> int:
    """Return how many jobs are in some lanes; ``limit`` if there are so many or more."""
    count = 0
    with connections[alias].cursor() as cursor:
        for lane in lanes:
            cursor.execute(_said(COUNT, awake), (lane.queue, -lane.priority, limit - count))
            count += cursor.fetchone()[0]
            if count >= limit:
                break
    return count


def count_before(job: Job, limit: int, *, awake: bool = False) -> int:
    """Return how many ready jobs of its queue and priority come before a job; ``limit`` if so many or more."""
    alias = job._state.db or "default"
    run_at = connections[alias].ops.adapt_datetimefield_value(job.run_at)
    with connections[alias].cursor() as cursor:
        cursor.execute(_said(BEFORE, awake), (job.queue, -job.priority, run_at, run_at, job.pk, limit))
        return int(cursor.fetchone()[0])


def _said(statement: str, awake: bool) -> str:
    return statement.format(awake=AWAKE if awake else "")
