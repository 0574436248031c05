"""The PID file: whoever holds its lock is the running pool.

The content alone proves nothing: processes are killed, machines are rebooted, numbers are used again. So the file
is locked for life, its number is believed only while it is locked, and the process's start time must agree.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

MODE = 0o640
TRIES = 10
TRY_SECONDS = 0.02


class AlreadyRunning(Exception):
    """Another process holds the PID file."""


class ForeignProcess(Exception):
    """The PID file is held, but the process it names is not the one that wrote it."""


@dataclass(frozen=True, slots=True)
class PidFile:
    """A lock file with the number and the start time of its holder."""

    path: Path

    def claim(self) -> int:
        """Lock the file and write this process into it; return the descriptor, to be kept open for life.

        Raises:
            AlreadyRunning: if another process holds it.
            OSError: if it cannot be written.
        """
        while True:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, MODE)
            if not _lock(descriptor):
                os.close(descriptor)
                raise AlreadyRunning(str(self.path))
            if self._is(descriptor):
                break
            os.close(descriptor)  # Its last holder has removed it since we opened it.
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n{started(os.getpid())}\n".encode())
        return descriptor

    def release(self, descriptor: int) -> None:
        """Remove the file and give the lock back."""
        if self._is(descriptor):
            self.path.unlink(missing_ok=True)
        os.close(descriptor)

    def holder(self) -> int | None:
        """Return the process that holds the file, or None if nobody does.

        Raises:
            ForeignProcess: if the number in the file is not that of the process that wrote it.
        """
        for _ in range(TRIES):  # It may have locked the file and not written it yet.
            if not self._is_locked():
                return None
            lines = self.path.read_text(errors="replace").split()
            if len(lines) == 2 and lines[0].isdecimal() and started(int(lines[0])) == lines[1]:
                return int(lines[0])
            time.sleep(TRY_SECONDS)
        raise ForeignProcess(str(self.path))

    def wait_until_gone(self, pid: int, seconds: float) -> bool:
        """Wait until a holder has given the file back and ended; False if the time runs out."""
        return self._wait(lambda: not self._is_locked() and has_ended(pid), seconds)

    def wait_until_held(self, seconds: float) -> bool:
        """Wait until somebody holds the file; False if the time runs out."""
        return self._wait(self._is_locked, seconds)

    def _wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def _is(self, descriptor: int) -> bool:
        """Whether the path still names the file that was opened."""
        try:
            return os.path.samestat(os.fstat(descriptor), os.lstat(self.path))
        except FileNotFoundError:
            return False

    def _is_locked(self) -> bool:
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_NOFOLLOW)
        except FileNotFoundError:
            return False
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(descriptor)
        return False


def _lock(descriptor: int) -> bool:
    """Lock for life; somebody who only looks whether it is locked holds the lock for a moment."""
    for _ in range(TRIES):
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(TRY_SECONDS)
        else:
            return True
    return False


def started(pid: int) -> str:
    """Return when a process was started, in the system's own count; "0" where that is not told."""
    fields = _stat(pid)
    if fields is None:
        return "0" if _exists(pid) else "-"
    return fields[19]


def has_ended(pid: int) -> bool:
    """Whether a process is no more; one that only waits for its parent to notice counts as ended."""
    fields = _stat(pid)
    return not _exists(pid) if fields is None else fields[0] == "Z"


def _stat(pid: int) -> list[str] | None:
    """Return what the system tells of a process, from its state on; None where it tells nothing."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
