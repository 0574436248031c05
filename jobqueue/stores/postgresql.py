"""Job rows in PostgreSQL.

Times are the server's.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any

from django.db import DatabaseError, InterfaceError, connections
from django.db.models.functions import Now

from jobqueue.models import Job
from jobqueue.rows import ClaimedJob, ClaimRequest, Finish, NewJob, Promotion, Texts, due_at
from jobqueue.stores.base import NewJobs, Store, as_job, claim_order
from jobqueue.stores.control import Control
from jobqueue.stores.deadline import Deadline
from jobqueue.stores.ears import Ear, NotificationEar
from jobqueue.stores.errors import INSUFFICIENT_PRIVILEGE, UNDEFINED_TABLE, sqlstate
from jobqueue.stores.postgresqlwords import (
    ALL_QUEUES,
    CLAIM,
    COPY,
    DELETE,
    FINISH_SUCCEEDED,
    GIVEN_QUEUES,
    IDS,
    INSERT,
    NOTIFY,
    PROMOTE,
    REWRITE,
    SETTLE,
)
from jobqueue.stores.privileges import missing_privileges

CHANNEL = "jobqueue"
#: The longest that the server takes for a timeout, in milliseconds.
LONGEST_TIMEOUT = 2**31 - 1

#: Lines that are sent at a time, so that the server works while we write the next.
CHUNK = 250
#: COPY's word for it.
NULL = "\\N"


class PostgreSQLStore(Store):
    """One statement per step, one round trip each; peers pass each other by SKIP LOCKED."""

    can_notify = True

    def __init__(self, alias: str) -> None:
        super().__init__(alias)
        self._control = Control(alias)

    def check_between_queries(self) -> None:
        """Raise RuntimeError where psycopg would wait for itself for ever."""
        connection = connections[self.alias]
        raw = connection.connection
        if raw is not None and raw.lock.locked() and not connection.allow_thread_sharing:
            raise RuntimeError(
                f'The connection to "{self.alias}" is in the midst of a query: a signal handler can store no job. '
                "Set a flag in it, and store the job afterwards."
            )

    def deadline(self, seconds: float) -> AbstractContextManager[object]:
        """Return what shuts the calling thread's connection down if a question inside of it takes longer."""
        return Deadline(self.alias, seconds)

    def insert(self, new: NewJob) -> Job | None:
        """Store one job on the caller's connection and transaction; None if its key is taken."""
        given = [value is not None for value in (new.max_attempts, new.max_run_time, new.key)]
        # The statement looks at a given time twice.
        optional = (new.run_at, new.run_at, new.max_attempts, new.max_run_time, new.key)
        values: list[Any] = [new.handler, new.name, new.queue, new.priority]
        values += [each for each in optional if each is not None]
        with connections[self.alias].cursor() as cursor:
            cursor.execute(insert_statement(_due(new), *given), values)
            row = cursor.fetchone()
        if row is None:
            return None
        job_id, now = row
        return as_job(self.alias, new, job_id, due_at(new.run_at, now), now)

    def insert_many(self, new: NewJobs) -> list[int]:
        """Store many jobs by COPY; their ids come back in the order given."""
        if not new:
            return []
        connection = connections[self.alias]
        # Django wraps the errors of execute, not those of copy.
        with connection.cursor() as cursor, connection.wrap_database_errors:
            cursor.execute(IDS, (len(new),))
            now, ids = cursor.fetchone()
            at = str(now)
            lines = (_line(job_id, job, now, at) for job_id, job in zip(ids, new, strict=True))
            with cursor.copy(COPY) as copy:
                while chunk := "".join(islice(lines, CHUNK)):
                    copy.write(chunk)
        return list(ids)

    def notify(self, queues: Collection[str]) -> None:
        """Ring the pools that listen; the channel's payload is the queue's name."""
        with connections[self.alias].cursor() as cursor:
            cursor.execute(NOTIFY, (CHANNEL, sorted(queues)))

    def ear(self) -> Ear:
        """Return what hears NOTIFY."""
        return NotificationEar(self.alias, CHANNEL)

    def claim(self, request: ClaimRequest) -> list[ClaimedJob]:
        """Take up to ``limit`` ready jobs in order; none if the pool is not alive."""
        asked = bool(request.queues), request.min_priority is not None, request.max_priority is not None
        rows = self._control.run(claim_statement(*asked), request._asdict() | {"queues": list(request.queues)})
        return sorted(map(ClaimedJob._make, rows), key=claim_order)

    def promote(self, limit: int = 1000) -> Promotion:
        """Make scheduled jobs ready whose time has come."""
        [(moved, queues, ready, next_in, wishes)] = self._control.run(PROMOTE, (limit,))
        # What this very statement has moved, it does not see as ready.
        ready = frozenset(queues).union(ready)
        next_in = None if next_in is None else max(next_in, 0.0)
        return Promotion(moved, frozenset(queues), ready, next_in, wishes)

    def hold(self, job: ClaimedJob, seconds: float) -> bool:
        """Lock the row of a job inside the present transaction; False if the claim is lost."""
        # A server learns late, or never, that a silent client is gone, and would keep the lock as long.
        with connections[self.alias].cursor() as cursor:
            milliseconds = min(int(seconds * 1000), LONGEST_TIMEOUT)
            cursor.execute(f"SET LOCAL idle_in_transaction_session_timeout = {milliseconds}")
        return super().hold(job, seconds)

    def _finish_succeeded(self, finishes: Sequence[Finish]) -> set[int]:
        now = time.monotonic()
        columns = (
            [each.decision.result for each in finishes],
            _plain([now - (each.started or now) for each in finishes]),
            _plain([now - (each.ended or now) for each in finishes]),
        )
        return self._write(FINISH_SUCCEEDED, finishes, *columns)

    def _delete(self, finishes: Sequence[Finish]) -> set[int]:
        return self._write(DELETE, finishes)

    def _settle(self, finishes: Sequence[Finish]) -> set[int]:
        now = time.monotonic()
        rows = [
            (
                int(decision.state),
                decision.run_at,
                decision.wait,
                int(not decision.charge),
                int(decision.crash),
                decision.blocked,
                decision.error,
                decision.result,
                None if started is None else now - started,
                None if ended is None else now - ended,
                decision.failure,
                decision.exception,
                decision.fingerprint,
            )
            for _job, decision, started, ended in finishes
        ]
        return self._write(SETTLE, finishes, *(list(column) for column in zip(*rows, strict=True)))

    def run_aside(self, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Run a statement that is rather given up than made to wait for a lock; return its rows."""
        return self._control.run(statement, parameters, briefly=True)

    def rewrite(self, rows: Sequence[Texts]) -> set[int]:
        """Store texts of rows anew, if they are still in that state and under that claim, and not locked."""
        if not rows:
            return set()
        columns = [list(column) for column in zip(*rows, strict=True)]
        return {job_id for (job_id,) in self._control.run(REWRITE, columns)}

    def _write(self, statement: str, finishes: Sequence[Finish], *columns: Any) -> set[int]:
        ids = _plain([each.job.id for each in finishes])
        claims = _plain([each.job.claim_id.hex for each in finishes])
        return {job_id for (job_id,) in self._control.run(statement, (ids, claims, *columns), briefly=True)}

    def statement(self) -> AbstractContextManager[None]:
        """Surround one statement that Django writes for us, where the project's settings would change its meaning."""
        return self._control.statement()

    def writing(self) -> AbstractContextManager[None]:
        """Open a transaction that reads first and writes then."""
        return self._control.block()

    def looking(self, seconds: float) -> AbstractContextManager[None]:
        """Let no query inside take longer; it reads by index, whatever the statistics say."""
        return self._control.looking(seconds)

    def refusal(self, error: Exception) -> str | None:
        """Say what the database refuses however long one waits, and what to do; None if waiting may help."""
        if sqlstate(error) in {INSUFFICIENT_PRIVILEGE, UNDEFINED_TABLE}:
            with suppress(DatabaseError, InterfaceError):
                if lacking := self.lacks():
                    return lacking
        return super().refusal(error)

    def lacks(self) -> str | None:
        """Say which privileges a pool would lack here, and what to type; None if none."""
        return missing_privileges(self.alias)

    def now(self) -> datetime:
        """Return the server's time."""
        with connections[self.alias].cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            [(now,)] = cursor.fetchall()
        assert isinstance(now, datetime)
        return now

    def ago(self, seconds: float) -> Any:
        """Return the time so many seconds ago, by the server's clock."""
        return Now() - timedelta(seconds=seconds) if seconds else Now()


def _due(new: NewJob) -> str:
    if new.run_at is None:
        return ""
    return "statement_timestamp() + %s" if isinstance(new.run_at, timedelta) else "%s"


@lru_cache
def insert_statement(due: str, max_attempts: bool, max_run_time: bool, key: bool) -> str:
    """Return the INSERT of a job, with parameters only for what is given: each costs the caller some time."""
    columns = {"run_at": "statement_timestamp()", "state": "1"}
    if due:
        columns = {"run_at": due, "state": f"CASE WHEN {due} > statement_timestamp() THEN 0 ELSE 1 END"}
    if max_attempts:
        columns["max_attempts"] = "%s"
    if max_run_time:
        columns["max_run_time"] = "%s"
    if key:
        columns["key"] = "%s"
    conflict = "ON CONFLICT DO NOTHING\n" if key else ""
    return INSERT.format(columns=", ".join(columns), values=", ".join(columns.values()), conflict=conflict)


@lru_cache
def claim_statement(queues: bool, min_priority: bool, max_priority: bool) -> str:
    """Return the claim for what is asked: named queues, a least and a largest priority."""
    priorities = " AND priority * -1 <= %(min_priority)s * -1" if min_priority else ""
    priorities += " AND priority * -1 >= %(max_priority)s * -1" if max_priority else ""
    return CLAIM.format(queues=GIVEN_QUEUES if queues else ALL_QUEUES, priorities=priorities)


def _line(job_id: int, job: NewJob, now: datetime, at: str) -> str:
    """Return a job as a line of COPY's text: a third of psycopg's work for a row."""
    handler, name, queue, priority, run_at, max_attempts, max_run_time, _key = job
    if isinstance(run_at, timedelta):
        run_at = now + run_at
    state = 0 if run_at is not None and run_at > now else 1
    return (
        f"{job_id}\t{_escaped(handler)}\t{_escaped_word(name)}\t{_escaped_word(queue)}\t{priority}"
        f"\t{NULL if max_attempts is None else max_attempts}\t{NULL if max_run_time is None else max_run_time}"
        f"\t{run_at or at}\t{state}\t0\t0\t{at}\t{at}\n"
    )


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")


#: For texts of which there are few.
_escaped_word = lru_cache(_escaped)


def _plain(values: Iterable[object]) -> str:
    """Return an array as the server reads it, of values that need no quotes: a fifth of psycopg's work for a list."""
    return f"{{{','.join(map(str, values))}}}"
