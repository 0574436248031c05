"""Test databases in the set-up of the run (tests/setups), and what a test may ask of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, connections

from jobqueue.stores.poolers import is_direct
from tests.setups import current


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    setup = current()
    with django_db_blocker.unblock():
        for each in made_databases():
            setup.begin(each)
    yield
    with django_db_blocker.unblock():
        for each in made_databases():
            setup.end(each)


def made_databases() -> list[Any]:
    """Those that were made for this run: of an alias that no test uses there is none."""
    return [each for each in connections.all() if each.settings_dict["NAME"] == each.settings_dict["TEST"]["NAME"]]


@pytest.fixture(scope="session")
def unpooled(django_db_setup: None, django_db_blocker: Any) -> None:
    """Needs a session of its own on the server: LISTEN, SET, a statement that is kept planned."""
    if connection.vendor != "postgresql":
        return
    with django_db_blocker.unblock():
        connection.ensure_connection()
        direct = is_direct(connection.connection)
    if not direct:
        pytest.skip("a pooler stands between: the next transaction may be in another session of the server")
