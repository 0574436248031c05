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

from jobqueue.pool.files import open_own

#: In the environment of a program that takes this one's place: the number of the open, locked file.
HANDED_ON = "JOBQUEUE_PID_FILE"
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
            OSError: if it cannot be written, or must not be trusted.
        """
        if (inherited := self._inherited()) is not None:
            return inherited
        while True:
            descriptor = open_own(self.path, os.O_RDWR)
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

    def hand_on(self, descriptor: int) -> None:
        """Keep the lock over an ``exec``: the program that takes our place claims it without letting go of it."""
        os.set_inheritable(descriptor, True)
        os.environ[HANDED_ON] = str(descriptor)

    def _inherited(self) -> int | None:
        """Return the descriptor that the program before us in this process has handed on."""
        given = os.environ.pop(HANDED_ON, "")
        if not given.isdecimal() or not self._is(descriptor := int(given)) or not _lock(descriptor):
            return None
        os.set_inheritable(descriptor, False)
        return descriptor

    def holder(self) -> int | None:
        """Return the process that holds the file, or None if nobody does.

        Raises:
            ForeignProcess: if the number in the file is not that of the process that wrote it, or was written by
                somebody who has no say over that process.
        """
        for _ in range(TRIES):  # It may have locked the file and not written it yet.
            if not self._is_locked():
                return None
            lines = self.path.read_text(errors="replace").split()
            if len(lines) == 2 and lines[0].isdecimal() and started(int(lines[0])) == lines[1]:
                return self._believed(int(lines[0]))
            time.sleep(TRY_SECONDS)
        raise ForeignProcess(str(self.path))

    def _believed(self, pid: int) -> int:
        writer, owner = self.path.lstat().st_uid, _owner(pid)
        if owner is not None and writer not in {0, os.geteuid(), owner}:
            raise ForeignProcess(str(self.path))
        return pid

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
        except OSError:
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


def was_handed_on() -> bool:
    """Whether this process was a daemon before it became the program that now runs."""
    return HANDED_ON in os.environ


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


def _owner(pid: int) -> int | None:
    """Return whose process it is; None where the system does not tell."""
    try:
        return Path(f"/proc/{pid}").stat().st_uid
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
