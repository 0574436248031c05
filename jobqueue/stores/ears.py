"""How a pool hears that jobs were stored, so that it need not ask all the time. Deaf, it still polls.

On PostgreSQL, who stores jobs rings at most once in ``RING_SECONDS`` for each queue. Who listens wakes a worker at
once, and looks for more when the next ring may come (``Echo``). So no job waits for longer, and few are rung for.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from math import inf
from typing import Protocol

from django.db import connections

from jobqueue.logs import say
from jobqueue.stores.poolers import is_direct

#: Shortest time between two rings of one process for a queue.
RING_SECONDS = 0.005
#: A little longer, so that the echo comes after all that was stored without a ring of its own.
ECHO_SECONDS = 0.007
#: Rung for jobs that are scheduled to be due soon: look at the schedule, and what is ready. No queue has this name.
SCHEDULE = ""
#: Rung for a wish to a pool: look what is wanted. Nor has any queue this name.
WISH = "!"

POOLED = 'Database "{alias}" is reached through a pooler, which passes no NOTIFY on: jobs are found by polling.'


class Echo:
    """When to look again at the queues that were rung for: so long after the last ring for each.

    Counted from the last, not from the first: a ring just before the first one's echo has jobs behind it, too.
    """

    def __init__(self) -> None:
        self._due: dict[str, float] = {}

    def hear(self, queues: Iterable[str], now: float) -> None:
        """Note a ring."""
        self._due.update(dict.fromkeys(queues, now + ECHO_SECONDS))

    @property
    def next(self) -> float:
        """When the next look is due; infinity if none is."""
        return min(self._due.values(), default=inf)

    def due(self, now: float) -> frozenset[str]:
        """Return the queues to look at now, and forget them."""
        queues = frozenset(queue for queue, when in self._due.items() if when <= now)
        for queue in queues:
            del self._due[queue]
        return queues


class Ear(Protocol):
    """Listens on the calling thread's connection."""

    def pause(self) -> float:
        """Return the seconds after which to look again though nothing has become readable."""

    def listen(self) -> None:
        """Begin to listen; repeat after the connection was lost."""

    def descriptor(self) -> int | None:
        """Return what becomes readable when there is something to hear."""

    def heard(self) -> frozenset[str] | None:
        """Return the queues rung for since the last look, SCHEDULE and WISH among them; None if there was nothing."""


class Deaf:
    """Hears nothing: for --no-listen."""

    def pause(self) -> float:
        """Never."""
        return inf

    def listen(self) -> None:
        """Nothing to do."""

    def descriptor(self) -> int | None:
        """Nothing to wait for."""
        return None

    def heard(self) -> frozenset[str] | None:
        """Nothing to hear."""
        return None


class NotificationEar:
    """PostgreSQL's LISTEN. Behind a pooler it stays silent.

    There, a LISTEN would stay with a server process that the pooler hands to others, who would hear our rings
    and, not knowing what they are, keep them for ever.
    """

    def __init__(self, alias: str, channel: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._alias = alias
        self._channel = channel
        self._clock = clock
        self._echo = Echo()
        self._rings: set[str] = set()
        self._listening_on: object = None

    def pause(self) -> float:
        """Until the next echo."""
        return max(self._echo.next - self._clock(), 0.0)

    def listen(self) -> None:
        """Begin to listen, once for each connection."""
        connection = connections[self._alias]
        connection.ensure_connection()
        if self._listening_on is connection.connection:
            return
        with connection.wrap_database_errors:
            if is_direct(connection.connection):
                connection.connection.execute(f"LISTEN {self._channel}")
            elif self._listening_on is None:
                say(logging.WARNING, "warn", POOLED.format(alias=self._alias))
        # Called for what arrives together with the answer to a query.
        connection.connection.add_notify_handler(lambda notice: self._rings.add(notice.payload))
        self._listening_on = connection.connection

    def descriptor(self) -> int | None:
        """Return the connection's socket."""
        raw = connections[self._alias].connection
        return None if raw is None else int(raw.fileno())

    def heard(self) -> frozenset[str] | None:
        """Return the queues rung for since the last look, and SCHEDULE where an echo is due: time for a look at all."""
        rung, now = self._rung(), self._clock()
        echo = {SCHEDULE} if self._echo.due(now) else frozenset()
        self._echo.hear(rung - {SCHEDULE, WISH}, now)
        return rung | echo or None

    def _rung(self) -> frozenset[str]:
        """Return what has arrived; by libpq's own calls, since ``Connection.notifies`` waits even for no time."""
        connection = connections[self._alias]
        with connection.wrap_database_errors:
            server = connection.connection.pgconn
            server.consume_input()
            self._rings.update(notice.extra.decode() for notice in iter(server.notifies, None))
        rung = frozenset(self._rings)
        self._rings.clear()
        return rung
