"""How processes are spoken of."""

from __future__ import annotations

import signal

#: What the system does when memory runs out, and hardly anybody else.
OUT_OF_MEMORY = -signal.SIGKILL


def advice(status: int) -> str:
    """Return what to think of when a process that performed a job has ended like that."""
    return ". If it happens again, the job may use too much memory." if status == OUT_OF_MEMORY else ""


def how(status: int) -> str:
    """Say how a process ended, from its exit status as multiprocessing gives it."""
    if status >= 0:
        return f"left with exit status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"
