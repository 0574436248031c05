"""What becomes of a job after each kind of end: Delayed Job's rules, to the figure (DJ27 to DJ34)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone

from jobqueue import Cancel, Performable, Retry, Snooze, enqueue, job, retry
from jobqueue.models import Job
from jobqueue.outcomes import (
    RELEASE,
    Blocked,
    Cancelled,
    Corrupt,
    Crashed,
    Decision,
    Failed,
    Lost,
    Outcome,
    Released,
    Snoozed,
    Succeeded,
    TimedOut,
)
from jobqueue.policy.backoff import backoff
from jobqueue.policy.retry import BLOCKED_LIMIT, BLOCKED_PAUSE, LONGEST_PAUSE, Limits, decide
from jobqueue.states import State
from jobqueue.testing import work_off

LIMITS = Limits(max_attempts=25, max_crashes=3, backoff=backoff)
TOMORROW = datetime(2026, 11, 22, 9, tzinfo=UTC)


def decided(
    outcome: Outcome, attempts: int = 1, crashes: int = 0, blocked_seconds: float = 0.0, **limits: Any
) -> Decision:
    return decide(
        outcome,
        attempts=attempts,
        crashes=crashes,
        blocked_seconds=blocked_seconds,
        limits=replace(LIMITS, **limits),
    )


def live(outcome: Outcome, **limits: Any) -> tuple[list[float], Decision]:
    """Perform a job that always ends alike; return the times of its starts and the last decision."""
    clock, starts, attempts, crashes = 0.0, [], 0, 0
    while True:
        starts.append(clock)
        attempts += 1
        decision = decided(outcome, attempts, crashes, **limits)
        if decision.state.is_final:
            return starts, decision
        clock += decision.wait or 0.0
        attempts -= not decision.charge
        crashes += decision.crash


class TestFailures:
    def test_a_job_that_always_fails_starts_25_times_in_1763140_seconds(self) -> None:
        starts, last = live(Failed("ValueError: no"))
        assert len(starts) == 25
        assert starts[:5] == [0, 6, 27, 113, 374]
        assert starts[-1] == 1_763_140
        assert last == Decision(State.FAILED, error="ValueError: no", failure="failed")

    @pytest.mark.parametrize("most", [1, 2, 3, 100])
    def test_max_attempts_is_the_number_of_starts(self, most: int) -> None:
        assert len(live(Failed("no"), max_attempts=most)[0]) == most

    def test_running_over_time_is_a_failure_like_any_other(self) -> None:
        assert decided(TimedOut("late"), 2) == replace(decided(Failed("late"), 2), failure="timed out")

    def test_a_pause_of_the_job_s_own_stands_in_for_the_backoff(self) -> None:
        assert decided(Failed("no", wait=1.5)) == Decision(State.SCHEDULED, wait=1.5, error="no", failure="failed")
        assert decided(Failed("no", wait=0.0)) == Decision(State.SCHEDULED, wait=0.0, error="no", failure="failed")

    def test_a_time_of_the_job_s_own_stands_in_for_the_backoff(self) -> None:
        assert decided(Failed("no", at=TOMORROW)) == Decision(
            State.SCHEDULED, run_at=TOMORROW, error="no", failure="failed"
        )

    def test_neither_gives_it_more_attempts(self) -> None:
        assert decided(Failed("no", wait=1.0), 25).state is State.FAILED
        assert decided(Failed("no", at=TOMORROW), 25).state is State.FAILED

    def test_the_backoff_may_return_a_timedelta(self) -> None:
        assert decided(Failed("no"), 3, backoff=lambda attempts: timedelta(minutes=attempts)).wait == 180

    @pytest.mark.parametrize(
        ("given", "wait"), [(-5.0, 0.0), (1e300, LONGEST_PAUSE), (float("inf"), LONGEST_PAUSE)]
    )
    def test_a_pause_stays_within_what_a_date_can_hold(self, given: float, wait: float) -> None:
        assert decided(Failed("no"), backoff=lambda attempts: given).wait == wait
        assert decided(Failed("no", wait=given)).wait == wait
        assert decided(Snoozed(wait=given)).wait == wait

    def test_even_the_pause_after_the_last_of_100000_attempts_does(self) -> None:
        assert decided(Failed("no"), 99_999, max_attempts=100_000).wait == LONGEST_PAUSE

    @pytest.mark.parametrize(
        "broken", [lambda attempts: 1 / 0, lambda attempts: None, lambda attempts: float("nan")]
    )
    def test_a_backoff_that_fails_gives_way_to_the_default(self, broken: Callable[[int], Any]) -> None:
        assert decided(Failed("no"), 3, backoff=broken) == Decision(
            State.SCHEDULED, wait=86.0, error="no", failure="failed"
        )

    def test_destroy_failed_jobs_deletes_at_the_last_failure_only(self) -> None:
        assert decided(Failed("no"), 24, destroy_failed=True).delete is False
        assert decided(Failed("no"), 25, destroy_failed=True) == Decision(
            State.FAILED, error="no", failure="failed", delete=True
        )


class TestCrashes:
    def test_the_job_goes_back_at_once_and_the_crash_is_counted(self) -> None:
        assert decided(Crashed("killed")) == Decision(State.READY, crash=True, error="killed", failure="crashed")

    def test_the_third_crash_parks_it_as_poison(self) -> None:
        starts, last = live(Crashed("killed"))
        assert len(starts) == 3
        assert (last.state, last.crash) == (State.FAILED, True)
        assert last.error == "killed\nPoison: it has taken its process down 3 times."

    @pytest.mark.parametrize("most", [1, 5])
    def test_max_crashes_is_the_number_of_starts_of_a_job_that_always_crashes(self, most: int) -> None:
        assert len(live(Crashed("killed"), max_crashes=most)[0]) == most

    def test_a_crash_is_an_attempt_too(self) -> None:
        starts, last = live(Crashed("killed"), max_attempts=2)
        assert len(starts) == 2
        assert last == Decision(State.FAILED, crash=True, error="killed", failure="crashed")

    def test_a_job_of_at_most_once_ends_with_its_first_crash(self) -> None:
        starts, last = live(Crashed("killed"), retry_crashes=False)
        assert len(starts) == 1
        assert last.error == 'killed\nNot repeated: on_crash is "fail".'

    def test_a_job_of_at_most_once_is_retried_after_a_failure(self) -> None:
        assert decided(Failed("no"), retry_crashes=False).state is State.SCHEDULED

    @pytest.mark.parametrize("limits", [{"retry_crashes": False}, {"max_crashes": 1}, {"max_attempts": 1}])
    def test_destroy_failed_jobs_holds_for_crashes(self, limits: dict[str, Any]) -> None:
        assert decided(Crashed("killed"), destroy_failed=True, **limits).delete is True
        assert decided(Crashed("killed"), **limits).delete is False


class TestOtherEnds:
    def test_success_keeps_the_row_or_deletes_it(self) -> None:
        assert decided(Succeeded()) == Decision(State.SUCCEEDED)
        assert decided(Succeeded("7")) == Decision(State.SUCCEEDED, result="7")
        assert decided(Succeeded(), keep_succeeded=False).delete is True
        assert decided(Succeeded("7"), keep_succeeded=False).delete is True

    def test_success_of_the_last_attempt_is_a_success(self) -> None:
        assert decided(Succeeded(), 25, crashes=2).state is State.SUCCEEDED

    def test_a_snooze_is_not_charged_however_often(self) -> None:
        assert decided(Snoozed(wait=5.0), 25) == Decision(State.SCHEDULED, wait=5.0, charge=False)
        assert decided(Snoozed(until=TOMORROW)) == Decision(State.SCHEDULED, run_at=TOMORROW, charge=False)

    def test_cancelled_is_final_and_kept(self) -> None:
        decision = decided(Cancelled("its row is gone"), destroy_failed=True, keep_succeeded=False)
        assert decision == Decision(State.CANCELLED, error="its row is gone")

    def test_a_corrupt_row_is_parked_at_once_and_kept_as_evidence(self) -> None:
        assert decided(Corrupt("not JSON"), destroy_failed=True) == Decision(
            State.FAILED, error="not JSON", failure="corrupt"
        )

    def test_a_job_that_this_release_does_not_know_waits_for_one_that_does(self) -> None:
        waiting = Decision(State.SCHEDULED, wait=BLOCKED_PAUSE, charge=False, blocked=True, error="unknown")
        assert decided(Blocked("unknown"), 25) == waiting
        assert decided(Blocked("unknown"), blocked_seconds=BLOCKED_LIMIT - 1) == waiting

    def test_a_job_that_nobody_has_known_for_an_hour_is_parked(self) -> None:
        decision = decided(Blocked("unknown"), blocked_seconds=BLOCKED_LIMIT)
        assert decision == Decision(State.FAILED, charge=False, error="unknown", failure="unknown")

    @pytest.mark.parametrize("outcome", [Released(), Released("stopped"), Lost()])
    def test_what_was_not_performed_goes_back_uncharged(self, outcome: Outcome) -> None:
        assert decided(outcome, 25) is RELEASE
        assert (RELEASE.state, RELEASE.charge, RELEASE.crash) == (State.READY, False, False)


# The same through the table.

started: list[str] = []


@pytest.fixture(autouse=True)
def no_starts() -> None:
    started.clear()


@job
def fail(name: str = "fail") -> None:
    """Fail, having said so."""
    started.append(name)
    raise ValueError(name)


@job(backoff=lambda attempts: 1000 + attempts)
def fail_in_its_own_time() -> None:
    """Fail, with a backoff in the declaration."""
    raise ValueError


@job
def raise_this(what: str, seconds: float) -> None:
    """Steer its own fate."""
    raise {"retry": Retry, "snooze": Snooze}[what](seconds)


@job
def succeed_at_the_third_start() -> None:
    """Fail twice."""
    started.append("start")
    if len(started) < 3:
        raise ValueError(len(started))


@job
def cancel_itself() -> None:
    """Call itself off."""
    raise Cancel("no longer wanted")


@job
def succeed() -> str:
    """Do nothing well."""
    return "done"


class FailTomorrow(Performable):
    """Says itself when it is tried again, as in Delayed Job."""

    def perform(self) -> None:
        """Fail."""
        raise ValueError

    def reschedule_at(self, now: datetime, attempts: int) -> datetime:
        """Return tomorrow, later with each attempt."""
        return now + timedelta(days=attempts)


def no_pause(attempts: int) -> float:
    """A BACKOFF that leaves no time between attempts."""
    return 0


def no_idea(attempts: int) -> float:
    """A BACKOFF that raises."""
    raise LookupError


NO_PAUSE = f"{__name__}.no_pause"


def wait_of(row: Job) -> float:
    """Seconds between the end of the last attempt and the next."""
    return (row.run_at - row.updated_at).total_seconds()


@pytest.mark.django_db
class TestRows:
    @override_settings(JOBQUEUE={"BACKOFF": NO_PAUSE})
    def test_a_job_that_always_fails_is_performed_exactly_25_times(self) -> None:
        row = fail.enqueue()
        assert work_off().performed == 25
        assert len(started) == 25
        row.refresh_from_db()
        assert (State(row.state), row.attempts) == (State.FAILED, 25)

    @override_settings(JOBQUEUE={"BACKOFF": NO_PAUSE, "MAX_ATTEMPTS": 3})
    def test_with_3_exactly_3_times(self) -> None:
        fail.enqueue()
        assert work_off().performed == 3

    @override_settings(JOBQUEUE={"BACKOFF": NO_PAUSE})
    def test_the_job_s_own_limit_outranks_the_setting(self) -> None:
        fail.using(max_attempts=2).enqueue()
        assert work_off().performed == 2

    @override_settings(JOBQUEUE={"BACKOFF": NO_PAUSE, "MAX_ATTEMPTS": 2})
    def test_a_failed_job_stays_and_is_never_tried_again(self) -> None:
        row = fail.enqueue()
        work_off()
        assert work_off().performed == 0
        row.refresh_from_db()
        assert row.failed_at is not None
        assert (row.locked_at, row.locked_by) == (None, None)
        assert row.last_error is not None
        assert row.last_error.startswith("ValueError: fail\n")

    @override_settings(JOBQUEUE={"BACKOFF": NO_PAUSE, "MAX_ATTEMPTS": 2, "DESTROY_FAILED_JOBS": True})
    def test_destroy_failed_jobs_deletes_it(self) -> None:
        fail.enqueue()
        assert work_off().performed == 2
        assert not Job.objects.exists()

    @override_settings(JOBQUEUE={"BACKOFF": NO_PAUSE, "MAX_ATTEMPTS": 2})
    def test_retried_by_hand_it_has_all_its_attempts_again(self) -> None:
        row = fail.enqueue()
        work_off()
        retry(row)
        assert work_off().performed == 2

    def test_the_first_pause_is_six_seconds(self) -> None:
        row = fail.enqueue()
        assert work_off().failed == 1
        row.refresh_from_db()
        assert (State(row.state), row.attempts) == (State.SCHEDULED, 1)
        assert wait_of(row) == pytest.approx(6, abs=0.01)

    def test_a_declared_backoff_outranks_the_setting(self) -> None:
        row = fail_in_its_own_time.enqueue()
        work_off()
        row.refresh_from_db()
        assert wait_of(row) == pytest.approx(1001, abs=0.01)

    def test_reschedule_at_outranks_the_backoff(self) -> None:
        row = enqueue(FailTomorrow())
        before = timezone.now()
        work_off()
        row.refresh_from_db()
        assert timedelta(0) <= row.run_at - before - timedelta(days=1) < timedelta(minutes=1)

    @override_settings(JOBQUEUE={"BACKOFF": f"{__name__}.no_idea"})
    def test_a_backoff_of_the_project_that_raises_loses_no_job(self) -> None:
        row = fail.enqueue()
        assert work_off().failed == 1
        row.refresh_from_db()
        assert wait_of(row) == pytest.approx(6, abs=0.01)

    @pytest.mark.parametrize(("what", "attempts"), [("retry", 1), ("snooze", 0)])
    def test_retry_counts_the_attempt_and_snooze_does_not(self, what: str, attempts: int) -> None:
        row = raise_this.enqueue(what, 90)
        work_off()
        row.refresh_from_db()
        assert (State(row.state), row.attempts) == (State.SCHEDULED, attempts)
        assert wait_of(row) == pytest.approx(90, abs=0.01)

    @pytest.mark.parametrize("what", ["retry", "snooze"])
    def test_a_pause_beyond_all_dates_can_be_stored(self, what: str) -> None:
        row = raise_this.enqueue(what, 1e15)
        work_off()
        row.refresh_from_db()
        assert State(row.state) is State.SCHEDULED

    def test_cancel_ends_it_without_failure(self) -> None:
        row = cancel_itself.enqueue()
        work_off()
        row.refresh_from_db()
        assert (State(row.state), row.last_error, row.failed_at) == (State.CANCELLED, "no longer wanted", None)

    def test_a_done_job_is_kept_with_its_result(self) -> None:
        row = succeed.enqueue()
        work_off()
        row.refresh_from_db()
        assert (State(row.state), row.result, row.locked_at) == (State.SUCCEEDED, "done", None)

    @override_settings(JOBQUEUE={"KEEP_SUCCEEDED": 0})
    def test_keep_succeeded_0_removes_it_at_once(self) -> None:
        succeed.enqueue()
        assert work_off().performed == 1
        assert not Job.objects.exists()

    @override_settings(JOBQUEUE={"BACKOFF": NO_PAUSE})
    def test_success_after_failures_leaves_the_last_error_but_no_lock(self) -> None:
        row = succeed_at_the_third_start.enqueue()
        assert work_off().performed == 3
        row.refresh_from_db()
        assert (State(row.state), row.attempts, row.failed_at) == (State.SUCCEEDED, 3, None)
        assert (row.locked_at, row.pool_id) == (None, None)
        assert row.last_error is not None
        assert row.last_error.startswith("ValueError: 2\n")


@pytest.mark.parametrize("make", [lambda at: Retry(at=at), lambda at: Snooze(until=at)])
def test_a_time_without_a_time_zone_is_refused_where_it_is_raised(make: Callable[[datetime], Exception]) -> None:
    with pytest.raises(ValueError, match="time zone"):
        make(datetime(2026, 11, 22, 9))
