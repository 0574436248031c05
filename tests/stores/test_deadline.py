"""A question that the database does not answer is given up, and its connection with it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from django.db import OperationalError, connection, connections

from jobqueue.performing.connections import PROBES, notice_lost_servers
from jobqueue.stores.base import Store
from jobqueue.stores.deadline import LOOKS, Deadline

SECONDS = 0.4


@pytest.fixture(autouse=True)
def _postgresql(store: Store) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no server that could be gone")


@pytest.fixture
def deadline(store: Store) -> Iterator[Deadline]:
    with connection.cursor():
        yield Deadline(store.alias, SECONDS)
    connection.close()


def ask(seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [seconds])


def test_a_question_that_takes_too_long_is_given_up_in_time(deadline: Deadline) -> None:
    began = time.monotonic()
    with pytest.raises(OperationalError), deadline:
        ask(5)
    assert SECONDS <= time.monotonic() - began < SECONDS * (1 + 2 / LOOKS) + 1


def test_the_next_question_is_asked_on_a_new_connection(deadline: Deadline) -> None:
    with pytest.raises(OperationalError), deadline:
        ask(5)
    connection.close()
    with deadline:
        ask(0)
    with pytest.raises(OperationalError), deadline:
        ask(5)


def test_quick_questions_and_rests_between_them_are_let_be(deadline: Deadline) -> None:
    for _ in range(5):
        with deadline:
            ask(SECONDS / 4)
    ask(1.5 * SECONDS)  # outside of it
    with deadline:
        ask(0)


def test_a_projects_own_parameters_stay(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"connect_timeout": 2, "keepalives_idle": 600, "application_name": "shop"}
    settings = {store.alias: {"OPTIONS": own}}
    with monkeypatch.context() as patch:
        patch.setattr(connections, "settings", settings)
        notice_lost_servers()
    assert settings[store.alias]["OPTIONS"] == PROBES | own
