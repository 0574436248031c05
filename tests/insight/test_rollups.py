"""What is read of the figures of past minutes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jobqueue.insight.rollups import RANGES, Counts, Rollups
from jobqueue.models import Rollup
from jobqueue.models.rollup import minute_of
from jobqueue.policy.histogram import BUCKETS

NOW = datetime(2026, 11, 20, 12, 0, 30, tzinfo=UTC)
HOUR = RANGES["1h"]

pytestmark = pytest.mark.django_db


def plant(ago: timedelta, queue: str = "default", name: str = "shop.jobs.send", **figures: int) -> None:
    Rollup.objects.create(
        minute=minute_of(NOW - ago), queue=queue, name=name, writer=len(Rollup.objects.all()), **figures
    )


def test_writers_are_added_up() -> None:
    plant(timedelta(minutes=1), succeeded=3, failed=1)
    plant(timedelta(minutes=1), succeeded=2, retried=4)
    total = Rollups("default", HOUR, NOW).total()
    assert total == Counts(succeeded=5, failed=1, retried=4)
    assert (total.ended, total.attempts, total.failure_rate) == (6, 10, 1 / 6)


def test_what_is_older_does_not_count() -> None:
    plant(timedelta(minutes=60), succeeded=3)
    plant(timedelta(minutes=59), succeeded=1)
    assert Rollups("default", HOUR, NOW).total().succeeded == 1


def test_each_point_has_its_own() -> None:
    plant(timedelta(minutes=59), succeeded=1)
    plant(timedelta(0), succeeded=2)
    found = [each.succeeded for each in Rollups("default", HOUR, NOW).series()]
    assert found == [1, *[0] * 58, 2]


@pytest.mark.parametrize("name", RANGES)
def test_the_last_point_is_the_one_that_is_not_over(name: str) -> None:
    rollups = Rollups("default", RANGES[name], NOW)
    assert len(rollups.points) == RANGES[name].minutes // RANGES[name].step
    assert rollups.points[-1] <= minute_of(NOW) < rollups.points[-1] + RANGES[name].step


def test_by_queue_and_by_class() -> None:
    plant(timedelta(minutes=1), queue="mail", name="a", succeeded=1, stored=7)
    plant(timedelta(minutes=2), queue="mail", name="b", succeeded=2)
    rollups = Rollups("default", HOUR, NOW)
    assert rollups.by("queue") == {"mail": Counts(stored=7, succeeded=3)}
    assert rollups.by("name") == {"a": Counts(stored=7, succeeded=1), "b": Counts(succeeded=2)}
    assert Rollups("default", HOUR, NOW, name="b").total().succeeded == 2


def test_histograms_add_up() -> None:
    plant(timedelta(minutes=1), run_00=1, run_26=2, wait_03=5)
    plant(timedelta(minutes=9), run_00=4)
    rollups = Rollups("default", HOUR, NOW)
    assert rollups.histogram("run") == [5, *[0] * (BUCKETS - 2), 2]
    assert rollups.histograms("wait", "name")["shop.jobs.send"][3] == 5
    assert [sum(each) for each in rollups.histogram_series("run")][-10:] == [4, *[0] * 7, 3, 0]


def test_nothing_is_nothing() -> None:
    rollups = Rollups("default", HOUR, NOW)
    assert rollups.total() == Counts()
    assert rollups.total().failure_rate is None
    assert rollups.histogram("run") == [0] * BUCKETS
