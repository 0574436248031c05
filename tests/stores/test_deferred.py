"""SQLite as a fresh project has it: transactions take the write lock with their first write only."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from django.db import OperationalError, connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from jobqueue.outcomes import RELEASE
from jobqueue.rows import ClaimRequest, Finish, NewJob
from jobqueue.stores import get_store
from jobqueue.stores.pools import PoolRegistry
from tests.app.models import Document

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's way of locking"),
]


@pytest.fixture
def deferred(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    connection.ensure_connection()
    monkeypatch.setattr(connections["default"], "transaction_mode", None)


@pytest.fixture
def other() -> Iterator[BaseDatabaseWrapper]:
    """Another process's connection, which waits for no lock."""
    another = connection.copy()
    with another.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 0")
    yield another
    another.close()


def write_by(other: BaseDatabaseWrapper) -> None:
    with other.cursor() as cursor:
        cursor.execute("UPDATE jobqueue_pool SET pid = pid + 1")


@pytest.mark.usefixtures("deferred")
def test_an_atomic_job_can_write_whatever_others_write_meanwhile(other: BaseDatabaseWrapper) -> None:
    store = get_store()
    pool_id = PoolRegistry(store).register(host="here", pid=1)
    store.insert(NewJob("{}", "test"))
    [job] = store.claim(ClaimRequest(uuid4(), pool_id, "me", 1))
    with transaction.atomic():
        assert store.hold(job, 60)
        with pytest.raises(OperationalError, match="locked"):
            write_by(other)
        Document.objects.create(text="written")
    write_by(other)
    assert Document.objects.get().text == "written"


@pytest.mark.usefixtures("deferred")
def test_what_a_dead_worker_held_is_settled_whatever_others_write_meanwhile(other: BaseDatabaseWrapper) -> None:
    store = get_store()
    pool_id = PoolRegistry(store).register(host="here", pid=1)
    store.insert(NewJob("{}", "test"))
    store.claim(ClaimRequest(uuid4(), pool_id, "me", 1))

    def finish(job: object) -> Finish:
        with pytest.raises(OperationalError, match="locked"):
            write_by(other)
        return Finish(job, RELEASE)  # type: ignore[arg-type]

    assert store.settle(pool_id, "me", finish)
