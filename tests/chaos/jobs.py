"""Jobs that leave a line at their start and at their end, in a file that survives whatever happens to them.

A line is ``time number job claim pid event``, written by one call into a file of the process's own.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from django.db import connection

from jobqueue import Snooze, current_job, job

VARIABLE = "CHAOS_JOURNAL"


def leave_a_line(event: str, number: int) -> None:
    """Append a line about the present job."""
    present = current_job()
    assert present is not None
    line = f"{time.time():.6f} {number} {present.id} {present.claim_id.hex} {os.getpid()} {event}\n"
    os.write(_descriptor(os.getpid()), line.encode())


@lru_cache(maxsize=1)
def _descriptor(pid: int) -> int:
    path = Path(os.environ[VARIABLE]) / f"{pid}.log"
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


@contextmanager
def told(number: int) -> Iterator[None]:
    """Leave a line at the start and at the end, also where the database, or somebody who cancels it, ends the job."""
    leave_a_line("start", number)
    try:
        yield
    except BaseException:
        leave_a_line("failed", number)
        raise
    leave_a_line("end", number)


class Stumbled(Exception):
    """A failure that was planned."""


def quickly(attempts: int) -> float:
    """Try again soon."""
    return 0.2


@job(backoff=quickly)
def rest(number: int, seconds: float) -> None:
    """Take some time."""
    with told(number):
        time.sleep(seconds)


@job(backoff=quickly)
def stumble(number: int, times: int) -> None:
    """Fail a few times first."""
    leave_a_line("start", number)
    present = current_job()
    assert present is not None
    if present.attempts <= times:
        leave_a_line("failed", number)
        raise Stumbled(f"attempt {present.attempts} of {number}")
    leave_a_line("end", number)


@job
def poison(number: int) -> None:
    """Take the process along."""
    leave_a_line("start", number)
    leave_a_line("died", number)
    os.kill(os.getpid(), signal.SIGKILL)


@job(atomic=True, backoff=quickly, max_run_time=5)
def book(number: int) -> None:
    """Write to the database in the transaction that also ends the job."""
    with told(number), connection.cursor() as cursor:
        cursor.execute("INSERT INTO chaos_ledger (number) VALUES (%s)", [number])


@job
def doze(number: int) -> None:
    """Ask for a second go, the first time."""
    leave_a_line("start", number)
    mark = Path(os.environ[VARIABLE]) / f"dozed-{number}"
    if not mark.exists():
        mark.touch()
        leave_a_line("snoozed", number)
        raise Snooze(0.5)
    leave_a_line("end", number)


@job(on_crash="fail")
def once(number: int, seconds: float) -> None:
    """Be performed again never, if the process dies."""
    with told(number):
        time.sleep(seconds)
