"""Through a real PgBouncer in transaction mode, which may hand each transaction to another session of the server.

That the whole of a worker's life works there is shown by the set-up ``pgbouncer``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection, connections

from demo_site.servers import ServerError
from jobqueue.models import Job
from jobqueue.stores import get_store
from jobqueue.stores.ears import NotificationEar
from jobqueue.stores.poolers import is_direct
from jobqueue.stores.pools import PoolRegistry
from jobqueue.stores.prepared import prepared
from tests.setups.pgbouncer import pgbouncer
from tests.stores.shelf import claim, new, succeeded
from tests.stores.test_plans import only_on

pytestmark = [pytest.mark.django_db(transaction=True), only_on("postgresql")]


@pytest.fixture(scope="module")
def pooler() -> Iterator[dict[str, Any]]:
    """Settings of a connection through it."""
    try:
        with pgbouncer(os.environ.get("JOBQUEUE_TEST_DIRECT_URL") or os.environ["DATABASE_URL"]) as url:
            where = psycopg.conninfo.conninfo_to_dict(url)
            yield {"HOST": where["host"], "PORT": where["port"]}
    except ServerError as error:
        pytest.skip(str(error))


@pytest.fixture
def pooled(pooler: dict[str, Any], transactional_db: None) -> Iterator[Any]:
    """This thread's connection, through the pooler."""
    direct, through = connections["default"], connection.copy()
    through.settings_dict |= pooler
    connections["default"] = through
    yield through
    through.close()
    connections["default"] = direct


def names(of: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(of)
        return [name for (name,) in cursor.fetchall()]


def test_a_pooler_is_known_by_the_process_id(pooled: Any) -> None:
    pooled.ensure_connection()
    assert not is_direct(pooled.connection)
    assert prepared(pooled.connection, "SELECT %s") == "SELECT %s"


def test_nothing_stays_in_the_servers_sessions_which_others_use_next(pooled: Any) -> None:
    store = get_store()
    pool = PoolRegistry(store).register(host="here", pid=1)
    store.insert_many([new() for _ in range(20)])
    jobs = claim(store, pool, 10)
    assert store.finish([succeeded(job) for job in jobs]) == []
    assert store.finish_around_locks([succeeded(job) for job in claim(store, pool)]) == ([], [])
    assert store.prune(-60) == 20
    assert names("SELECT name FROM pg_prepared_statements") == []
    assert names("SHOW lock_timeout") == ["0"]
    assert names("SHOW enable_seqscan") == ["on"]
    assert not Job.objects.exists()


def test_a_pool_listens_to_nothing_that_others_would_hear(pooled: Any, caplog: pytest.LogCaptureFixture) -> None:
    ear = NotificationEar("default", "jobqueue")
    ear.listen()
    assert names("SELECT pg_listening_channels()") == []
    assert "is reached through a pooler" in caplog.text
    get_store().notify({"mail"})
    assert ear.heard() is None
    pooled.close()
    ear.listen()
    assert len(caplog.records) == 1, "said again at each new connection"
