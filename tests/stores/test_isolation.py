"""Whatever isolation level a project has chosen, a row that a peer has just changed is looked at again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.db import OperationalError, connection, connections, transaction

from jobqueue import client
from jobqueue.models import Job, Pool
from jobqueue.outcomes import RELEASE, Decision
from jobqueue.rows import Finish
from jobqueue.states import State
from jobqueue.stores.base import Store
from jobqueue.stores.errors import is_contention
from jobqueue.stores.pools import PoolRegistry
from tests.app.models import Document
from tests.processes.harness import wait_until
from tests.stores.shelf import claim, new, stored, succeeded
from tests.stores.test_plans import only_on

pytestmark = [pytest.mark.django_db(transaction=True), only_on("postgresql"), pytest.mark.usefixtures("unpooled")]

LEVELS = ["read committed", "repeatable read", "serializable"]
Elsewhere = Callable[[Callable[[], Any]], Any]


@pytest.fixture(params=LEVELS)
def elsewhere(request: pytest.FixtureRequest) -> Iterator[Elsewhere]:
    """Take a step on another thread's connection, whose default is that level; return its future result."""

    def run(step: Callable[[], Any]) -> Any:
        with connection.cursor() as cursor:
            cursor.execute(f"SET default_transaction_isolation = '{request.param}'")
        try:
            return step()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as thread:
        yield lambda step: thread.submit(run, step)


def wait_until_somebody_waits() -> None:
    def waits() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            return bool(cursor.fetchone()[0])

    wait_until(waits)


def cancelled(store: Store, pool: int) -> Callable[[], bool]:
    job = stored(store)
    return lambda: store.cancel(job.pk)


def hastened(store: Store, pool: int) -> Callable[[], bool]:
    job = stored(store)
    Job.objects.update(state=State.SCHEDULED)
    return lambda: store.run_now(job.pk)


def retried(store: Store, pool: int) -> Callable[[], bool]:
    store.insert(new())
    [job] = claim(store, pool)
    store.finish([Finish(job, Decision(State.FAILED, error="boom"))])
    return lambda: store.retry(job.id)


def finished(store: Store, pool: int) -> Callable[[], bool]:
    store.insert(new())
    [job] = claim(store, pool)
    return lambda: store.finish([succeeded(job)]) == []


def put_back(store: Store, pool: int) -> Callable[[], bool]:
    store.insert(new())
    [job] = claim(store, pool)
    return lambda: store.finish([Finish(job, RELEASE)]) == []


def beaten(store: Store, pool: int) -> Callable[[], bool]:
    return lambda: PoolRegistry(store).beat(pool)


@pytest.mark.parametrize("step", [cancelled, hastened, retried, finished, put_back, beaten])
def test_a_row_that_a_peer_changes_meanwhile_is_changed_after_it(
    store: Store, pool: int, elsewhere: Elsewhere, step: Callable[[Store, int], Callable[[], bool]]
) -> None:
    prepared = step(store, pool)
    with transaction.atomic():
        Job.objects.update(priority=7)
        Pool.objects.update(release="7")
        result = elsewhere(prepared)
        wait_until_somebody_waits()
    assert result.result() is True
    assert set(Job.objects.values_list("priority", flat=True)) <= {7}


@pytest.mark.parametrize("level", LEVELS)
def test_a_callers_transaction_keeps_its_settings(store: Store, level: str) -> None:
    """Acts on jobs are part of it, as an enqueue is."""

    def shown(name: str) -> str:
        with connection.cursor() as cursor:
            cursor.execute(f"SHOW {name}")
            return str(cursor.fetchone()[0])

    job, before = stored(store), shown("lock_timeout")
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
        store.insert(new())
        client.cancel(job.pk)
        client.retry(job.pk)
        assert (shown("transaction_isolation"), shown("lock_timeout")) == (level, before)
        transaction.set_rollback(True)
    assert Job.objects.get().state == State.READY


def test_in_a_callers_transaction_its_own_level_decides(store: Store, elsewhere: Elsewhere) -> None:
    """Whoever chose it must be ready to begin anew."""
    job = stored(store)
    read: Future[bool] = Future()
    changed: Future[bool] = Future()

    def read_then_cancel() -> str:
        with transaction.atomic():
            Document.objects.exists()
            read.set_result(True)
            changed.result()
            try:
                return str(store.cancel(job.pk))
            except OperationalError as error:
                transaction.set_rollback(True)
                return "contention" if is_contention(error) else "another error"

    result = elsewhere(read_then_cancel)
    read.result()
    Job.objects.update(priority=7)
    changed.set_result(True)
    assert result.result() in {"True", "contention"}
    assert (Job.objects.get().state == State.CANCELLED) == (result.result() == "True")
