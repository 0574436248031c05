"""Job rows in SQLite.

One writer at a time, so a single UPDATE is a fair claim. Times are the host's. Statements begin with a write,
never with a read: a read snapshot cannot be upgraded while another process writes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django.db import OperationalError, connections, transaction
from django.utils import timezone

from jobqueue.models import Job, JobQuerySet
from jobqueue.outcomes import Decision
from jobqueue.rows import ClaimedJob, ClaimRequest, Finish, NewJob, Promotion, Texts, due_at
from jobqueue.states import State
from jobqueue.stores.base import NewJobs, Store, as_job, claim_order
from jobqueue.stores.ears import Ear
from jobqueue.stores.filewatch import FileChangeEar
from jobqueue.stores.sqlitewords import Clock, impatient, lenient, uuid_of, when

INSERT = """
INSERT INTO jobqueue_job (handler, name, queue, priority, max_attempts, max_run_time, key, attempts, crashes,
                          run_at, created_at, updated_at, state)
VALUES (%s, %s, %s, %s, %s, %s, %s, 0, 0, %s, %s, %s, %s)
ON CONFLICT DO NOTHING
RETURNING id
"""

INSERT_MANY = """
INSERT INTO jobqueue_job (handler, name, queue, priority, max_attempts, max_run_time, attempts, crashes,
                          run_at, created_at, updated_at, state)
SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
       json_extract(value, '$[3]'), json_extract(value, '$[5]'), json_extract(value, '$[6]'), 0, 0,
       coalesce(json_extract(value, '$[4]'), now.at), now.at, now.at,
       CASE WHEN json_extract(value, '$[4]') > now.at THEN 0 ELSE 1 END
FROM json_each(%s), (SELECT %s AS at) AS now
ORDER BY key
RETURNING id
"""

# The queues that have ready jobs, by one index probe each (a loose index scan).
ALL_QUEUES = """
names(name) AS (
  SELECT min(queue) FROM jobqueue_job WHERE state = 1
  UNION ALL
  SELECT (SELECT min(queue) FROM jobqueue_job WHERE state = 1 AND queue > names.name)
  FROM names WHERE names.name IS NOT NULL)"""

GIVEN_QUEUES = "names(name) AS (SELECT value FROM json_each(%(queues)s))"

# CROSS JOIN fixes the order of the loops: for each queue the first rows by index, merged outside. "+run_at" is the
# column's bare text: Django's own reader of times is slower, and stumbles over what is none.
CLAIM = """
WITH RECURSIVE {queues}
UPDATE jobqueue_job
SET state = 2, claim_id = %(claim_id)s, pool_id = %(pool_id)s, locked_by = %(locked_by)s,
    locked_at = %(now)s, updated_at = %(now)s, attempts = min(attempts, 2147483646) + 1
WHERE id IN (
    SELECT ready.id FROM names CROSS JOIN jobqueue_job AS ready
    WHERE NOT EXISTS (SELECT 1 FROM jobqueue_pause WHERE queue = names.name) AND ready.id IN (
      SELECT id FROM jobqueue_job
      WHERE state = 1 AND queue = names.name AND run_at <= %(now)s {priorities}
        AND name NOT IN (SELECT name FROM jobqueue_classpause)
      ORDER BY priority * -1, run_at, id LIMIT %(limit)s)
    ORDER BY ready.priority * -1, ready.run_at, ready.id LIMIT %(limit)s)
  AND EXISTS (SELECT 1 FROM jobqueue_pool WHERE id = %(pool_id)s AND alive)
RETURNING id, queue, name, priority, attempts, handler, +run_at, +created_at,
          crashes, max_attempts, max_run_time, +blocked_at
"""

READ = """
SELECT id, queue, name, priority, attempts, handler, +run_at, +created_at,
       crashes, max_attempts, max_run_time, +blocked_at, claim_id
FROM jobqueue_job WHERE id IN (SELECT value FROM json_each(%s))
"""

FINISH_SUCCEEDED = """
UPDATE jobqueue_job
SET state = 3, result = %s, started_at = %s, finished_at = %s,
    locked_at = NULL, pool_id = NULL, blocked_at = NULL, updated_at = %s
WHERE id = %s AND claim_id = %s AND state = 2
"""

DELETE = "DELETE FROM jobqueue_job WHERE id = %s AND claim_id = %s AND state = 2"

# What belonged to jobs that are gone.
DELETE_REST = [
    f"""
    DELETE FROM {table} WHERE job_id IN (SELECT value FROM json_each(%s))
    AND NOT EXISTS (SELECT 1 FROM jobqueue_job WHERE id = job_id)
    """  # noqa: S608 (constants)
    for table in ("jobqueue_attempt", "jobqueue_report", "jobqueue_cancellation")
]

SETTLE = """
UPDATE jobqueue_job
SET state = %s, run_at = coalesce(%s, run_at), attempts = max(attempts - %s, 0), crashes = min(crashes + %s, 32767),
    last_error = coalesce(%s, last_error), result = %s,
    blocked_at = CASE WHEN %s THEN coalesce(blocked_at, %s) END, failed_at = %s, finished_at = %s,
    started_at = coalesce(%s, started_at),
    locked_at = NULL, locked_by = NULL, pool_id = NULL, updated_at = %s
WHERE id = %s AND claim_id = %s AND state = 2
"""

# The row still says who held it, and how often it had been tried.
NOTE = """
INSERT INTO jobqueue_attempt (job_id, number, worker, outcome, exception, fingerprint, started_at, ended_at, error)
SELECT id, attempts, coalesce(locked_by, ''), %s, %s, %s, %s, %s, %s FROM jobqueue_job
WHERE id = %s AND claim_id = %s AND state = 2
"""

WISHES = """
SELECT job_id, CASE requested_by WHEN '' THEN 'cancelled while it was running' ELSE 'cancelled by ' || requested_by END
FROM jobqueue_cancellation WHERE job_id IN (SELECT value FROM json_each(%s))
"""

REWRITE = """
UPDATE jobqueue_job SET handler = %s, result = %s, last_error = %s
WHERE id = %s AND state = %s AND claim_id IS %s
RETURNING id
"""

QUEUES_WITH_WORK = f"""
WITH RECURSIVE {ALL_QUEUES} SELECT name FROM names
WHERE name NOT IN (SELECT queue FROM jobqueue_pause)
AND EXISTS (SELECT 1 FROM jobqueue_job AS ready WHERE ready.state = 1 AND ready.queue = names.name
            AND ready.name NOT IN (SELECT name FROM jobqueue_classpause))
"""  # noqa: S608 (a constant)

NEXT_DUE = """
SELECT (SELECT +run_at FROM jobqueue_job WHERE state = 0 ORDER BY run_at LIMIT 1),
       EXISTS (SELECT 1 FROM jobqueue_cancellation)
"""

PROMOTE = """
UPDATE jobqueue_job SET state = 1, updated_at = %s
WHERE id IN (SELECT id FROM jobqueue_job WHERE state = 0 AND run_at <= %s ORDER BY run_at LIMIT %s)
RETURNING queue
"""


#: What Python's driver says of text that is no UTF-8.
UNDECODABLE = "Could not decode"
#: Instructions of SQLite's virtual machine between two looks at the clock.
STEPS = 10_000
# Changes nothing, and takes the write lock.
LOCK = "UPDATE jobqueue_pool SET beats = beats WHERE 0"


class SQLiteStore(Store):
    """One statement per step; the file's single write lock keeps claims apart."""

    def insert(self, new: NewJob) -> Job | None:
        """Store one job on the caller's connection and transaction; None if its key is taken."""
        now = timezone.now()
        run_at = due_at(new.run_at, now)
        state = State.SCHEDULED if run_at > now else State.READY
        columns = (new.handler, new.name, new.queue, new.priority, new.max_attempts, new.max_run_time, new.key)
        at = self._text(now)
        stamps = (at if new.run_at is None else self._text(run_at), at, at)
        for (job_id,) in self._rows(INSERT, (*columns, *stamps, state.value)):
            return as_job(self.alias, new, job_id, run_at, now)
        return None

    def insert_many(self, new: NewJobs) -> list[int]:
        """Store many jobs in one statement; their ids come back in the order given."""
        if not new:
            return []
        now = timezone.now()
        rows = json.dumps([job._replace(run_at=self._run_at(job, now)) for job in new])
        return sorted(job_id for (job_id,) in self._rows(INSERT_MANY, (rows, self._text(now))))

    def _run_at(self, new: NewJob, now: datetime) -> Any:
        return None if new.run_at is None else self._text(due_at(new.run_at, now))

    def ear(self) -> Ear:
        """Return what sees the file change."""
        return FileChangeEar(self.alias, self._queues_with_work)

    def claim(self, request: ClaimRequest) -> list[ClaimedJob]:
        """Take up to ``limit`` ready jobs in order; none if the pool is not alive."""
        parameters = request._asdict() | {
            "claim_id": request.claim_id.hex,
            "queues": json.dumps(request.queues),
            "now": self._text(timezone.now()),
        }
        asked = bool(request.queues), request.min_priority is not None, request.max_priority is not None
        try:
            rows = self._rows(claim_statement(*asked), parameters)
        except OperationalError as error:
            if UNDECODABLE not in str(error):
                raise
            return self.adopt(request)  # the claim is made; there is text among it that must be read otherwise
        return sorted((_claimed((*row, request.claim_id)) for row in rows), key=claim_order)

    def promote(self, limit: int = 1000) -> Promotion:
        """Make scheduled jobs ready whose time has come; without any, nothing is written."""
        now = timezone.now()
        next_in, wishes = self._next_due(now)
        if next_in is None or next_in > 0:
            return Promotion(0, frozenset(), self._queues_with_work(), next_in, wishes)
        moved = self._rows(PROMOTE, (self._text(now), self._text(now), limit), any_text=True)
        queues = frozenset(queue for (queue,) in moved)
        return Promotion(len(moved), queues, self._queues_with_work(), *self._next_due(now))

    def _queues_with_work(self) -> frozenset[str]:
        return frozenset(name for (name,) in self._rows(QUEUES_WITH_WORK, (), any_text=True))

    def _next_due(self, now: datetime) -> tuple[float | None, bool]:
        """Return the seconds until the next job is due, and whether there are wishes to cancel."""
        [(run_at, wishes)] = self._rows(NEXT_DUE, ())
        return (None if run_at is None else max((when(run_at) - now).total_seconds(), 0.0)), bool(wishes)

    def _finish_succeeded(self, finishes: Sequence[Finish]) -> set[int]:
        clock = Clock()
        return self._write(
            FINISH_SUCCEEDED,
            finishes,
            [
                (
                    decision.result,
                    self._text(clock.at(started)),
                    self._text(clock.at(ended)),
                    self._text(clock.now),
                )
                for _job, decision, started, ended in finishes
            ],
        )

    def _delete(self, finishes: Sequence[Finish]) -> set[int]:
        ids = json.dumps([each.job.id for each in finishes])
        with transaction.atomic(using=self.alias):
            deleted = self._write(DELETE, finishes, [() for _ in finishes])
            for statement in DELETE_REST:
                self._rows(statement, (ids,))
        return deleted

    def _settle(self, finishes: Sequence[Finish]) -> set[int]:
        clock = Clock()
        failures = [each for each in finishes if each.decision.failure]
        with self.writing():
            finishes = self._as_wished(finishes)
            if failures:
                self._write(NOTE, failures, [self._noted(each, clock) for each in failures])
            return self._write(SETTLE, finishes, [self._settled(each, clock) for each in finishes])

    def _as_wished(self, finishes: Sequence[Finish]) -> list[Finish]:
        """Have jobs cancelled that would be tried again although somebody wishes that they end."""
        wishes = dict(self._rows(WISHES, (json.dumps([each.job.id for each in finishes]),)))
        return [
            each._replace(decision=_cancelled(each.decision, wishes[each.job.id]))
            if each.job.id in wishes and each.decision.state not in {State.SUCCEEDED, State.FAILED}
            else each
            for each in finishes
        ]

    def _noted(self, each: Finish, clock: Clock) -> tuple[Any, ...]:
        decision, ended = each.decision, clock.now if each.ended is None else clock.at(each.ended)
        kind = decision.failure, decision.exception, decision.fingerprint
        return *kind, self._text(clock.at(each.started)), self._text(ended), decision.error or ""

    def _settled(self, each: Finish, clock: Clock) -> tuple[Any, ...]:
        decision, now = each.decision, self._text(clock.now)
        run_at = decision.run_at
        if run_at is None and decision.wait is not None:
            run_at = clock.now + timedelta(seconds=decision.wait)
        state = decision.state
        if not state.is_final:
            state = State.SCHEDULED if run_at is not None and run_at > clock.now else State.READY
        return (
            state.value,
            self._text(run_at),
            int(not decision.charge),
            int(decision.crash),
            decision.error,
            decision.result,
            decision.blocked,
            now,
            now if state is State.FAILED else None,
            now if state.is_final else None,
            self._text(clock.at(each.started)),
            now,
        )

    def _write(self, statement: str, finishes: Sequence[Finish], columns: Sequence[tuple[Any, ...]]) -> set[int]:
        rows = [
            (*values, each.job.id, each.job.claim_id.hex) for values, each in zip(columns, finishes, strict=True)
        ]
        with transaction.atomic(using=self.alias), connections[self.alias].cursor() as cursor:
            cursor.executemany(statement, rows)
            complete = cursor.rowcount == len(rows)
        return {each.job.id for each in finishes} if complete else set()

    def run_aside(self, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Run a statement that is rather given up than made to wait for a lock; return its rows."""
        with impatient(connections[self.alias]):
            return self._rows(statement, parameters)

    def rewrite(self, rows: Sequence[Texts]) -> set[int]:
        """Store texts of rows anew, if they are still in that state and under that claim."""
        written: set[int] = set()
        with self.writing():
            for job_id, state, claim_id, *texts in rows:
                found = self._rows(REWRITE, (*texts, job_id, state, claim_id and claim_id.hex))
                written.update(each for (each,) in found)
        return written

    def hold(self, job: ClaimedJob, seconds: float) -> bool:
        """Lock the file inside the present transaction; False if the claim of the job is lost."""
        self._rows(LOCK, ())
        return super().hold(job, seconds)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Open a transaction that takes the write lock first: to read first and write then may be refused."""
        with transaction.atomic(using=self.alias):
            self._rows(LOCK, ())
            yield

    def _as_claimed(self, rows: JobQuerySet) -> list[ClaimedJob]:
        """Return the jobs, whatever stands in their columns; not those whose claim no write could name."""
        ids = json.dumps(list(rows.values_list("pk", flat=True)))
        found = self._rows(READ, (ids,), any_text=True)
        return [_claimed((*row[:-1], claim)) for row in found if (claim := uuid_of(row[-1]))]

    def _rows(self, statement: str, parameters: Any, *, any_text: bool = False) -> list[tuple[Any, ...]]:
        connection = connections[self.alias]
        with connection.cursor() as cursor, lenient(connection) if any_text else nullcontext():
            cursor.execute(statement, parameters)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows

    def _text(self, moment: datetime | None) -> Any:
        """Return a time as Django stores it in SQLite, whose order is the order of time."""
        return connections[self.alias].ops.adapt_datetimefield_value(moment)

    def refusal(self, error: Exception) -> str | None:
        """Say what the database refuses however long one waits, and what to do; None if waiting may help."""
        if "readonly database" in str(error):
            path = connections[self.alias].settings_dict["NAME"]
            return f'Database "{self.alias}" is read-only. Let this user write {path} and its folder.'
        return super().refusal(error)

    @contextmanager
    def looking(self, seconds: float) -> Iterator[None]:
        """Interrupt queries after so many seconds in all."""
        deadline = time.monotonic() + seconds
        connection = connections[self.alias]
        connection.ensure_connection()
        connection.connection.set_progress_handler(lambda: time.monotonic() > deadline, STEPS)
        try:
            yield
        finally:
            connection.connection.set_progress_handler(None, 0)

    def now(self) -> datetime:
        """Return the host's time."""
        return timezone.now()

    def ago(self, seconds: float) -> Any:
        """Return the time so many seconds ago, by the host's clock."""
        return timezone.now() - timedelta(seconds=seconds)


@lru_cache
def claim_statement(queues: bool, min_priority: bool, max_priority: bool) -> str:
    """Return the claim for what is asked: named queues, a least and a largest priority."""
    priorities = " AND priority * -1 <= %(min_priority)s * -1" if min_priority else ""
    priorities += " AND priority * -1 >= %(max_priority)s * -1" if max_priority else ""
    return CLAIM.format(queues=GIVEN_QUEUES if queues else ALL_QUEUES, priorities=priorities)


def _claimed(row: tuple[Any, ...]) -> ClaimedJob:
    job = ClaimedJob._make(row)
    return job._replace(
        run_at=when(job.run_at),
        created_at=when(job.created_at),
        blocked_at=job.blocked_at and when(job.blocked_at),
    )


def _cancelled(decision: Decision, wish: str) -> Decision:
    return replace(decision, state=State.CANCELLED, wait=None, run_at=None, error=decision.error or wish)
