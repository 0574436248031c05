"""One call of ``jobworker``, read for what it asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobqueue.cli.reload import Watched
from jobqueue.conf import Settings
from jobqueue.pool.options import PoolOptions
from jobqueue.pool.pidfile import PidFile
from jobqueue.worker.clerk import Selection
from jobqueue.worker.loop import WorkerOptions


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call of the command: its words, and where lines for people go.

    ``detached``: it has become a daemon; ``watched``: by whom it is started anew when the code changes.
    """

    words: dict[str, Any]
    say: Callable[[str], None]
    settings: Settings
    detached: bool = False
    watched: Watched | None = None

    @property
    def pid_file(self) -> PidFile:
        """The PID file of a service."""
        given: Path | None = self.words["pid"]
        return PidFile((given or Path(f"{self.words['app_name'] or 'jobworker'}.pid")).absolute())

    @property
    def log_file(self) -> Path:
        """The log file of a service."""
        given: Path | None = self.words["log"]
        return (given or Path(f"{self.words['app_name'] or 'jobworker'}.log")).absolute()

    @property
    def options(self) -> PoolOptions:
        """The pool that is asked for."""
        words = self.words
        selection = Selection(tuple(dict.fromkeys(words["queues"])), words["min_priority"], words["max_priority"])
        memory = words["max_memory"]
        worker = WorkerOptions(
            selection=selection,
            threads=words["threads"],
            coroutines=words["coroutines"],
            max_jobs=words["max_jobs"],
            max_memory=None if memory is None else memory * 1024 * 1024,
        )
        timeout = words["timeout"]
        return PoolOptions(
            worker=worker,
            processes=words["processes"],
            name=words["app_name"],
            shutdown_seconds=self.settings.shutdown_seconds if timeout is None else timeout,
            poll_seconds=words["sleep"] or self.settings.poll_seconds,
            listen=not words["no_listen"],
            detached=self.detached,
        )
