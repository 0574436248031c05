"""Which release a daemon runs, told beside that of the code that is asked."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, InterfaceError

from jobqueue.models import Pool
from jobqueue.release import RESTART, outdated, release


def outdated_line(alias: str, host: str, pid: int) -> str:
    """Return what is to be said of a pool that has loaded another release than this process, as far as is known."""
    mine = Pool.objects.using(alias).filter(pid=pid, host=host, alive=True).order_by("-started_at")
    try:
        pool = mine.first() if release() else None
    except (DatabaseError, InterfaceError, ImproperlyConfigured):
        return ""
    if pool is None or pool.release == release():
        return ""
    return f"{outdated('This worker', pool.release, pool.started_at, release())} {RESTART}"
