"""Test databases in the set-up of the run (tests/setups)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections

from tests.setups import current


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    setup = current()
    with django_db_blocker.unblock():
        for connection in connections.all():
            setup.begin(connection)
    yield
    with django_db_blocker.unblock():
        for connection in connections.all():
            setup.end(connection)
