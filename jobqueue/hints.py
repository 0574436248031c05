"""What developers are told by the way: nobody takes their jobs, or a job ran where it was called."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.apps import apps
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, InterfaceError, connections, transaction

from jobqueue import logs
from jobqueue.conf import get_settings

if TYPE_CHECKING:
    from jobqueue.models import Job
    from jobqueue.stores.base import Store

logger = logging.getLogger("jobqueue.job")

START = "In another terminal: python manage.py jobworker"


class Lookout:
    """Looks once, while DEBUG is on, whether a worker is there for what was stored: one query of a process's life."""

    def __init__(self) -> None:
        self._looked = False

    def rest(self) -> None:
        """Look no more: the caller looks."""
        self._looked = True

    def stored(self, store: Store, job: Job) -> None:
        """Log that a job was stored, and have a look when the transaction commits."""
        if logs.job_logger.isEnabledFor(logging.DEBUG):
            logs.stored(job, connections[store.alias].in_atomic_block)
        if self._is_to_look():
            self._look_at_commit(store, f"Job {job} is")

    def stored_many(self, store: Store, ids: Sequence[int]) -> None:
        """Have a look when the transaction with those jobs commits."""
        if ids and self._is_to_look():
            self._look_at_commit(store, f"{len(ids):,} jobs are" if len(ids) > 1 else f"Job #{ids[0]} is")

    def _is_to_look(self) -> bool:
        return django_settings.DEBUG and not self._looked

    def _look_at_commit(self, store: Store, what: str) -> None:
        transaction.on_commit(lambda: self._look(store, what), using=store.alias)

    def _look(self, store: Store, what: str) -> None:
        if not self._looked:
            self._looked = True
            if not _is_anybody_there(store):
                logger.warning("%s stored but no worker is running. %s", what, START)


def _is_anybody_there(store: Store) -> bool:
    pools = apps.get_model("jobqueue", "Pool")._base_manager.using(store.alias)
    try:
        with store.statement():
            return pools.filter(alive=True, beat_at__gte=store.ago(get_settings().lease_seconds)).exists()
    except (DatabaseError, InterfaceError):
        return True  # who may not ask has nothing to say


def ran_here(name: str) -> None:
    """Warn, with ``STRICT``, the caller's caller that a job runs in the process that called it."""
    if _is_strict():
        text = f"{name}(…) runs now, in this process. For a worker: {name}.enqueue(…)"
        warnings.warn(text, RuntimeWarning, stacklevel=3)


def _is_strict() -> bool:
    try:
        return get_settings().strict
    except ImproperlyConfigured:
        return False  # the call itself needs no settings


lookout = Lookout()
