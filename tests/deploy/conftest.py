"""One project for all; the pages about PostgreSQL have tried that."""

from __future__ import annotations

import sys

import pytest

from tests.deploy.shop import Shop

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="services are tried on Linux")


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop(tmp_path_factory.mktemp("shop"))
