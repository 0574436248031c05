"""Wishes to running pools: take no new jobs, take jobs again, stop. As signals, but through the database."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from jobqueue.exceptions import PoolGone, shown
from jobqueue.models import Pool
from jobqueue.sentences import Sentence
from jobqueue.stores import get_store
from jobqueue.stores.ears import WISH
from jobqueue.stores.pools import PoolRegistry
from jobqueue.writing import writing


def quiet(pool: Pool | int) -> None:
    """Have a pool take no new jobs; those that run go on. It stays, as after the signal USR1.

    It heeds that within a quarter of its lease, on PostgreSQL at once; ``Pool.quiet`` tells when it has.

    Args:
        pool: its row, or the id of that.

    Raises:
        PoolGone: if it has stopped, or was declared dead.
    """
    _wish(pool, "quiet", "aquiet")


def go_on(pool: Pool | int) -> None:
    """Have a pool that is quiet take jobs again.

    Args:
        pool: its row, or the id of that.

    Raises:
        PoolGone: if it has stopped, or was declared dead.
    """
    _wish(pool, "go on", "ago_on")


def stop(pool: Pool | int) -> None:
    """Have a pool stop when its running jobs have ended, or after ``SHUTDOWN_SECONDS``, as after the signal TERM.

    A service manager that starts again whatever has ended starts it again. A pass of ``work_off`` stops, too.

    Args:
        pool: its row, or the id of that.

    Raises:
        PoolGone: if it has stopped already, or was declared dead.
    """
    _wish(pool, "stop", "astop")


async def aquiet(pool: Pool | int) -> None:
    """Do as ``quiet`` does, from async code."""
    await sync_to_async(quiet)(pool)


async def ago_on(pool: Pool | int) -> None:
    """Do as ``go_on`` does, from async code."""
    await sync_to_async(go_on)(pool)


async def astop(pool: Pool | int) -> None:
    """Do as ``stop`` does, from async code."""
    await sync_to_async(stop)(pool)


def _wish(pool: object, wish: str, twin: str) -> None:
    pool_id = pool.pk if isinstance(pool, Pool) else pool
    if isinstance(pool_id, bool) or not isinstance(pool_id, int):
        raise TypeError(f"A pool is named by its row, or the id of that. It is {shown(pool)}.")
    store = get_store()
    with writing(store, twin):
        heard = PoolRegistry(store).wish(pool_id, wish)
    if not heard:
        raise PoolGone(Sentence(_("The pool %(pool)s is gone: it has stopped, or was declared dead."), pool=pool))
    if store.can_notify:
        # Not by the ringer, who would leave out the second of two wishes in a row.
        transaction.on_commit(lambda: store.notify({WISH}), using=store.alias, robust=True)
