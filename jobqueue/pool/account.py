"""Whose rights a pool has. Root's only where that was said: jobs are code that reads what strangers have sent."""

from __future__ import annotations

import grp
import os
import pwd

NEEDS_USER = (
    "jobworker start as root needs --user: jobworker start --user www-data, with the user who shall perform the "
    "jobs. If that must be root: --user root"
)
ROOT_WARNING = "running as root, so jobs may do anything here; --user NAME has another user perform them"


class CannotBecome(Exception):
    """The rights cannot be had; the message says why."""


def is_root() -> bool:
    """Whether this process may do anything."""
    return os.geteuid() == 0


def become(user: str | None, group: str | None) -> None:
    """Have the rights of a user, and of a group instead of the user's own, from now on and for good.

    Without a name nothing changes. Whoever is not root may only name what he is already: after a restart in place
    the same words are read again.

    Raises:
        CannotBecome: if there is no such user or group, or this process may not take its place.
    """
    if user is None and group is None:
        return
    entry, gid = _look_up(user, group)
    if is_root():
        try:
            _give_up_the_rest(entry, gid)
        except OSError as error:
            raise CannotBecome(f"Cannot become {_names(user, group)}: {error.strerror}.") from None
    elif (entry is not None and entry.pw_uid != os.geteuid()) or gid != os.getegid():
        raise CannotBecome(f"Only root can become {_names(user, group)}. Leave out --user and --group.")


def _look_up(user: str | None, group: str | None) -> tuple[pwd.struct_passwd | None, int]:
    try:
        entry = None if user is None else pwd.getpwnam(user)
        if group is not None:
            return entry, grp.getgrnam(group).gr_gid
    except KeyError:
        raise CannotBecome(f"There is no such user or group: {_names(user, group)}") from None
    assert entry is not None
    return entry, entry.pw_gid


def _give_up_the_rest(entry: pwd.struct_passwd | None, gid: int) -> None:
    """The user comes last: whoever is no longer root cannot change his groups."""
    os.setgid(gid)
    if entry is None:
        os.setgroups([gid])
        return
    os.initgroups(entry.pw_name, gid)
    os.setuid(entry.pw_uid)
    os.environ.update(HOME=entry.pw_dir, USER=entry.pw_name, LOGNAME=entry.pw_name)


def _names(user: str | None, group: str | None) -> str:
    return " ".join(name for name in (user, group) if name)
