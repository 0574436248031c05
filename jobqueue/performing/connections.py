"""Database connections round a job, as Django does round a request, at a hundredth of the cost."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import get_ident
from typing import Any

from django.conf import settings
from django.db import close_old_connections, connections, reset_queries
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

logger = logging.getLogger("jobqueue.job")

#: A connection that has rested longer than this is checked before the next job.
RESTED_SECONDS = 1.0
#: In a worker, connections that Django would close after each request live this long.
WORKER_MAX_AGE = 60
#: libpq's parameters, in seconds; the last one in milliseconds.
PROBES = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
#: Seconds that a server has to give up a query.
CANCEL_SECONDS = 5.0


def notice_lost_servers() -> None:
    """Let the system find out within half a minute that a server's machine is gone; by itself it takes two hours.

    What a project says itself in ``OPTIONS`` stays. Call before the first connection is opened.
    """
    for alias, database in connections.settings.items():
        if connections[alias].vendor == "postgresql":
            database["OPTIONS"] = PROBES | database["OPTIONS"]


def keep_open_between_jobs() -> None:
    """Let a worker's connections outlive one job. Call before the first is opened.

    Those of a psycopg pool do so by themselves, and Django allows them no age.
    """
    for database in connections.settings.values():
        if database["CONN_MAX_AGE"] == 0 and not database["OPTIONS"].get("pool"):
            database["CONN_MAX_AGE"] = WORKER_MAX_AGE
            database["CONN_HEALTH_CHECKS"] = True


class ConnectionCare:
    """Keeps one thread's connections usable from job to job.

    To ask Django for them costs more than all the rest, so it is asked once, and tells of those opened later.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = clock()
        self._thread: int | None = None
        self._connections: list[BaseDatabaseWrapper] = []
        self._in_callers_block: list[BaseDatabaseWrapper] = []
        self._keeps_queries = settings.DEBUG

    def before(self) -> None:
        """After a rest, drop connections that are too old or broken."""
        if self._thread is None:
            self._begin()
        if self._clock() - self._last > RESTED_SECONDS:
            close_old_connections()

    def after(self, *, torn: bool = False, failed: bool = False) -> None:
        """Drop connections that the job has broken or left in a transaction; all if it was torn out of its work.

        If it has failed, also those to a standby: after a failover the same name leads to another server.
        """
        for connection in self._connections:
            if connection.in_atomic_block:
                if connection not in self._in_callers_block:
                    _leave_block(connection)
            elif torn or (failed and _is_read_only(connection)):
                connection.close()
            elif connection.errors_occurred or connection.autocommit != connection.settings_dict["AUTOCOMMIT"]:
                connection.close_if_unusable_or_obsolete()
        if self._keeps_queries:
            reset_queries()
        self._last = self._clock()

    def _begin(self) -> None:
        """Look round on the thread that performs. A caller's open transaction is there before the first job."""
        self._thread = get_ident()
        self._connections = list(connections.all(initialized_only=True))
        self._in_callers_block = [each for each in self._connections if each.in_atomic_block]
        connection_created.connect(self._note)

    def _note(self, connection: BaseDatabaseWrapper, **_: Any) -> None:
        if get_ident() == self._thread and connection not in self._connections:
            self._connections.append(connection)


def cancel_queries() -> None:
    """Have servers give up the queries that the calling thread was torn out of.

    A server notices only after its query that nobody listens any more, and keeps all locks until then.
    """
    for connection in connections.all(initialized_only=True):
        raw = connection.connection
        if not hasattr(raw, "cancel_safe") or raw.info.transaction_status.name != "ACTIVE":
            continue
        try:
            raw.cancel_safe(timeout=CANCEL_SECONDS)
        except Exception:
            logger.exception('a query on database "%s" could not be cancelled', connection.alias)


def _is_read_only(connection: BaseDatabaseWrapper) -> bool:
    """Whether the server has told that it takes no writes, as a standby does; it is not asked."""
    told = getattr(getattr(connection.connection, "info", None), "parameter_status", lambda name: None)
    return "on" in {told("in_hot_standby"), told("default_transaction_read_only")}


def _leave_block(connection: BaseDatabaseWrapper) -> None:
    """Close a connection inside a block that nobody leaves any more: what follows would never be committed."""
    connection.in_atomic_block = connection.closed_in_transaction = False
    connection.close()
