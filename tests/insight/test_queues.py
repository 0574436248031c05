"""The traffic of queues."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from jobqueue import pause
from jobqueue.conf import get_settings
from jobqueue.insight import queues as reader
from jobqueue.insight.queues import Traffic, queues
from jobqueue.insight.scene import Scene
from jobqueue.models.rollup import minute_of, time_of
from jobqueue.states import State
from tests.admin.planting import rollup
from tests.verbs.conftest import job, pool

pytestmark = pytest.mark.django_db


def of(name: str) -> Traffic:
    return next(each for each in queues(Scene(get_settings())).queues if each.queue.name == name)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """The middle of a minute, so that the last ten minutes are nine and a half."""
    moment = time_of(minute_of(timezone.now())) + timedelta(seconds=30)
    monkeypatch.setattr(Scene, "now", moment)
    return moment


def test_what_is_counted_and_what_waits_untried_has_come(now: datetime) -> None:
    job(queue="mail", created_at=now - timedelta(minutes=2))
    job(queue="mail", created_at=now - timedelta(minutes=30))
    job(State.RUNNING, queue="mail", attempts=1, created_at=now - timedelta(minutes=1))
    job(State.READY, queue="mail", attempts=2, created_at=now - timedelta(minutes=1))
    job(State.SCHEDULED, queue="mail", created_at=now - timedelta(minutes=1))
    rollup(queue="mail", stored=17, succeeded=9, failed=1, retried=5, now=now)
    found = of("mail")
    assert found.come == pytest.approx((17 + 2) / 9.5)
    assert found.gone == pytest.approx(10 / 9.5)
    assert found.grows
    assert found.empties_in is None


def test_a_queue_that_empties_says_when(now: datetime) -> None:
    for _ in range(3):
        job(queue="mail", created_at=now - timedelta(hours=1))
    rollup(queue="mail", succeeded=19, run_11=19, wait_05=19, now=now)
    found = of("mail")
    assert found.empties_in == pytest.approx(3 / (19 / 9.5) * 60)
    assert not found.grows
    assert found.run_p95 == pytest.approx(2.0, rel=0.1)
    assert found.wait_p95 == pytest.approx(0.032, rel=0.1)


def test_where_more_came_than_is_looked_at_the_newest_tell_how_fast(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "NEWEST", 4)
    for seconds in range(60, 0, -10):
        job(queue="mail", created_at=now - timedelta(seconds=seconds))
    assert of("mail").come == pytest.approx(4 / (40 / 60))


def test_how_a_queue_is_in_a_word() -> None:
    job(queue="mail")
    job(queue="default")
    pause("paused")
    pool(queues=["default"])
    assert {name: of(name).state for name in ("mail", "default", "paused")} == {
        "mail": "no worker", "default": "ok", "paused": "paused",
    }  # fmt: skip
