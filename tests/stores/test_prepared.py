"""Statements that the server keeps planned, and what happens where it does not."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from jobqueue.models import Job
from jobqueue.rows import ClaimRequest
from jobqueue.stores import get_store
from jobqueue.stores.base import Store
from jobqueue.stores.pools import PoolRegistry
from jobqueue.stores.prepared import prepared
from tests.stores.shelf import new
from tests.stores.test_plans import only_on

pytestmark = [pytest.mark.django_db(transaction=True), only_on("postgresql")]


@pytest.fixture
def store() -> Iterator[Store]:
    connection.close()
    connection.ensure_connection()
    yield get_store()
    connection.close()


def names() -> list[str]:
    """What the server has prepared for this connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_prepared_statements")
        return [name for (name,) in cursor.fetchall()]


def run(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def claim_one(store: Store) -> int:
    pool_id = PoolRegistry(store).register(host="here", pid=1)
    store.insert(new())
    return len(store.claim(ClaimRequest(uuid4(), pool_id, "w", 1)))


@pytest.mark.usefixtures("unpooled")
def test_a_claim_is_planned_once_for_a_connection(store: Store) -> None:
    assert [claim_one(store) for _ in range(3)] == [1, 1, 1]
    [name] = names()
    assert name.startswith("jobqueue_")


@pytest.mark.usefixtures("unpooled")
def test_another_connection_prepares_for_itself(store: Store) -> None:
    assert claim_one(store) == 1
    connection.close()
    assert claim_one(store) == 1
    assert len(names()) == 1


def test_inside_a_callers_transaction_nothing_is_prepared(store: Store) -> None:
    from django.db import transaction

    with transaction.atomic():
        assert claim_one(store) == 1
        assert names() == []


def test_a_name_that_the_server_has_forgotten_costs_nothing_but_the_plan(store: Store) -> None:
    assert claim_one(store) == 1
    run("DEALLOCATE ALL")
    assert claim_one(store) == 1
    assert names() == []
    assert claim_one(store) == 1
    assert Job.objects.running().count() == 3


def test_a_table_that_changes_under_the_plan_does_not_stop_the_claims(store: Store) -> None:
    assert claim_one(store) == 1
    run("ALTER TABLE jobqueue_job ALTER COLUMN queue TYPE varchar(128)")
    try:
        assert claim_one(store) == 1
    finally:
        run("ALTER TABLE jobqueue_job ALTER COLUMN queue TYPE varchar(64)")
    assert claim_one(store) == 1


class Pooled:
    """A connection as a pooler shows it: with a process id that is not the server's."""

    info = SimpleNamespace(backend_pid=1)

    def execute(self, statement: str) -> Any:
        assert statement == "SELECT pg_backend_pid()"
        return SimpleNamespace(fetchone=lambda: (4711,))


def test_behind_a_pooler_statements_are_sent_whole() -> None:
    pooled: Any = Pooled()
    assert prepared(pooled, "SELECT %s") == "SELECT %s"
    assert prepared(pooled, "SELECT %(name)s") == "SELECT %(name)s"
