"""A caller of its own: stores jobs one by one, some in transactions that roll back, and clicks on those it has stored.

``python -m tests.chaos.caller FIRST COUNT SEED FILE``. Whatever happens to its connection, it asks again under the same
key until it is sure, then writes a line. It ends when its standard input does.
"""

from __future__ import annotations

import contextlib
import select
import sys
import time
from datetime import timedelta
from pathlib import Path
from random import Random

import django
from django.db import DatabaseError, InterfaceError, connection, transaction

django.setup()

from jobqueue import cancel, enqueue, retry, run_now  # noqa: E402 (after the set-up)
from jobqueue.exceptions import JobStateError  # noqa: E402
from tests.chaos import jobs  # noqa: E402

#: Of a hundred calls: rolled back, and clicks on a job.
UNDONE, CLICKS = 10, 30


class Undo(Exception):
    """Rolls a transaction back."""


def main(first: int, count: int, seed: int, path: Path) -> None:
    """Call until all is stored or nobody listens any more."""
    chance = Random(seed)
    with path.open("a", buffering=1) as lines:
        stored: list[int] = []
        for number in range(first, first + count):
            if chance.randrange(100) < UNDONE:
                undo(number)
                lines.write(f"undone {number}\n")
            else:
                stored.append(store(number, chance.uniform(0, 0.05), chance.choice([0.0, 0.0, 1.0])))
                lines.write(f"stored {number} {stored[-1]}\n")
            if stored and chance.randrange(100) < CLICKS:
                click(chance.choice([cancel, retry, run_now]), chance.choice(stored[-50:]))
            if is_over(0.02):
                return


def store(number: int, seconds: float, delay: float) -> int:
    """Store a job, sure that it is stored once."""
    call = jobs.rest.bind(number, seconds)
    while True:
        try:
            return int(enqueue(call, key=f"call-{number}", run_at=timedelta(seconds=delay)).pk)
        except (DatabaseError, InterfaceError):
            connection.close()
            time.sleep(0.1)


def undo(number: int) -> None:
    """Store a job in a transaction that rolls back, or whose connection is lost."""
    try:
        with contextlib.suppress(Undo), transaction.atomic():
            jobs.rest.enqueue(number, 0)
            raise Undo
    except (DatabaseError, InterfaceError):
        connection.close()


def click(act: object, job_id: int) -> None:
    """Do what somebody may do to a job at any moment."""
    try:
        act(job_id)  # type: ignore[operator]
    except JobStateError:
        return
    except (DatabaseError, InterfaceError):
        connection.close()


def is_over(seconds: float) -> bool:
    """Whether standard input has ended, after so long a wait."""
    ready, _, _ = select.select([sys.stdin], [], [], seconds)
    return bool(ready)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
