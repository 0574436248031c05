"""travel_to: jobs are due as if it were later, and are moved back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from jobqueue import job
from jobqueue.models import Job
from jobqueue.stores import get_store
from jobqueue.testing import Jobs
from tests.app.scripted import fail, story, tell

HOUR = timedelta(hours=1)


@job
def tell_again_in_an_hour() -> None:
    """Store a job for later."""
    tell.using(run_at=HOUR).enqueue("again")


def test_what_is_due_by_then_is_performed_and_the_rest_is_where_it_was(jobs: Jobs) -> None:
    for hours in (1, 3):
        tell.using(run_at=hours * HOUR).enqueue(hours)
    before = Job.objects.get(pk=jobs.enqueued_jobs()[1].id)
    with jobs.travel_to(2 * HOUR):
        assert jobs.work_off().performed == 1
    assert story == [1]
    assert jobs.work_off().performed == 0
    after = Job.objects.scheduled().get()
    assert (after.pk, after.run_at, after.created_at) == (before.pk, before.run_at, before.created_at)


def test_a_datetime_is_a_time_by_the_databases_clock(jobs: Jobs) -> None:
    tell.using(run_at=timezone.now() + 24 * HOUR).enqueue("tomorrow")
    with jobs.travel_to(timezone.now() + 23 * HOUR):
        assert jobs.work_off().performed == 0
    with jobs.travel_to(timezone.now() + 25 * HOUR):
        assert jobs.work_off().performed == 1


def test_inside_times_are_told_as_they_were_given(jobs: Jobs) -> None:
    tell.using(run_at=HOUR).enqueue("x")
    due = timezone.now() + HOUR
    with jobs.travel_to(timedelta(minutes=30)):
        jobs.assert_enqueued(tell, run_at=due)
        jobs.assert_enqueued(tell, run_at=HOUR)


def test_what_is_stored_inside_counts_from_then(jobs: Jobs) -> None:
    with jobs.travel_to(24 * HOUR):
        tell_again_in_an_hour.enqueue()
        assert jobs.work_off().performed == 1
        with jobs.travel_to(timedelta(minutes=59)):
            assert jobs.work_off().performed == 0
    jobs.assert_enqueued(tell, run_at=timezone.now() + 25 * HOUR)
    with jobs.travel_to(25 * HOUR + timedelta(seconds=1)):
        assert jobs.work_off().performed == 1


def test_retries_come_when_their_time_comes(jobs: Jobs) -> None:
    fail.enqueue()
    jobs.work_off()
    with jobs.travel_to(timedelta(seconds=5)):
        assert jobs.work_off().performed == 0
    with jobs.travel_to(timedelta(seconds=7)):
        assert jobs.work_off().performed == 1
    for days in range(4, 120, 4):
        with jobs.travel_to(timedelta(days=days)):
            jobs.work_off()
    assert Job.objects.get().attempts == 25
    assert Job.objects.failed().count() == 1


def test_one_may_travel_back(jobs: Jobs) -> None:
    tell.using(run_at=HOUR).enqueue("x")
    with jobs.travel_to(2 * HOUR), jobs.travel_to(-2 * HOUR):
        assert jobs.work_off().performed == 0
    assert jobs.work_off().performed == 0


def test_an_error_inside_brings_the_jobs_back_too(jobs: Jobs) -> None:
    tell.using(run_at=HOUR).enqueue("x")
    with pytest.raises(RuntimeError, match="mine"), jobs.travel_to(2 * HOUR):
        raise RuntimeError("mine")
    jobs.assert_enqueued(tell, run_at=timezone.now() + HOUR)


@pytest.mark.parametrize("when", [24, "tomorrow", None])
def test_what_is_no_time_is_refused(jobs: Jobs, when: Any) -> None:
    with pytest.raises(TypeError, match="travel_to takes a datetime, or a timedelta from now"):
        jobs.travel_to(when)


def test_a_time_without_a_zone_is_refused(jobs: Jobs) -> None:
    with pytest.raises(ValueError, match="has no time zone"), jobs.travel_to(datetime(2030, 1, 1)):
        pass


def test_with_a_clock_of_python_that_is_turned_too(jobs: Jobs) -> None:
    """As PostgreSQL has a clock of its own, both are needed; on SQLite one does as well."""
    tomorrow = timezone.now() + 24 * HOUR
    tell.using(run_at=tomorrow - HOUR).enqueue("x")
    with time_machine.travel(tomorrow), jobs.travel_to(timezone.now()):
        assert jobs.work_off().performed == 1
    assert abs(get_store().now() - timezone.now()) < timedelta(minutes=1)


@pytest.mark.django_db(transaction=True)
def test_without_a_transaction_round_it(jobs: Jobs) -> None:
    tell.using(run_at=HOUR).enqueue("x")
    with jobs.travel_to(2 * HOUR):
        assert jobs.work_off().performed == 1
