"""How a store's own statements are sent to PostgreSQL: by the settings they rely on, whatever the project has chosen.

The settings go in front of a statement, in the same round trip and transaction, so that it also works behind a pooler.
In a transaction of the caller's they are left alone: they would last until its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import psycopg
from django.conf import settings
from django.db import connections, transaction
from psycopg.types.datetime import TimestamptzLoader

from jobqueue.stores.prepared import UNPREPARED, give_up, prepared

# What a claim and a finish rely on is that a row which a peer has just changed is looked at again, not that it is
# refused.
READ_COMMITTED = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED;\n"

# No statement may wait long for anybody's lock.
PATIENCE = "SET LOCAL lock_timeout = '3s'; SET LOCAL statement_timeout = '15s';\n"

# A finish waits only for those who look at the same job for a moment; whoever keeps a row is worked round.
BRIEFLY = "SET LOCAL lock_timeout = '250ms'; "

# The plan must not depend on statistics: after a bulk insert, or after a quiet night, they are stale, and the planner
# would sort or join the whole backlog for each claim. So it is left the one way that is always good: read few rows
# by index, then find each by its primary key. That is also why the outer statements say "state + 0": a partial index
# over all ready or running rows must not look like a short cut to a few of them.
PLANNER = """\
SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_seqscan = off;
SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;
"""

CONTROL = READ_COMMITTED + PATIENCE + PLANNER

# In front of a transaction of statements that Django writes. If we are stopped in the middle, others must not wait.
BLOCK = f"{READ_COMMITTED}{PATIENCE}SET LOCAL idle_in_transaction_session_timeout = '60s'".encode()

TIME_LIMIT = "SELECT set_config('statement_timeout', %s, true)"


class Control:
    """Sends statements on the calling thread's connection of an alias."""

    def __init__(self, alias: str) -> None:
        self._alias = alias

    def run(self, statement: str, parameters: Any, *, briefly: bool = False) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows; ``briefly`` waits less long for locks."""
        ours = self._is_ours()
        connection = connections[self._alias]
        raw = connection.connection
        control = CONTROL + BRIEFLY if briefly else CONTROL
        with connection.wrap_database_errors:
            if not ours:
                return send(raw, statement, parameters)
            try:
                return send(raw, control + prepared(raw, statement, control), parameters)
            except UNPREPARED:
                give_up(raw)
                return send(raw, control + statement, parameters)

    def statement(self) -> AbstractContextManager[None]:
        """Surround one statement that Django writes."""
        return self.block() if self._is_ours() else nullcontext()

    @contextmanager
    def block(self) -> Iterator[None]:
        """Open a transaction for statements that Django writes."""
        ours = self._is_ours()
        connection = connections[self._alias]
        with transaction.atomic(using=self._alias):
            if ours:
                with connection.wrap_database_errors:
                    connection.connection.execute(BLOCK)
            yield

    @contextmanager
    def looking(self, seconds: float) -> Iterator[None]:
        """Open a transaction in which no query takes longer and none scans or sorts what has an index."""
        connection = connections[self._alias]
        with transaction.atomic(using=self._alias):
            with connection.wrap_database_errors:
                send(connection.connection, PATIENCE + PLANNER + TIME_LIMIT, (f"{seconds * 1000:.0f}ms",))
            yield

    def _is_ours(self) -> bool:
        """Connect if need be, and say whether what runs now is in no transaction but its own."""
        connection = connections[self._alias]
        connection.ensure_connection()
        return connection.autocommit and not connection.in_atomic_block


def send(raw: psycopg.Connection[Any], statements: str, parameters: Any) -> list[tuple[Any, ...]]:
    """Send statements in one round trip and return the rows of the last."""
    with psycopg.ClientCursor(raw) as cursor:
        if settings.USE_TZ:
            # Django's own loader, which also serves naive times, is written in Python.
            cursor.adapters.register_loader("timestamptz", TimestamptzLoader)
        cursor.execute(statements.encode(), parameters)
        while cursor.nextset():
            pass
        return cursor.fetchall()
