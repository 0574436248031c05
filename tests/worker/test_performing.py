"""What becomes of a job when a worker performs it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from jobqueue import enqueue, enqueue_many, signals
from jobqueue.models import Job, Pool
from jobqueue.states import State
from jobqueue.stores import get_store
from jobqueue.testing import work_off
from tests.app import scripted
from tests.app.jobs import PlainWorker
from tests.app.models import Document, Report, Video
from tests.app.scripted import story

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_story_yet() -> None:
    story.clear()


def only_job() -> Job:
    return Job.objects.get()


def wait_of(job: Job) -> float:
    return (job.run_at - job.updated_at).total_seconds()


def make_due() -> None:
    """Let time pass until every scheduled job is due."""
    Job.objects.scheduled().update(run_at=timezone.now() - timedelta(seconds=1))


def work_off_again_and_again() -> int:
    passes = 0
    while work_off().performed:
        passes += 1
        make_due()
    return passes


class TestSuccess:
    def test_dj06_the_worker_performs_what_was_stored(self) -> None:
        video = Video.objects.create()
        video.send_later("encode")
        assert not Video.objects.get().encoded
        tally = work_off()
        assert (tally.performed, tally.failed) == (1, 0)
        assert Video.objects.get().encoded

    def test_dj08_a_plain_class_with_perform_is_enough(self) -> None:
        enqueue(PlainWorker(4))
        work_off()
        assert (only_job().state, only_job().result) == (State.SUCCEEDED, 4)

    def test_dj11_the_worker_runs_a_handled_method_once(self) -> None:
        report = Report.objects.create()
        report.build("red")
        assert work_off().performed == 1
        assert work_off().performed == 0
        report.refresh_from_db()
        assert report.built == "report red"

    def test_dj26_a_later_success_leaves_no_lock_and_keeps_the_last_error(self) -> None:
        scripted.fail_first.enqueue(1)
        assert work_off_again_and_again() == 2
        row = only_job()
        assert (row.state, row.attempts, row.failed_at, row.locked_at, row.pool_id) == (
            State.SUCCEEDED, 2, None, None, None,
        )  # fmt: skip
        assert "attempt 1" in str(row.last_error)

    def test_dj34_nothing_is_kept_when_nothing_shall_be_kept(self) -> None:
        scripted.tell.enqueue("a")
        scripted.answer.enqueue(7)
        with override_settings(JOBQUEUE={"KEEP_SUCCEEDED": 0}):
            work_off()
        assert not Job.objects.exists()

    def test_dj36_by_default_succeeded_jobs_stay_for_a_report(self) -> None:
        for what in "abc":
            scripted.tell.enqueue(what)
        work_off()
        assert Job.objects.succeeded().filter(name="tests.app.scripted.tell").count() == 3
        assert get_store().prune(86_400) == 0
        assert get_store().prune(-60) == 3

    def test_results_are_stored_as_json(self) -> None:
        scripted.answer.enqueue({"rows": [1, 2]})
        work_off()
        assert only_job().result == {"rows": [1, 2]}

    @pytest.mark.parametrize("performable", [scripted.answer_much.bind(70_000), scripted.answer_lock.bind()])
    def test_a_result_that_cannot_be_stored_fails_no_job(self, performable: Any) -> None:
        enqueue(performable)
        work_off()
        assert (only_job().state, only_job().result) == (State.SUCCEEDED, None)

    def test_an_async_job_is_performed_inside_the_test_transaction(self) -> None:
        scripted.fetch.enqueue(21)
        work_off()
        assert only_job().result == 42
        assert Document.objects.get().text == "21"

    def test_the_pool_row_of_a_pass_is_gone_after_it(self) -> None:
        scripted.tell.enqueue(1)
        work_off()
        assert not Pool.objects.exists()


class TestOrder:
    def test_dj13_larger_priority_first_then_older_run_at(self) -> None:
        t0, t1, t2 = (timezone.now() - timedelta(hours=hours) for hours in (3, 2, 1))
        for key, (priority, run_at) in {"d": (0, t0), "b": (1, t2), "a": (1, t1), "e": (-1, t0)}.items():
            scripted.tell.using(priority=priority, run_at=run_at).enqueue(key)
        work_off()
        assert story == ["a", "b", "d", "e"]

    def test_dj15_never_before_its_time(self) -> None:
        scripted.tell.using(run_at=timezone.now() + timedelta(seconds=2)).enqueue("later")
        assert work_off().performed == 0
        Job.objects.update(run_at=timezone.now())
        assert work_off().performed == 1

    def test_dj22_only_the_asked_queues(self) -> None:
        for queue in ("mail", "video", "other"):
            scripted.tell.using(queue=queue).enqueue(queue)
        work_off("mail", "video")
        assert sorted(story) == ["mail", "video"]

    def test_a_limit_ends_the_pass(self) -> None:
        enqueue_many(scripted.tell.bind(key) for key in range(10))
        assert work_off(limit=4).performed == 4
        assert story == [0, 1, 2, 3]
        assert set(Job.objects.exclude(state=State.SUCCEEDED).values_list("state", "attempts")) == {
            (State.READY, 0)
        }

    def test_jobs_that_jobs_enqueue_belong_to_the_pass(self) -> None:
        scripted.enqueue_another.enqueue("second")
        assert work_off().performed == 2
        assert story == ["second"]

    def test_the_end_of_an_each_job_is_written_with_it(self) -> None:
        enqueue_many(scripted.written_at_once.bind(key) for key in range(5))
        assert work_off().performed == 5
        assert Job.objects.succeeded().count() == 5


class TestFailure:
    def test_dj26_a_failure_is_recorded_and_retried(self) -> None:
        scripted.fail.enqueue("no stream 0:1")
        tally = work_off()
        row = only_job()
        assert (tally.performed, tally.failed) == (1, 1)
        assert (row.state, row.attempts, row.failed_at, row.locked_by) == (State.SCHEDULED, 1, None, None)
        assert str(row.last_error).startswith("tests.app.scripted.Boom: no stream 0:1\n")
        assert "scripted.py" in str(row.last_error)
        assert "S3cret" not in str(row.last_error), "a local variable was stored"

    def test_dj28_the_wait_is_attempts_to_the_fourth_plus_five_seconds(self) -> None:
        scripted.fail.enqueue()
        waits = []
        for _ in range(4):
            work_off()
            waits.append(round(wait_of(only_job())))
            make_due()
        assert waits == [6, 21, 86, 261]

    def test_dj27_exactly_25_runs(self) -> None:
        scripted.fail.enqueue()
        assert work_off_again_and_again() == 25
        assert story == ["fail"] * 25
        assert (only_job().state, only_job().attempts) == (State.FAILED, 25)

    def test_dj27_with_three_attempts_exactly_three_runs(self) -> None:
        scripted.fail.using(max_attempts=3).enqueue()
        assert work_off_again_and_again() == 3

    def test_dj30_a_job_that_failed_for_good_is_kept_and_never_tried_again(self) -> None:
        scripted.fail.using(max_attempts=1).enqueue()
        work_off()
        row = only_job()
        assert row.state == State.FAILED
        assert row.failed_at is not None
        assert work_off().performed == 0

    def test_dj31_it_goes_if_failed_jobs_are_to_be_destroyed(self) -> None:
        with override_settings(JOBQUEUE={"DESTROY_FAILED_JOBS": True}):
            scripted.fail.using(max_attempts=1).enqueue()
            work_off()
        assert not Job.objects.exists()

    @pytest.mark.parametrize(
        ("performable", "seconds"),
        [(scripted.fail_slowly.bind(), 100), (scripted.OwnPause(), 60), (scripted.raise_retry.bind(40), 40)],
        ids=["backoff", "reschedule_at", "Retry"],
    )
    def test_dj33_a_job_may_say_its_own_pause(self, performable: Any, seconds: int) -> None:
        enqueue(performable)
        work_off()
        row = only_job()
        assert (row.state, row.attempts) == (State.SCHEDULED, 1)
        assert wait_of(row) == pytest.approx(seconds, abs=1)

    def test_dj33_the_setting_replaces_the_pause_for_all(self) -> None:
        with override_settings(JOBQUEUE={"BACKOFF": "tests.worker.test_performing.half_an_hour"}):
            scripted.fail.enqueue()
            work_off()
        assert wait_of(only_job()) == pytest.approx(1800, abs=1)

    def test_sys_exit_in_a_job_is_a_failure_of_the_job(self) -> None:
        scripted.leave.enqueue()
        work_off()
        assert "SystemExit" in str(only_job().last_error)

    def test_one_job_that_breaks_its_connection_harms_no_other(self) -> None:
        enqueue_many([scripted.fail.bind(), scripted.answer.bind(1)])
        work_off()
        assert Job.objects.succeeded().count() == 1


def half_an_hour(attempts: int) -> timedelta:
    return timedelta(minutes=30)


class TestSteering:
    def test_a_snooze_is_not_charged(self) -> None:
        scripted.raise_snooze.enqueue(50)
        work_off()
        row = only_job()
        assert (row.state, row.attempts, row.last_error) == (State.SCHEDULED, 0, None)
        assert wait_of(row) == pytest.approx(50, abs=1)

    def test_a_snooze_until_a_time_is_exact(self) -> None:
        until: datetime = timezone.now() + timedelta(days=3)
        scripted.raise_snooze_until.enqueue(until)
        work_off()
        assert only_job().run_at == until

    def test_a_cancelled_job_is_no_failure(self) -> None:
        scripted.raise_cancel.enqueue()
        assert work_off().failed == 0
        row = only_job()
        assert (row.state, row.last_error, row.failed_at) == (State.CANCELLED, "no longer wanted", None)


class TestHooks:
    def test_success(self) -> None:
        scripted.Hooked.enqueue(fails=False)
        work_off()
        assert story == [("before", 1), "perform", "success", "after"]

    def test_failure_comes_with_the_last_attempt_only(self) -> None:
        scripted.Hooked.enqueue(fails=True)
        work_off()
        assert story == [("before", 1), "perform", ("error", "hooked"), "after"]
        make_due()
        work_off()
        assert story[4:] == [("before", 2), "perform", ("error", "hooked"), "after", "failure"]

    def test_a_before_hook_that_raises_fails_the_job(self) -> None:
        scripted.FailsBefore.enqueue(fails=False)
        work_off()
        assert story == [("error", "before"), "after"]
        assert only_job().state == State.SCHEDULED

    def test_last_hooks_that_raise_change_nothing(self) -> None:
        scripted.AfterRaises.using(max_attempts=1).enqueue(fails=True)
        scripted.AfterRaises.enqueue(fails=False)
        work_off()
        assert sorted(Job.objects.values_list("state", flat=True)) == [State.SUCCEEDED, State.FAILED]

    def test_signals_tell_of_each_step(self) -> None:
        heard: list[str] = []

        def listen(name: str) -> Any:
            def receiver(sender: Any, job: Any, **_: Any) -> None:
                heard.append(f"{name} {job.name.rpartition('.')[2]}")

            return receiver

        names = ("job_started", "job_finished", "job_retrying", "job_failed")
        receivers = {name: listen(name) for name in names}
        for name, receiver in receivers.items():
            getattr(signals, name).connect(receiver)
        try:
            scripted.fail.using(max_attempts=2).enqueue()
            work_off_again_and_again()
        finally:
            for name, receiver in receivers.items():
                getattr(signals, name).disconnect(receiver)
        once = ["job_started fail", "job_finished fail"]
        assert heard == [*once, "job_retrying fail", *once, "job_failed fail"]

    def test_a_signal_receiver_that_raises_harms_nothing(self) -> None:
        def receiver(**_: Any) -> None:
            raise RuntimeError

        signals.job_started.connect(receiver)
        try:
            scripted.answer.enqueue(1)
            work_off()
        finally:
            signals.job_started.disconnect(receiver)
        assert only_job().state == State.SUCCEEDED


class TestContext:
    def test_a_job_knows_itself(self) -> None:
        row = scripted.context.using(queue="mail").enqueue()
        work_off()
        job_id, attempts, queue, has_time, claim = only_job().result
        assert (job_id, attempts, queue, has_time) == (row.pk, 1, "mail", True)
        assert claim == only_job().claim_id

    def test_outside_of_a_job_there_is_none(self) -> None:
        from jobqueue import current_job

        scripted.context.enqueue()
        work_off()
        assert current_job() is None


class TestRowsThatCannotBePerformed:
    def test_a_missing_model_instance_cancels_the_job(self) -> None:
        video = Video.objects.create()
        scripted.likes.enqueue(video)
        video.delete()
        work_off()
        row = only_job()
        assert row.state == State.CANCELLED
        assert "no longer exists" in str(row.last_error)

    def test_or_fails_it_where_that_is_wanted(self) -> None:
        video = Video.objects.create()
        scripted.needs.using(max_attempts=1).enqueue(video)
        scripted.likes.using(max_attempts=1, on_missing="fail").enqueue(video)
        video.delete()
        work_off()
        assert set(Job.objects.values_list("state", flat=True)) == {State.FAILED}

    @pytest.mark.parametrize(
        "change",
        [
            {"handler": "not json"},
            {"handler": "null\nv1:x"},
            {"name": "tests.app.jobs.other"},
            {"queue": "elsewhere"},
            {"max_attempts": 9},
            {"max_run_time": 9.0},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_a_row_changed_by_hand_is_parked_and_never_performed(self, change: dict[str, Any]) -> None:
        scripted.tell.enqueue("never")
        Job.objects.update(**change)
        scripted.tell.enqueue("other")
        work_off()
        assert story == ["other"]
        row = Job.objects.order_by("pk").first()
        assert row is not None
        assert (row.state, row.failed_at is not None) == (State.FAILED, True)
        assert "BadSignature" in str(row.last_error) or "CorruptHandler" in str(row.last_error)

    def test_a_job_that_this_release_does_not_know_waits_uncharged(self) -> None:
        scripted.tell.enqueue("unknown")
        row = only_job()
        from jobqueue.handlers import sign

        body = row.handler.split("\n")[0].replace("scripted.tell", "scripted.retell")
        signed = sign(body, name=row.name, queue=row.queue, max_attempts=None, max_run_time=None)
        Job.objects.update(handler=signed)
        work_off()
        row = only_job()
        assert (row.state, row.attempts) == (State.SCHEDULED, 0)
        assert row.blocked_at is not None
        assert "scripted.tell" in str(row.last_error)
        now = timezone.now()
        since = now - timedelta(hours=2)
        Job.objects.update(blocked_at=since, run_at=since + timedelta(minutes=1))
        work_off()
        assert only_job().state == State.SCHEDULED, "the worker's own clock was asked"
        Job.objects.update(state=State.READY, run_at=now)
        work_off()
        assert only_job().state == State.FAILED


@pytest.mark.django_db(transaction=True)
class TestAtomic:
    def test_effects_and_end_are_one(self) -> None:
        document = Document.objects.create()
        scripted.write_then.enqueue(document, "kept", fails=False)
        scripted.write_then.enqueue(document, "undone", fails=True)
        work_off()
        document.refresh_from_db()
        assert document.text == "kept"
        assert sorted(Job.objects.values_list("state", flat=True)) == [State.SCHEDULED, State.SUCCEEDED]

    def test_if_the_claim_is_lost_meanwhile_nothing_of_it_stays(self) -> None:
        document = Document.objects.create()
        scripted.lose_own_claim.enqueue(document)
        work_off()
        document.refresh_from_db()
        assert document.text == ""
        assert only_job().state == State.RUNNING

    def test_a_transaction_that_cannot_commit_is_a_failure(self) -> None:
        document = Document.objects.create()
        scripted.write_and_catch.enqueue(document)
        work_off()
        document.refresh_from_db()
        assert document.text == ""
        row = only_job()
        assert (row.state, row.attempts) == (State.SCHEDULED, 1)
        assert row.run_at > timezone.now() + timedelta(minutes=50), "as the job itself declares"


@pytest.mark.django_db(transaction=True)
def test_a_job_that_leaves_its_connection_in_a_transaction_is_cleaned_up_after() -> None:
    enqueue_many([scripted.break_transaction.bind()], priority=1)
    scripted.answer.enqueue(1)
    work_off()
    assert connection.get_autocommit()
    assert not Document.objects.exists()
    assert Job.objects.succeeded().count() == 2
