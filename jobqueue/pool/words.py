"""How processes are spoken of."""

from __future__ import annotations

import signal


def how(status: int) -> str:
    """Say how a process ended, from its exit status as multiprocessing gives it."""
    if status >= 0:
        return f"left with exit status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"


def crash(name: str, status: int) -> str:
    """Return the error of a job whose process has ended like that.

    Args:
        name: the worker's.
        status: as ``how`` takes it.
    """
    # What the system does when memory runs out, and hardly anybody else.
    advice = ". If it happens again, the job may use too much memory." if status == -signal.SIGKILL else ""
    return f"Crashed: {name} {how(status)} while performing this job{advice}"
