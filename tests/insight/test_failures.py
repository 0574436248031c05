"""Kinds of failures, as they are counted."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jobqueue.conf import get_settings
from jobqueue.insight import failures
from jobqueue.insight.failures import DAY, WEEK, attempts_of, error_of, kind_of, kinds
from jobqueue.insight.scene import Scene
from jobqueue.models import Job
from jobqueue.states import State
from tests.admin.planting import ERROR, NAME, attempt, ended
from tests.app import secretive

pytestmark = pytest.mark.django_db


def scene() -> Scene:
    return Scene(get_settings())


def test_each_attempt_counts_within_the_hours_that_it_is_old() -> None:
    for hours in (0.5, 2, 20, 100, 200):
        attempt(ago=hours * 3600)
    [kind] = kinds(scene()).shown
    assert kind.counts == {1: 1, 3: 2, 24: 3, 168: 4}
    assert (kind.total, len(kind.points), sum(kind.points)) == (4, WEEK.hours // WEEK.step, 4)
    assert kind.points[-1] == 2
    assert (kind.name, kind.exception, kind.message) == (NAME, "ValueError", "")
    assert kind.last - kind.first > timedelta(hours=99)


def test_a_day_by_hours() -> None:
    attempt(ago=60)
    attempt(ago=23.5 * 3600)
    attempt(ago=25 * 3600)
    [kind] = kinds(scene(), DAY).shown
    assert kind.points == [1, *[0] * 22, 1]
    assert kind.counts == {1: 1, 3: 1, 24: 2}


def test_those_that_came_most_often_come_first() -> None:
    for error, times in (("A: 1", 1), ("B: 1", 3), ("C: 1", 2)):
        for number in range(times):
            attempt(error=error, ago=60 + number)
    found = kinds(scene(), limit=2)
    assert ([kind.exception for kind in found.shown], found.others) == (["B", "C"], 1)


def test_message_and_place_are_told_to_those_who_may_see_them() -> None:
    attempt()
    [kind] = kinds(scene(), with_payload=True).shown
    assert (kind.message, kind.place) == ("no stream … in …", "encode.py encode_one")


def test_jobs_that_failed_for_good_are_counted_once() -> None:
    job = ended(State.FAILED)
    attempt(job)
    attempt(job)
    attempt(ended(State.SUCCEEDED))
    [kind] = kinds(scene()).shown
    assert kind.failed == 1


def test_counting_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "WINDOW", 3)
    for number in range(5):
        attempt(ago=60 * (number + 1))
    found = kinds(scene())
    assert (found.shown[0].total, found.is_whole) == (3, False)


def test_a_job_that_is_gone_takes_nothing_with_it() -> None:
    made = attempt()
    Job.objects.filter(pk=made.job_id)._raw_delete("default")
    [kind] = kinds(scene(), with_payload=True).shown
    assert (kind.name, kind.exception, kind.failed) == ("", "ValueError", 0)
    assert error_of(scene(), made) == ERROR


def test_one_kind_is_counted_alone() -> None:
    made = attempt()
    attempt(error="Other: x")
    kind = kind_of(scene(), made.fingerprint)
    assert kind is not None
    assert (kind.total, kind.exception) == (1, "ValueError")
    assert [each.pk for each in attempts_of(scene(), made.fingerprint)] == [made.pk]
    assert kind_of(scene(), "nonesuch") is None


def test_an_old_kind_is_known_still() -> None:
    made = attempt(ago=30 * 86_400)
    kind = kind_of(scene(), made.fingerprint)
    assert kind is not None
    assert (kind.total, kind.last) == (0, made.ended_at)
    assert kinds(scene()).shown == []


def test_what_is_sensitive_is_hidden_in_errors() -> None:
    job = secretive.log_in.enqueue("w", "s3cret-word")
    made = attempt(job, error="ValueError: s3cret-word was wrong")
    assert "s3cret" not in error_of(scene(), made)


def test_a_long_error_is_cut() -> None:
    made = attempt(error="E: " + "x" * 30_000)
    assert len(error_of(scene(), made)) == failures.LONGEST_ERROR + 1
