"""The pool as a background service, by python-daemon with its pitfalls avoided.

Its own PID file module is not used (it refuses to start on a dead process's file), its default umask (0) would
make files that anyone may write, and its default directory (/) would break relative paths.
"""

from __future__ import annotations

import grp
import os
import pwd
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from daemon import DaemonContext

UMASK = 0o027


class CannotDetach(Exception):
    """The daemon cannot be started; the message says what to do."""


def open_log(path: Path) -> TextIO:
    """Open a log file for appending; never through a symbolic link, never for everybody."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o640)
    return os.fdopen(descriptor, "a", buffering=1, encoding="utf-8", errors="backslashreplace")


def detach(log: Path, *, user: str | None, group: str | None, run: Callable[[], int]) -> None:
    """Fork a daemon that runs ``run`` and writes to ``log``; return at once in this process.

    No database connection may be open: the daemon opens its own.

    Raises:
        CannotDetach: if python-daemon is missing, or the user or group is unknown.
        OSError: if the log cannot be opened.
    """
    kind = _context_class()
    uid, gid = _ids(user, group)
    with open_log(log) as stream:
        context = kind(
            working_directory=os.getcwd(),
            umask=UMASK,
            stdout=stream,
            stderr=stream,
            uid=uid,
            gid=gid,
            initgroups=user is not None,
            detach_process=True,
            signal_map={},
        )
        pid = os.fork()
        if pid == 0:
            if gid is not None:
                os.setgid(gid)  # with initgroups, python-daemon sets the other groups and forgets this one
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


def _ids(user: str | None, group: str | None) -> tuple[int | None, int | None]:
    """Return the numbers of the user and the group; the user's own group if none is named."""
    try:
        entry = None if user is None else pwd.getpwnam(user)
        gid = grp.getgrnam(group).gr_gid if group is not None else entry and entry.pw_gid
    except KeyError:
        raise CannotDetach(f"There is no such user or group: {user or ''} {group or ''}".rstrip()) from None
    return entry and entry.pw_uid, gid
