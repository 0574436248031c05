"""The pool as a background service, by python-daemon with its pitfalls avoided.

Its own PID file module is not used (it refuses to start on a dead process's file), its default umask (0) would
make files that anyone may write, and its default directory (/) would break relative paths.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from jobqueue.pool.files import open_own

if TYPE_CHECKING:
    from daemon import DaemonContext

UMASK = 0o027


class CannotDetach(Exception):
    """The daemon cannot be started; the message says what to do."""


def open_log(path: Path) -> TextIO:
    """Open a log file for appending.

    Raises:
        OSError: if it cannot be opened, or must not be trusted.
    """
    return os.fdopen(
        open_own(path, os.O_WRONLY | os.O_APPEND), "a", buffering=1, encoding="utf-8", errors="backslashreplace"
    )


def detach(log: Path, *, run: Callable[[], int]) -> None:
    """Fork a daemon that runs ``run`` and writes to ``log``; return at once in this process.

    No database connection may be open: the daemon opens its own.

    Raises:
        CannotDetach: if python-daemon is missing.
        OSError: if the log cannot be opened, or must not be trusted.
    """
    kind = _context_class()
    with open_log(log) as stream:
        context = kind(
            working_directory=os.getcwd(),
            umask=UMASK,
            stdout=stream,
            stderr=stream,
            detach_process=True,
            signal_map={},
        )
        pid = os.fork()
        if pid == 0:
            with context:
                sys.exit(run())
    os.waitpid(pid, 0)  # the forerunner: it ends as soon as the daemon has left it


def _context_class() -> type[DaemonContext]:
    try:
        from daemon import DaemonContext as Context  # an optional extra
    except ImportError:
        raise CannotDetach('jobworker start needs python-daemon: pip install "jobqueue[daemon]"') from None
    kind: type[DaemonContext] = Context
    return kind
