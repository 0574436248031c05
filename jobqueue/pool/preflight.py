"""What must hold before a pool is forked; asked on a connection that is closed again."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, InterfaceError, connections
from django.db.migrations.executor import MigrationExecutor

from jobqueue import logs
from jobqueue.stores import get_store


class NotReady(Exception):
    """The pool cannot start; the message says what to do."""


def check(alias: str, *, forks: bool) -> None:
    """Refuse what could never work; an unreachable database is no such thing, the pool waits for it.

    Args:
        alias: database of the jobs.
        forks: whether several processes will open it.

    Raises:
        NotReady: if the database is unknown, cannot be shared, or lacks a table.
    """
    try:
        get_store(alias)
        connection = connections[alias]
        if forks and connection.vendor == "sqlite" and is_in_memory(alias):
            raise NotReady(
                f'Database "{alias}" is SQLite in memory; no other process can see it. Use a file, or work_off.'
            )
        _check_migrations(alias)
    except (DatabaseError, InterfaceError) as error:
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


def _check_migrations(alias: str) -> None:
    executor = MigrationExecutor(connections[alias])
    targets = [node for node in executor.loader.graph.leaf_nodes() if node[0] == "jobqueue"]
    if not executor.migration_plan(targets):
        return
    tables = connections[alias].introspection.table_names()
    what = (
        f'The tables of jobqueue in database "{alias}" are out of date'
        if "jobqueue_job" in tables
        else f'The table jobqueue_job is missing in database "{alias}"'
    )
    raise NotReady(f"{what}. Run: python manage.py migrate jobqueue{_database_option(alias)}")


def _database_option(alias: str) -> str:
    return "" if alias == "default" else f" --database {alias}"


def is_in_memory(alias: str) -> bool:
    """Whether a SQLite database lives in memory, where no other process sees it."""
    name = str(connections[alias].settings_dict["NAME"])
    return ":memory:" in name or "mode=memory" in name
