"""What a pool tells of its workers with each heartbeat."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import pytest

from jobqueue.insight.workers import skew_of
from jobqueue.models import Pool
from jobqueue.pool.duties import Post
from jobqueue.pool.duties.heartbeat import Heartbeat
from jobqueue.worker.board import Slot
from jobqueue.worker.memory import resident_bytes, resident_bytes_of

pytestmark = pytest.mark.django_db(transaction=True)


def told(post: Post) -> dict[str, Any]:
    assert Heartbeat(post).run() == post.settings.heartbeat_seconds
    [worker] = Pool.objects.get().workers
    return dict(worker)


def test_it_tells_the_size_of_a_worker_and_since_when_it_performs_what(post: Post, slot: Slot) -> None:
    slot.words.pid = os.getpid()
    slot.start(0, 7, time.monotonic() - 90, 0.0)
    worker = told(post)
    [job] = worker["jobs"]
    assert (job["id"], job["seconds"]) == (7, pytest.approx(90, abs=1))
    assert job["began"] == pytest.approx(time.time() - 90, abs=1)
    began = Pool.objects.get().beat_at.timestamp() - job["seconds"]
    assert began == pytest.approx(job["began"], abs=1), "this host's clock is the database's"
    if sys.platform == "linux":
        assert worker["memory"] == pytest.approx(resident_bytes(), rel=0.2)


def test_it_tells_the_time_of_its_host(post: Post, slot: Slot) -> None:
    slot.words.pid = os.getpid()
    assert told(post)["clock"] == pytest.approx(time.time(), abs=1)
    assert abs(skew_of(Pool.objects.get())) < 1


def test_a_worker_that_is_gone_has_no_size(post: Post, slot: Slot) -> None:
    slot.words.pid = 2**22 + 1
    assert "memory" not in told(post)
    assert resident_bytes_of(2**22 + 1) is None
