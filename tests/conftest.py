"""Test databases in the set-up of the run (tests/setups), what a test may ask of it, and which tests are run when.

Every test runs on each database and on each Python, but not on each pair of them: ``--database-only`` leaves out what
asks no database, for passes of a Python, or on a database, that has run it already.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections

from jobqueue.stores.poolers import is_direct
from tests.setups import current

HERE = Path(__file__).parent
#: Few tests that take long come first: at the end they would keep one process busy while the others idle.
SLOW = ("servers", "processes", "browser", "docs", "demo_site", "chaos")
DATABASE_FIXTURES = {"db", "transactional_db", "django_db_reset_sequences", "django_db_serialized_rollback"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--database-only", action="store_true", help="leave out what asks no database")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the slow ones first; leave out what is the same on every database, if that is wanted."""
    items.sort(key=lambda item: SLOW.index(folder(item)) if folder(item) in SLOW else len(SLOW))
    if config.getoption("--database-only"):
        left_out = [item for item in items if not asks_database(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if asks_database(item)]


def folder(item: pytest.Item) -> str:
    """The part of the suite that a test belongs to."""
    return item.path.relative_to(HERE).parts[0] if item.path.is_relative_to(HERE) else ""


def asks_database(item: pytest.Item) -> bool:
    """Whether another database may make a difference. Beyond unit tests all is taken to, unless it is marked."""
    if item.get_closest_marker("no_database"):
        return False
    if folder(item) != "unit" and item.path.parent != HERE:
        return True
    module = getattr(item, "module", None)
    fixtures = DATABASE_FIXTURES.intersection(getattr(item, "fixturenames", ()))
    looks = any(hasattr(module, name) for name in ("connection", "connections"))
    return bool(fixtures) or looks or item.get_closest_marker("django_db") is not None


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
