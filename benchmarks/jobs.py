"""Jobs that do next to nothing, and note in the ledger that they did it."""

from __future__ import annotations

import asyncio
import time

from benchmarks.ledger import Ledger
from jobqueue import SendLater, job

LONG_SECONDS = 60.0

_ledger: Ledger | None = None


def ledger() -> Ledger:
    """Return the ledger of the run."""
    global _ledger
    if _ledger is None:
        _ledger = Ledger.find()
    return _ledger


def forget() -> None:
    """Take up the ledger of the next run."""
    global _ledger
    _ledger = None


@job
def nothing(number: int) -> None:
    """Count."""
    ledger().counts[number] += 1


@job
def stamp(number: int) -> None:
    """Note the time, and count."""
    ledger().starts[number] = time.monotonic()
    ledger().counts[number] += 1


@job
def rest(number: int, seconds: float) -> None:
    """Count, and take a while."""
    ledger().counts[number] += 1
    time.sleep(seconds)


@job
async def doze(number: int, seconds: float) -> None:
    """Count, and take a while, as a coroutine."""
    ledger().counts[number] += 1
    await asyncio.sleep(seconds)


@job
def hold(number: int) -> None:
    """Count, and take a minute, or as long as it takes until the benchmark lets go."""
    ledger().counts[number] += 1
    end = time.monotonic() + LONG_SECONDS
    while not ledger().is_released and time.monotonic() < end:
        time.sleep(0.01)


@job
def tally(number: int) -> None:
    """Count jobs that all have the same handler, and note when each started; for one worker without threads."""
    book = ledger()
    place = book.tallied
    if place < len(book.starts):
        book.starts[place] = time.monotonic()
    book.tallied = place + 1


class Counter(SendLater):
    """Something whose method can be sent for later."""

    @classmethod
    def count(cls, number: int) -> None:
        """Count."""
        ledger().counts[number] += 1
