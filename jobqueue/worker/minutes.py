"""Counts what has ended, minute by minute, and writes it down every few seconds."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from secrets import randbits
from typing import Any

from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, connections

from jobqueue.models.rollup import COUNTS, WRITER_BITS, writer_in
from jobqueue.outcomes import Decision
from jobqueue.policy.histogram import BOUNDS, BUCKETS, bucket_of
from jobqueue.rows import Finish
from jobqueue.states import State
from jobqueue.stores.base import Store
from jobqueue.stores.errors import is_undecided
from jobqueue.stores.rollups import COLUMNS, Ledger

logger = logging.getLogger("jobqueue.worker")

PAUSE_SECONDS = 5.0
#: Rows of one statement.
CHUNK = 300
#: Minutes, queues and classes that are told apart; what is beyond stands under an empty name, in an empty queue.
MOST_ROWS = 10_000
#: Clocks that differ by less count as one: the way to the database and back takes a while.
SAME_SECONDS = 1.0
#: Between two tries of who is leaving.
LAST_PAUSE_SECONDS = 0.1
#: What no repetition mends.
REFUSALS = (DataError, IntegrityError, ValueError, OverflowError)

STORED, SUCCEEDED, RETRIED, FAILED, CANCELLED = range(len(COUNTS))
ENDS = {State.SUCCEEDED: SUCCEEDED, State.FAILED: FAILED, State.CANCELLED: CANCELLED}
RUN_SECONDS = len(COUNTS)
RUN = RUN_SECONDS + 1
WAIT = RUN + BUCKETS
LONG = BOUNDS[-1]
EMPTY = [0] * (WAIT + BUCKETS)

#: Minute since 1970, queue, class.
Key = tuple[int, str, str]
#: The figures, as ``COLUMNS`` has them.
Row = list[Any]
#: From when to when a row is the right one.
Span = tuple[float, float, Row]
NOWHERE: Span = (0.0, 0.0, EMPTY)


class Minutes:
    """For one thread. It never raises what the database says: figures may get lost, a job must not.

    Each minute begins a new series of rows, under a new number. The rows of a series are written anew as they stand,
    until maintenance takes them; what has been sent in one series never counts in another.

    Args:
        store: whose jobs, and where it is written.
        keep_seconds: how long figures are kept; 0: nothing is counted.
        clock: monotonic.
        time_of_day: seconds since 1970.
    """

    def __init__(
        self,
        store: Store,
        keep_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        time_of_day: Callable[[], float] = time.time,
    ) -> None:
        self._alias = store.alias
        self._ledger = Ledger(store)
        self._keep = keep_seconds
        self._clock = clock
        self._time_of_day = time_of_day
        self._rows: dict[Key, Row] = {}
        self._writer = 0
        #: As they were sent last; those of which no answer has come are in doubt.
        self._sent: dict[Key, Row] = {}
        self._doubtful: set[Key] = set()
        #: What is left of a round of writing.
        self._left: list[Key] = []
        self._is_new = False
        self._again_at = 0.0
        #: How far the database's clock is before ours.
        self._ahead = 0.0
        self._is_full = False

    # Counting

    def add(self, finishes: Iterable[Finish]) -> None:
        """Count attempts whose ends are written; those that were given back do not count.

        A job counts as stored with the first of its attempts that does. Without a start neither run time nor wait
        are known.
        """
        if not self._keep:
            return
        self._expect_writing()
        monotonic = self._clock()
        offset = self._now - monotonic
        decided: Decision | None = None
        column: int | None = None
        queue = name = ""
        moment, seconds = None, 0.0
        (begin, end, row), spans = NOWHERE, dict[tuple[str, str], Span]()
        (stored_begin, stored_end, stored), stored_spans = NOWHERE, dict[tuple[str, str], Span]()
        for job, decision, started, ended in finishes:
            # Much is as it was with the job before, and to look at that again takes longer than all the rest.
            if decision is not decided:
                decided, column = decision, _column(decision)
            if column is None:
                continue
            at = (ended or monotonic) + offset
            if job.name != name or job.queue != queue:
                queue, name = key = job.queue, job.name
                begin, end, row = spans.get(key, NOWHERE)
                stored_begin, stored_end, stored = stored_spans.get(key, NOWHERE)
            if not begin <= at < end:
                begin, end, row = spans[queue, name] = self._span(at, queue, name)
            row[column] += 1
            if started is not None and ended is not None:
                if job.run_at != moment:
                    moment, seconds = job.run_at, job.run_at.timestamp()
                ran, waited = ended - started, started + offset - seconds
                row[RUN_SECONDS] += ran
                # Written out for the usual: a call would take longer, too.
                row[RUN + (int(ran * 1000).bit_length() if 0 < ran < LONG else bucket_of(ran))] += 1
                row[WAIT + (int(waited * 1000).bit_length() if 0 < waited < LONG else bucket_of(waited))] += 1
            if job.attempts <= 1:
                if job.created_at != moment:
                    moment, seconds = job.created_at, job.created_at.timestamp()
                if not stored_begin <= seconds < stored_end:
                    span = stored_spans[queue, name] = self._stored_span(seconds, queue, name)
                    stored_begin, stored_end, stored = span
                stored[STORED] += 1

    @property
    def _now(self) -> float:
        return self._time_of_day() + self._ahead

    def _span(self, at: float, queue: str, name: str) -> Span:
        """Return the minute in which a time lies, and its row of a queue and class."""
        minute = int(at // 60)
        key = minute, queue, name
        return minute * 60.0, minute * 60.0 + 60, self._rows.get(key) or self._row(key)

    def _stored_span(self, at: float, queue: str, name: str) -> Span:
        """Return the same of a time at which a job was stored; what nobody wants to know goes into a row apart."""
        now = self._now
        if at < now - self._keep:
            return 0.0, now - self._keep, EMPTY.copy()
        begin, end, row = self._span(min(at, now), queue, name)
        return begin, max(end, at + 1), row

    def _expect_writing(self) -> None:
        if self.due_in() is None:
            self._again_at = self._clock() + PAUSE_SECONDS
        self._is_new = True

    def _row(self, key: Key) -> Row:
        """Return the row of a key that has none yet."""
        if len(self._rows) >= MOST_ROWS:
            if not self._is_full:
                self._is_full = True
                logger.warning(
                    "more than %d classes, queues and minutes: figures of the rest have no name", MOST_ROWS
                )
            key = self._minute, "", ""
        return self._rows.setdefault(key, EMPTY.copy())

    # Writing

    def due_in(self) -> float | None:
        """Return the seconds until something is to be written; None if there is nothing."""
        if not (self._is_new or self._left):
            return None
        return max(self._again_at - self._clock(), 0.0)

    def write(self) -> None:
        """Write one statement's worth of what is new."""
        if not self._left or self._is_over():
            self._begin_round()
        try:
            if keys := self._left[:CHUNK]:
                self._write(keys)
        except REFUSALS:
            logger.exception("figures could not be written, and are dropped")
            self._forget()
        except (DatabaseError, InterfaceError) as error:
            logger.debug("figures could not be written: %s", error)
            if not connections[self._alias].in_atomic_block:  # else it is the caller's
                connections[self._alias].close_if_unusable_or_obsolete()
            self._write_again()
        self._again_at = self._clock() + (0.0 if self._left else PAUSE_SECONDS)

    def write_all(self, seconds: float) -> None:
        """Write all that is new, and try for so long; once, if there is no time."""
        deadline = self._clock() + seconds
        while self.due_in() is not None:
            self.write()
            if self._clock() >= deadline:
                return
            if self.due_in():
                time.sleep(LAST_PAUSE_SECONDS)

    def _is_over(self) -> bool:
        """Whether the minute of the present series is past, and all that was sent has been answered."""
        return self._minute > self._writer >> WRITER_BITS and not self._doubtful

    @property
    def _minute(self) -> int:
        return int(self._now // 60)

    def _begin_round(self) -> None:
        if self._is_over():
            self._begin_series(self._minute)
        # What is in doubt goes first, and alone: it may be too late for its series, but never for what comes after.
        self._is_new = bool(self._doubtful)
        changed = (key for key, row in self._rows.items() if self._sent.get(key) != row)
        self._left = list(self._doubtful or changed)

    def _begin_series(self, minute: int) -> None:
        """Go on with what was never sent; what was, is in the table or on its way there."""
        self._writer = writer_in(minute, randbits(WRITER_BITS))
        sent, self._sent = self._sent, {}
        self._doubtful.clear()
        self._is_full = False
        fresh = {key: _difference(row, sent.get(key, EMPTY)) for key, row in self._rows.items()}
        self._rows = {key: row for key, row in fresh.items() if any(row)}

    def _write(self, keys: list[Key]) -> None:
        """Write rows as they stand; where it is too late for their series, another is begun."""
        # A question that was never asked leaves no doubt.
        connections[self._alias].ensure_connection()
        rows = {key: (self._sent if key in self._doubtful else self._rows)[key].copy() for key in keys}
        asked = self._time_of_day()
        try:
            written = self._ledger.write(self._writer, [_told(key, row) for key, row in rows.items()])
        except (DatabaseError, InterfaceError) as error:
            if is_undecided(error, self._alias):
                self._sent |= rows
                self._doubtful |= rows.keys()
            raise
        self._compare_clocks(asked, written.now)
        if not written.in_time:
            self._begin_series(int(written.now // 60))
            self._write_again()
            return
        self._sent |= rows
        self._doubtful -= rows.keys()
        del self._left[: len(keys)]

    def _compare_clocks(self, asked: float, now: float) -> None:
        took = self._time_of_day() - asked
        ahead = now - asked - took / 2
        self._ahead = ahead if abs(ahead) > SAME_SECONDS + took else 0.0

    def _write_again(self) -> None:
        self._left.clear()
        self._is_new = True

    def _forget(self) -> None:
        self._rows.clear()
        self._sent.clear()
        self._doubtful.clear()
        self._left.clear()
        self._is_new = False


def _column(decision: Decision) -> int | None:
    """Return as what an attempt counts; None: not at all."""
    if decision.state in ENDS:
        return ENDS[decision.state]
    return RETRIED if decision.charge else None


def without(finishes: Sequence[Finish], *unwritten: Sequence[Finish]) -> Sequence[Finish]:
    """Return those that were written."""
    left = {each.job.id for some in unwritten for each in some}
    return [each for each in finishes if each.job.id not in left] if left else finishes


def _told(key: Key, row: Row) -> dict[str, Any]:
    minute, queue, name = key
    told = {column: value for column, value in zip(COLUMNS, row, strict=True) if value}
    return {"minute": minute, "queue": queue, "name": name, **told}


def _difference(row: Row, before: Row) -> Row:
    return [value - old for value, old in zip(row, before, strict=True)]
