"""Jobs of this room; most are those of ``tests.chaos.jobs``."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

from jobqueue import current_job, job
from tests.chaos.jobs import leave_a_line, quickly, rest


@job(backoff=quickly)
def wait_for(number: int, path: str) -> None:
    """Go on until somebody has made that file."""
    leave_a_line("start", number)
    while not Path(path).exists():
        time.sleep(0.02)
    leave_a_line("end", number)


@job
def send(number: int, seconds: float) -> None:
    """Store another job, for later, in the same queue."""
    present = current_job()
    assert present is not None
    rest.using(queue=present.queue, run_at=timedelta(seconds=seconds)).enqueue(number, 0)
