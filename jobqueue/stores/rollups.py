"""The rows of what was done: written by those who count, added up and deleted by maintenance."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

from django.db import connections, transaction

from jobqueue.models import Rollup
from jobqueue.models.rollup import COUNTS, WRITER_BITS, columns_of, minute_of, writer_in
from jobqueue.stores.base import Store

#: What is counted, in the order in which writers hold it.
COLUMNS = (*COUNTS, "run_seconds", *columns_of("run"), *columns_of("wait"))
#: A writer's rows are taken from it so many minutes after that in which it began …
CLOSED_MINUTES = 5
#: … and it is told so long before that it comes too late: a write may take a while.
WRITABLE_MINUTES = 3
#: Rows of minutes become rows of hours after so many minutes.
FINE_MINUTES = 3 * 24 * 60

#: Seconds since 1970, by the clock that rules the database. No percent sign: that would be a parameter.
CLOCK = {
    "postgresql": "CAST(extract(epoch FROM clock_timestamp()) AS double precision)",
    "sqlite": "((julianday('now') - 2440587.5) * 86400.0)",
}
_KINDS = {"minute": "bigint", "queue": "text", "name": "text", "run_seconds": "float8"}
_GIVEN = ("minute", "queue", "name", *COLUMNS)
#: Rows from the text of one parameter: so the statement is always the same, and can be kept planned.
SOURCE = {
    "postgresql": "json_to_recordset(CAST(%s AS json)) AS given({})".format(
        ", ".join(f"{name} {_KINDS.get(name, 'int')}" for name in _GIVEN)
    ),
    "sqlite": "(SELECT {} FROM json_each(%s)) AS given".format(  # noqa: S608 (constants)
        ", ".join(f"json_extract(value, '$.{name}') AS {name}" for name in _GIVEN)
    ),
}

# As they stand, not by how much they have grown: it may be repeated after a lost answer. Nothing once the rows may have
# been taken from their writer, by the clock that also says when they are: it would count them twice.
WRITE = f"""
INSERT INTO jobqueue_rollup (minute, minutes, queue, name, writer, {", ".join(COLUMNS)})
SELECT given.minute, 1, given.queue, given.name, CAST(%s AS bigint),
       {", ".join(f"coalesce(given.{name}, 0)" for name in COLUMNS)}
FROM {{source}}
WHERE CAST(%s AS bigint) >= {{clock}} / 60 - {WRITABLE_MINUTES}
ON CONFLICT (minute, minutes, queue, name, writer) DO UPDATE
SET {", ".join(f"{name} = excluded.{name}" for name in COLUMNS)}
RETURNING {{clock}}
"""  # noqa: S608 (constants)

# The literal shows the planner the partial index.
CLOSED = "SELECT id FROM jobqueue_rollup WHERE writer > 0 AND writer < %s ORDER BY writer LIMIT %s"

FINE = """
SELECT id FROM jobqueue_rollup WHERE minute < %s AND minutes = 1 AND writer = 0 ORDER BY minute LIMIT %s
"""

# Always in the same order: whoever adds up at the same time locks the sums in it, too. Integers divide without a rest.
ADD_UP = f"""
INSERT INTO jobqueue_rollup (minute, minutes, queue, name, writer, {", ".join(COLUMNS)})
SELECT CASE WHEN minute < %s THEN minute / 60 * 60 ELSE minute END, CASE WHEN minute < %s THEN 60 ELSE minutes END,
       queue, name, 0, {", ".join(f"sum({name})" for name in COLUMNS)}
FROM jobqueue_rollup WHERE id IN ({{ids}}) GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
ON CONFLICT (minute, minutes, queue, name, writer) DO UPDATE
SET {", ".join(f"{name} = jobqueue_rollup.{name} + excluded.{name}" for name in COLUMNS)}
"""  # noqa: S608 (constants)

FORGET = """
DELETE FROM jobqueue_rollup
WHERE id IN (SELECT id FROM jobqueue_rollup WHERE minute < %s ORDER BY minute LIMIT %s)
RETURNING id
"""


class Written(NamedTuple):
    """What became of rows that were to be written.

    Attributes:
        in_time: False: it was too late for their writer, and nothing is written.
        now: the database's time, in seconds since 1970.
    """

    in_time: bool
    now: float


class Ledger:
    """The rollups of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        vendor = connections[store.alias].vendor
        self._write = WRITE.format(source=SOURCE[vendor], clock=CLOCK[vendor])

    def write(self, writer: int, rows: Sequence[Mapping[str, Any]]) -> Written:
        """Write rows as they stand, each with its ``minute``, ``queue`` and ``name``; what is 0 may be left out.

        It waits for nobody's lock: an ``OperationalError`` says that it may be tried again. What the database refuses
        leaves a transaction of the caller's as it was.
        """
        parameters = (writer, json.dumps(rows), writer >> WRITER_BITS)
        alias = self._store.alias
        with transaction.atomic(using=alias) if connections[alias].in_atomic_block else nullcontext():
            written = self._store.run_aside(self._write, parameters)
        return Written(True, written[0][0]) if written else Written(False, self._store.now().timestamp())

    def add_up(self, limit: int) -> int:
        """Add up to ``limit`` rows that nobody writes any more to those of all; return how many there were."""
        minute = minute_of(self._store.now())
        return self._add(self._ids(CLOSED, writer_in(minute - CLOSED_MINUTES), limit), minute)

    def coarsen(self, limit: int) -> int:
        """Make hours of up to ``limit`` minutes that are long past; return how many there were."""
        minute = minute_of(self._store.now())
        return self._add(self._ids(FINE, _first_fine(minute), limit), minute)

    def forget(self, seconds: float, limit: int) -> int:
        """Delete up to ``limit`` rows that are older; return how many there were."""
        oldest = minute_of(self._store.now()) - int(seconds // 60)
        return len(self._ids(FORGET, oldest, limit))

    def _ids(self, statement: str, *parameters: int) -> list[int]:
        return [row_id for (row_id,) in self._store.run_aside(statement, parameters)]

    def _add(self, ids: Sequence[int], minute: int) -> int:
        """Put the sum of some rows in their place; what others are adding up at this moment is left to them."""
        if not ids:
            return 0
        rows = Rollup.objects.using(self._store.alias)
        with self._store.writing():
            if free := self._store.free(rows.filter(pk__in=ids)):
                statement = ADD_UP.format(ids=", ".join(["%s"] * len(free)))
                with connections[self._store.alias].cursor() as cursor:
                    cursor.execute(statement, (_first_fine(minute), _first_fine(minute), *free))
                rows.filter(pk__in=free).delete()
        return len(ids)


def _first_fine(minute: int) -> int:
    """Return the first minute that is still counted by itself; whole hours are before it."""
    return (minute - FINE_MINUTES) // 60 * 60
