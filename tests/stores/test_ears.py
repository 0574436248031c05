"""What a pool hears on PostgreSQL."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from django.db import connection, connections

from jobqueue.stores import get_store
from jobqueue.stores.base import Store
from jobqueue.stores.ears import ECHO_SECONDS, SCHEDULE, NotificationEar
from tests.stores.test_plans import only_on

pytestmark = [pytest.mark.django_db(transaction=True), only_on("postgresql")]


@pytest.fixture
def ear(unpooled: None) -> Iterator[NotificationEar]:
    ear = NotificationEar("default", "jobqueue")
    ear.listen()
    yield ear
    connection.close()


def elsewhere(step: Callable[[], object]) -> None:
    """Take a step on another connection."""

    def run() -> None:
        step()
        connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


def heard_of(ear: NotificationEar) -> frozenset[str]:
    deadline = time.monotonic() + 10
    while (queues := ear.heard()) is None:
        assert time.monotonic() < deadline
    return queues


def test_a_ring_is_heard_and_has_one_echo(ear: NotificationEar) -> None:
    store = get_store()
    assert ear.heard() is None
    elsewhere(lambda: store.notify({"mail", "slow"}))
    assert heard_of(ear) == {"mail", "slow"}
    assert 0 < ear.pause() <= ECHO_SECONDS
    assert heard_of(ear) == {SCHEDULE}
    assert ear.pause() > 1e9


def test_a_ring_that_comes_with_the_answer_to_a_query_is_heard(ear: NotificationEar) -> None:
    store: Store = get_store()
    elsewhere(lambda: store.notify({"mail"}))
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchall()
    assert ear.heard() == frozenset({"mail"})


def test_after_a_lost_connection_it_listens_again(ear: NotificationEar) -> None:
    connection.close()
    ear.listen()
    elsewhere(lambda: get_store().notify({"mail"}))
    assert heard_of(ear) == {"mail"}
