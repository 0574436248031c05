"""What a pool is told by the command line."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field

from jobqueue.worker.loop import WorkerOptions


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """One pool.

    Attributes:
        worker: what each worker is told.
        processes: how many workers.
        name: shown with the pool, and part of locked_by; from --app-name.
        shutdown_seconds: how long to wait for running jobs when stopping.
        poll_seconds: longest sleep of the pool before it looks for jobs by itself.
        detached: whether it is a daemon, whose number its service manager does not know.
        listen: whether to hear NOTIFY and file changes; otherwise only polling wakes it.
    """

    worker: WorkerOptions
    processes: int = 1
    name: str = ""
    shutdown_seconds: float = 25.0
    poll_seconds: float = 5.0
    listen: bool = True
    detached: bool = False
    host: str = field(default_factory=socket.gethostname)

    def signature(self, pid: int) -> str:
        """Return what one of its processes signs with: ``host:atlas pid:4120``."""
        return f"{self.name} host:{self.host} pid:{pid}".strip()
