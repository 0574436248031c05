"""A worker process as its parent sees it, and how it is forked."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from typing import Any

from jobqueue import logs
from jobqueue.pool.children import SIGNALS
from jobqueue.worker.board import End, Slot

_context = multiprocessing.get_context("fork")


@dataclass(slots=True)
class Child:
    """One living worker. ``kill_at``: when it is killed if it has not ended by then; ``end``: what it died of."""

    process: BaseProcess
    slot: Slot
    born: float
    kill_at: float | None = None
    end: End = End.LEFT

    def send(self, number: signal.Signals) -> None:
        """Signal it; a kill reaches all that its job has started, too."""
        pid = self.process.pid
        if pid is None or self.process.exitcode is not None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
            if number == signal.SIGKILL:
                os.killpg(pid, number)

    def has_died(self) -> bool:
        """Look, and before the number is free to be used again, end what a crashed worker's job has started."""
        pid = self.process.pid
        assert pid is not None
        try:
            died = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:  # multiprocessing has taken note of it already, as it does whenever it forks
            crashed = self.process.exitcode != 0
        else:
            if died is None:
                return False
            crashed = died.si_code != os.CLD_EXITED or died.si_status != 0
        if crashed:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
        return True


def fork(role: Callable[..., None], *arguments: Any) -> BaseProcess | None:
    """Fork with our signals blocked, so that none is handled by the parent's handlers in the child.

    None if the system has no memory or no process left: those that live go on, and it is tried again.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        process = _context.Process(target=role, args=arguments)
        process.start()
    except OSError as error:
        logs.say(logging.ERROR, "fork", f"no new process: {error.strerror}")
        return None
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    return process
