"""Attempts that end in ways that are hard to write down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone

from jobqueue import Cancel, Performable, Retry, Snooze, current_job, job
from jobqueue.models import Job
from jobqueue.states import State
from jobqueue.testing import work_off

pytestmark = pytest.mark.django_db


@job
def cancel_because_of(codes: list[int]) -> None:
    """Cancel for a reason made of these characters."""
    raise Cancel("".join(map(chr, codes)))


class Unfinished(Snooze):
    """Forgets what its base class needs."""

    def __init__(self) -> None:
        pass


@job
def snooze_somehow() -> None:
    """Ask to be performed again, nobody knows when."""
    raise Unfinished


class LeavesAfterwards(Performable):
    """A hook that ends the process."""

    def perform(self) -> None:
        """Succeed."""

    def after(self, job: Any) -> None:
        """Leave."""
        raise SystemExit(0)


@pytest.mark.parametrize("reason", ["a\0b", "\udcff.txt"])
def test_a_reason_that_no_database_takes_is_told_otherwise(reason: str) -> None:
    cancel_because_of.enqueue([ord(char) for char in reason])
    work_off()
    row = Job.objects.get()
    assert (row.state, row.locked_by) == (State.CANCELLED, None)
    assert str(row.last_error).isascii()


def test_an_exception_that_is_broken_itself_is_a_failure() -> None:
    snooze_somehow.enqueue()
    assert work_off().failed == 1
    row = Job.objects.get()
    assert (row.state, row.attempts) == (State.SCHEDULED, 1)
    assert "AttributeError" in str(row.last_error)


def test_a_hook_that_leaves_the_process_changes_nothing() -> None:
    LeavesAfterwards.enqueue()
    work_off()
    assert Job.objects.get().state == State.SUCCEEDED


@override_settings(USE_TZ=False)
@pytest.mark.parametrize("kind", ["snooze", "retry"])
def test_without_time_zones_an_aware_time_is_taken_as_local(kind: str) -> None:
    moment = datetime(2031, 5, 1, 12, tzinfo=UTC)
    stored = Snooze(until=moment).until if kind == "snooze" else Retry(at=moment).at
    assert stored == timezone.make_naive(moment)


def test_a_time_beyond_all_calendars_is_refused_where_it_is_made() -> None:
    west = timezone.get_fixed_timezone(timedelta(hours=-5))
    with pytest.raises(ValueError, match="calendar"):
        Snooze(until=datetime.max.replace(tzinfo=west))
    for beyond in (datetime(999, 12, 31, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)):
        with pytest.raises(ValueError, match="beyond the calendar"):
            Retry(at=beyond)


def test_after_an_exception_that_is_broken_itself_no_job_is_current() -> None:
    snooze_somehow.enqueue()
    work_off()
    assert current_job() is None
