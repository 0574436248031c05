"""Fixtures for pytest, beside those of pytest-django. What they need is imported when they are used: pytest loads this
in each of its runs, before there are settings.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from jobqueue.testing import Jobs, WorkerThread


@pytest.fixture
def jobs(db: Any) -> Jobs:
    """The helpers of ``jobqueue.testing``: ``jobs.assert_enqueued(…)``, ``jobs.work_off()`` …"""
    from jobqueue.testing import Jobs

    return Jobs()


@pytest.fixture
def worker(transactional_db: Any) -> Iterator[WorkerThread]:
    """A worker on a thread, which performs jobs soon after their commit: ``worker.wait()``."""
    from jobqueue.testing import WorkerThread

    thread = WorkerThread()
    yield thread
    thread.stop()
