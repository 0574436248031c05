"""The fixtures of the plugin, whether or not the package that is installed names it."""

from __future__ import annotations

import pytest

from jobqueue.pytest_plugin import jobs, worker
from tests.app import scripted

__all__ = ["jobs", "worker"]


@pytest.fixture(autouse=True)
def _no_story() -> None:
    scripted.story.clear()
