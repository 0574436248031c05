"""The only writers of job rows: one store per database vendor."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from jobqueue.conf import get_settings
from jobqueue.installed import check_installed

if TYPE_CHECKING:
    from jobqueue.stores.base import Store

STORES = {
    "postgresql": "jobqueue.stores.postgresql.PostgreSQLStore",
    "sqlite": "jobqueue.stores.sqlite.SQLiteStore",
}

_made: dict[str, Store] = {}


def get_store(alias: str | None = None) -> Store:
    """Return the store of a database alias (``JOBQUEUE["DATABASE"]`` by default).

    Raises:
        ImproperlyConfigured: if the app is not installed, or the database is unknown or of an unsupported kind.
    """
    alias = alias or get_settings().database
    store = _made.get(alias)
    if store is None:
        store = _made[alias] = _make(alias)
    return store


def _make(alias: str) -> Store:
    check_installed()
    if alias not in connections.settings:
        raise ImproperlyConfigured(
            f'JOBQUEUE["DATABASE"] is "{alias}", which DATABASES lacks. It has: {", ".join(connections.settings)}.'
        )
    vendor = connections[alias].vendor
    if vendor not in STORES:
        raise ImproperlyConfigured(
            f'Database "{alias}" is {vendor}. jobqueue keeps jobs in {" or ".join(STORES)}.'
        )
    # Late, because a store needs the models and callers import this package before those are ready.
    module, _, name = STORES[vendor].rpartition(".")
    store: Store = getattr(import_module(module), name)(alias)
    return store
