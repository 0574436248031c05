"""A server for each test, and what a machine must have for it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from demo_site.servers import ServerError
from tests.servers.stage import Stage
from tests.servers.stage import stage as make_stage
from tests.servers.stage import template as make_template

LONG_TESTS = "JOBQUEUE_LONG_TESTS"


def pytest_configure(config: pytest.Config) -> None:
    """Tell pytest the marker."""
    config.addinivalue_line("markers", f"long: takes minutes; run with {LONG_TESTS}=1")


@pytest.fixture(autouse=True)
def _skip_what_is_long(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("long") and os.environ.get(LONG_TESTS) != "1":
        pytest.skip(f"takes minutes; run it with {LONG_TESTS}=1")


@pytest.fixture(scope="session")
def template(django_db_blocker: DjangoDbBlocker) -> Iterator[Path]:
    if sys.platform != "linux":
        pytest.skip("these tests watch processes through /proc")
    if connection.vendor != "postgresql":
        pytest.skip("a server of their own, once: in the pass on PostgreSQL")
    try:
        with django_db_blocker.unblock(), make_template() as data:
            yield data
    except ServerError as error:
        pytest.skip(str(error))


@pytest.fixture
def stage(template: Path, tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[Stage]:
    with django_db_blocker.unblock(), make_stage(template, tmp_path) as found:
        yield found
