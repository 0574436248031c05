"""The board: anonymous memory that all processes of a pool share.

A worker writes on it what it is doing, without a lock and without I/O. The supervisor reads it when a child dies
or runs over its time; maintenance reads it to settle the jobs of dead workers. All fields are aligned words
of eight bytes, so a reader never sees half of one.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

NAME_BYTES = 256


class Seat(IntEnum):
    """What a slot of the board stands for."""

    FREE = 0
    ALIVE = 1
    DEAD = 2


class End(IntEnum):
    """Why a worker ended, as its supervisor saw it."""

    LEFT = 0
    CRASHED = 1
    TIMED_OUT = 2
    STOPPED = 3


class Ending(IntEnum):
    """How an attempt ended, as far as the board can hold it."""

    PLAINLY = 0
    WITH_RESULT = 1
    FAILED = 2
    OTHERWISE = 3


class _Header(ctypes.Structure):
    _fields_ = (
        ("pool_id", ctypes.c_int64),
        ("quiet", ctypes.c_int64),
        ("stop", ctypes.c_int64),
        ("refused", ctypes.c_int64),
        ("beat", ctypes.c_double),
    )


class _Desk(ctypes.Structure):
    _fields_ = (
        ("job_id", ctypes.c_int64),
        ("since", ctypes.c_double),
        ("deadline", ctypes.c_double),
        # Written by maintenance, the rest by the worker: the performance that is to end is known by its beginning.
        ("end_by", ctypes.c_double),
        ("called_off", ctypes.c_double),
    )


class _Slot(ctypes.Structure):
    _fields_ = (
        ("seat", ctypes.c_int64),
        ("pid", ctypes.c_int64),
        ("end", ctypes.c_int64),
        ("status", ctypes.c_int64),
        ("waiting", ctypes.c_int64),
        ("buffered", ctypes.c_int64),
        ("taken_at", ctypes.c_double),
        ("beat", ctypes.c_double),
        ("succeeded", ctypes.c_int64),
        ("failed", ctypes.c_int64),
        ("put_back", ctypes.c_int64),
        ("ended", ctypes.c_int64),
        ("written", ctypes.c_int64),
        ("name", ctypes.c_char * NAME_BYTES),
    )


class Performing(NamedTuple):
    """One job that a worker is performing. Times are of the monotonic clock.

    ``called_off``: somebody has cancelled it, and the worker is to end it by the deadline.
    """

    job_id: int
    since: float
    deadline: float
    called_off: bool = False


class Slot:
    """One worker's place on the board.

    Beside what it performs stands what it has performed and its clerk has not yet written: a ring of job ids and how
    they ended. So a worker's death makes no job run again that had succeeded.
    """

    def __init__(self, index: int, memory: mmap.mmap, offset: int, desks: int, unwritten: int) -> None:
        self.index = index
        self.words = _Slot.from_buffer(memory, offset)
        offset += ctypes.sizeof(_Slot)
        self._desks = (_Desk * desks).from_buffer(memory, offset)
        offset += ctypes.sizeof(self._desks)
        self._ended = (ctypes.c_int64 * unwritten).from_buffer(memory, offset)
        self._size = unwritten

    @property
    def name(self) -> str:
        """What the worker signs its jobs with (locked_by)."""
        return bytes(self.words.name).decode()

    def sit_down(self) -> None:
        """Clear the slot for a new worker, before it is forked."""
        ctypes.memset(ctypes.byref(self.words), 0, ctypes.sizeof(_Slot))
        ctypes.memset(ctypes.byref(self._desks), 0, ctypes.sizeof(self._desks))
        ctypes.memset(ctypes.byref(self._ended), 0, ctypes.sizeof(self._ended))
        self.words.seat = Seat.ALIVE

    def start(self, desk: int, job_id: int, since: float, deadline: float) -> None:
        """Say that a job begins. ``deadline`` is when the supervisor may end the process for it."""
        place = self._desks[desk]
        place.since = since
        place.deadline = deadline
        place.job_id = job_id

    def stop(self, desk: int) -> None:
        """Say that the job of a desk has ended."""
        self._desks[desk].job_id = 0

    def end(self, job_id: int, ending: Ending) -> None:
        """Say that an attempt has ended, before its clerk writes it. One writer at a time."""
        count = self.words.ended
        self._ended[count % self._size] = job_id << 2 | ending
        self.words.ended = count + 1

    def write(self, count: int) -> None:
        """Say that the oldest so many ended attempts are written."""
        self.words.written += count

    def unwritten(self) -> dict[int, Ending]:
        """Return the jobs that have ended and may not be written, and how they ended."""
        ended = self.words.ended
        first = max(self.words.written, ended - self._size)
        entries = (self._ended[number % self._size] for number in range(first, ended))
        return {entry >> 2: Ending(entry & 3) for entry in entries}

    def performing(self) -> list[Performing]:
        """Return what the worker is performing, or was when it died."""
        return [found for place in self._desks if (found := _performing(place)).job_id]

    def call_off(self, job: Performing, end_by: float) -> None:
        """Say that a performance is to end, if it still goes on; by then, or the process is ended for it."""
        for place in self._desks:
            if (place.job_id, place.since) == job[:2]:
                place.end_by = end_by
                place.called_off = job.since

    def called_off(self, desk: int) -> int:
        """Return the job of a desk if it is to end; 0 if not."""
        place = self._desks[desk]
        return int(place.job_id) if place.called_off == place.since else 0


def _performing(place: _Desk) -> Performing:
    since = place.since
    if place.called_off != since:
        return Performing(place.job_id, since, place.deadline)
    return Performing(place.job_id, since, min(place.deadline, place.end_by), called_off=True)


class Board:
    """Slots for all workers of a pool, with room for dead ones that are not yet settled.

    Args:
        workers: how many workers live at a time.
        desks: how many jobs each performs at a time (threads).
        unwritten: how many ended attempts of each are remembered until they are written.
    """

    def __init__(self, workers: int, desks: int = 1, unwritten: int = 1024) -> None:
        count = 2 * workers + 2
        size = ctypes.sizeof(_Slot) + desks * ctypes.sizeof(_Desk) + unwritten * ctypes.sizeof(ctypes.c_int64)
        start = ctypes.sizeof(_Header)
        self.desks = desks
        self._memory = mmap.mmap(-1, start + count * size)
        self.header = _Header.from_buffer(self._memory)
        self.slots = [Slot(index, self._memory, start + index * size, desks, unwritten) for index in range(count)]

    def free_slot(self) -> Slot | None:
        """Return a slot for a new worker; None while too many dead ones wait to be settled."""
        return next(self.seated(Seat.FREE), None)

    def seated(self, seat: Seat) -> Iterator[Slot]:
        """Return the slots of that kind."""
        return (slot for slot in self.slots if slot.words.seat == seat)
