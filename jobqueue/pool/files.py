"""Files of a service: made by us, for us and our group, and never where somebody else has laid something ready."""

from __future__ import annotations

import errno
import os
import pwd
import stat
from pathlib import Path

MODE = 0o640


def open_own(path: Path, flags: int) -> int:
    """Open a file, or create it; return its descriptor.

    Args:
        path: its place.
        flags: as of ``os.open``; those against surprises are added.

    Raises:
        OSError: if it cannot be opened or must not be trusted, with the reason in ``strerror``.
    """
    _check_folder(path)
    if path.is_symlink():
        raise _refusal(path, "it is a symbolic link; name the file itself")
    descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW, MODE)
    try:
        _check_owner(path, os.fstat(descriptor))
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _check_folder(path: Path) -> None:
    """Refuse a folder in which anybody may put another file in our file's place."""
    if stat.S_IMODE(path.parent.stat().st_mode) & (stat.S_IWOTH | stat.S_ISVTX) == stat.S_IWOTH:
        raise _refusal(path, f"everybody may write in its folder; type: chmod o-w {path.parent}")


def _check_owner(path: Path, found: os.stat_result) -> None:
    if found.st_uid not in {0, os.geteuid()} and not stat.S_ISCHR(found.st_mode):
        raise _refusal(path, f"it belongs to {_name(found.st_uid)}; remove it, or name another file")


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _refusal(path: Path, reason: str) -> OSError:
    return OSError(errno.EPERM, reason, str(path))
