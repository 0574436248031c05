"""Pools by the real command, and what can be done to their processes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from benchmarks.processes import family

MANAGE = Path(__file__).resolve().parents[2] / "manage.py"


class Pool:
    """One ``manage.py jobworker``."""

    def __init__(self, log: Path, environment: dict[str, str], workers: int, words: Iterable[str] = ()) -> None:
        self.log = log
        with log.open("ab") as stream:
            self.process = subprocess.Popen(
                [sys.executable, str(MANAGE), "jobworker", "-n", str(workers), "-v", "0", *words],
                env=environment,
                stdout=stream,
                stderr=stream,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self.pid = self.process.pid

    @property
    def is_running(self) -> bool:
        """Whether its supervisor lives."""
        return self.process.poll() is None

    def children(self) -> list[int]:
        """Return maintenance and workers."""
        return [pid for pid in self.family() if pid != self.pid]

    def is_maintenance(self, pid: int) -> bool:
        """Whether a child beats for the pool, or is so young that it does not say yet what it is."""
        try:
            return Path(f"/proc/{pid}/comm").read_text().strip() != "job-worker"
        except OSError:
            return False

    def family(self) -> list[int]:
        """Return all its processes."""
        return family(self.pid)

    def stop(self) -> int:
        """End it gracefully and return its exit status."""
        if self.is_running:
            self.process.send_signal(signal.SIGTERM)
        return self.wait(60)

    def wait(self, seconds: float) -> int:
        """Wait for its end.

        Raises:
            RuntimeError: if it does not come, saying what its processes do.
        """
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            states = [_state_of(pid) for pid in self.family()]
            raise RuntimeError(f"pool {self.pid} does not end: {states}\n{self.log.read_text()[-3000:]}") from None


def _state_of(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
        return f"{pid} {words[0]}) {words[2].split()[0]} {Path(f'/proc/{pid}/wchan').read_text()}"
    except OSError:
        return f"{pid} gone"


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Signal processes that may be gone."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
