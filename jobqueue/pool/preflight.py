"""What must hold before a pool is forked; asked on a connection that is closed again."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, InterfaceError, connections
from django.db.migrations.executor import MigrationExecutor

from jobqueue import logs
from jobqueue.stores import get_store
from jobqueue.stores.errors import migrate_command, says_missing

JOBS = "jobqueue_job"


class NotReady(Exception):
    """The pool cannot start; the message says what to do."""


def check(alias: str, *, forks: bool) -> None:
    """Refuse what could never work; an unreachable database is no such thing, the pool waits for it.

    Args:
        alias: database of the jobs.
        forks: whether several processes will open it.

    Raises:
        NotReady: if a table or a privilege is missing, or the database cannot be shared.
    """
    try:
        connection = connections[alias]
        if forks and connection.vendor == "sqlite" and is_in_memory(alias):
            raise NotReady(
                f'Database "{alias}" is SQLite in memory; no other process can see it. Use a file, or work_off.'
            )
        _check_privileges(alias)
        _check_migrations(alias)
    except (DatabaseError, InterfaceError) as error:
        if refusal := get_store(alias).refusal(error):
            raise NotReady(refusal) from error
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


def _check_migrations(alias: str) -> None:
    executor = MigrationExecutor(connections[alias])
    targets = [node for node in executor.loader.graph.leaf_nodes() if node[0] == "jobqueue"]
    if not executor.migration_plan(targets):
        return
    if JOBS in connections[alias].introspection.table_names():
        what = f'The tables of jobqueue in database "{alias}" are out of date'
        raise NotReady(f"{what}. Run: {migrate_command(alias)}")
    raise NotReady(says_missing(JOBS, alias))


def is_in_memory(alias: str) -> bool:
    """Whether a SQLite database lives in memory, where no other process sees it."""
    name = str(connections[alias].settings_dict["NAME"])
    return ":memory:" in name or "mode=memory" in name
