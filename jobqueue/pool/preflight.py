"""What must hold before a pool is forked; asked on a connection that is closed again."""

from __future__ import annotations

import os
import socket

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, InterfaceError, connections

from jobqueue import logs
from jobqueue.conf import get_settings
from jobqueue.models import Pool
from jobqueue.pool.pidfile import has_ended
from jobqueue.pool.schema import read_schema
from jobqueue.stores import get_store


class NotReady(Exception):
    """The pool cannot start; the message says what to do."""


def check(alias: str, *, forks: bool, waits: bool, name: str = "") -> None:
    """Refuse what could never work; an unreachable database is no such thing, unless nobody wants to wait for it.

    Args:
        alias: database of the jobs.
        forks: whether several processes will open it.
        waits: whether to go on if the database cannot be reached.
        name: of the pool that is to start, which no other on this host may have.

    Raises:
        NotReady: if the database is unknown, cannot be shared or cannot be reached; or if its tables, or privileges on
            them, are missing; or if its tables are out of date or of a newer release; or if the name is taken.
    """
    try:
        get_store(alias)
        connection = connections[alias]
        if forks and connection.vendor == "sqlite" and is_in_memory(alias):
            raise NotReady(
                f'Database "{alias}" is SQLite in memory; no other process can see it. Use a file, or work_off.'
            )
        _check_privileges(alias)
        _check_tables(alias)
        if name and forks:
            _check_name(alias, name)
    except (DatabaseError, InterfaceError) as error:
        if refusal := get_store(alias).refusal(error):
            raise NotReady(refusal) from error
        if not waits:
            raise NotReady(f'Cannot reach database "{alias}": {logs.headline(str(error))}') from error
        logs.unreachable(alias, error, 0.1, 0)
    except ImproperlyConfigured as error:
        raise NotReady(str(error)) from error
    finally:
        if forks:
            close_connections()


def close_connections() -> None:
    """Close all connections and psycopg's pools of them: two processes on one connection read each other's answers."""
    connections.close_all()
    for connection in connections.all(initialized_only=True):
        if connection.settings_dict["OPTIONS"].get("pool") and hasattr(connection, "close_pool"):
            connection.close_pool()


def _check_privileges(alias: str) -> None:
    if lacking := get_store(alias).lacks():
        raise NotReady(lacking)


def _check_tables(alias: str) -> None:
    trouble = read_schema(alias).trouble
    if trouble is not None:
        raise NotReady(" ".join(trouble))


def _check_name(alias: str, name: str) -> None:
    """On one host two of a name are a mistake; on several they are copies of one service."""
    store, here = get_store(alias), Pool.objects.using(alias).filter(name=name, host=socket.gethostname())
    lease = store.ago(get_settings().lease_seconds)
    with store.statement():
        living = list(here.filter(alive=True, beat_at__gte=lease).exclude(pid=os.getpid()))
    for peer in living:
        if not has_ended(peer.pid):
            ago = max((store.now() - peer.beat_at).total_seconds(), 0.0)
            raise NotReady(
                f'Worker name "{name}" is taken by host:{peer.host} pid:{peer.pid} (alive {ago:.0f} s ago). '
                "Give this one another --app-name, or stop that one."
            )


def is_in_memory(alias: str) -> bool:
    """Whether a SQLite database lives in memory, where no other process sees it."""
    name = str(connections[alias].settings_dict["NAME"])
    return ":memory:" in name or "mode=memory" in name
