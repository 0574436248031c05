"""How a pool hears that other processes have written to a SQLite file."""

from __future__ import annotations

import ctypes
import math
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from django.db import connections

from jobqueue.stores.ears import SCHEDULE

#: The kernel tells of a write before it is committed, which the disk may delay. Seconds since a write, and until then
#: the seconds between two looks at the file's counter.
LOOKS = ((0.05, 0.005), (1.0, 0.025))
IN_MODIFY = 2
#: Seconds between two looks where no kernel tells.
BLIND_SECONDS = 0.01


class Watch(Protocol):
    """Tells that a file may have been written to."""

    def begin(self) -> None:
        """Watch what is there by now."""

    def descriptor(self) -> int | None:
        """Return what becomes readable when something is written."""

    def pause(self) -> float:
        """Return the seconds after which to look at the file's counter in any case."""


class Blind:
    """For systems that do not tell."""

    def begin(self) -> None:
        """Nothing to do."""

    def descriptor(self) -> int | None:
        """Nothing to wait for."""
        return None

    def pause(self) -> float:
        """Look all the time."""
        return BLIND_SECONDS


class Inotify:
    """Linux tells of each write (inotify(7)); the file itself needs a look only for a while after that."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._files = (path, path.with_name(f"{path.name}-wal"))
        self._clock = clock
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._queue = self._call("inotify_init1", os.O_NONBLOCK | os.O_CLOEXEC)
        self._told_at = -math.inf

    def __del__(self) -> None:
        with suppress(AttributeError, OSError):  # there was none
            os.close(self._queue)

    def begin(self) -> None:
        """Watch the database and its log. A file that is watched already stays so."""
        for file in self._files:
            if file.exists():
                self._call("inotify_add_watch", self._queue, os.fsencode(file), IN_MODIFY)

    def descriptor(self) -> int | None:
        """Return the kernel's queue; None just after a write: a busy file would wake us for every page."""
        (_, shortest), *_ = LOOKS
        return None if self.pause() == shortest else self._queue

    def pause(self) -> float:
        """Look often after a write, and never without one."""
        now = self._clock()
        with suppress(BlockingIOError):
            while os.read(self._queue, 65_536):
                self._told_at = now
        return next((pause for until, pause in LOOKS if now - self._told_at < until), math.inf)

    def _call(self, name: str, *arguments: int | bytes) -> int:
        answer = getattr(self._libc, name)(*arguments)
        if answer == -1:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        return int(answer)


class FileChangeEar:
    """SQLite's ``data_version``: it changes when another connection has committed."""

    def __init__(self, alias: str, queues_with_work: Callable[[], frozenset[str]]) -> None:
        self._alias = alias
        self._queues_with_work = queues_with_work
        self._version: int | None = None
        self._watch = watch_of(Path(str(connections[alias].settings_dict["NAME"])))

    def listen(self) -> None:
        """Remember where we are."""
        if self._version is None:
            self._version = self._look()
        try:
            self._watch.begin()
        except OSError:  # the user has no watches left
            self._watch = Blind()

    def pause(self) -> float:
        """As the watch says."""
        return self._watch.pause()

    def descriptor(self) -> int | None:
        """As the watch says."""
        return self._watch.descriptor()

    def heard(self) -> frozenset[str] | None:
        """Return the queues with work, and SCHEDULE, if another connection has committed since the last look."""
        version, self._version = self._version, self._look()
        return None if version == self._version else self._queues_with_work() | {SCHEDULE}

    def _look(self) -> int:
        connection = connections[self._alias]
        connection.ensure_connection()
        [(version,)] = connection.connection.execute("PRAGMA data_version")
        return int(version)


def watch_of(path: Path) -> Watch:
    """Return the best watch on a database file that this system has."""
    if sys.platform != "linux" or not path.is_file():
        return Blind()
    try:
        return Inotify(path)
    except OSError:  # the user has no queues left
        return Blind()
