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
