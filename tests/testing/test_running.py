"""work_off with its options, and run_job on a worker's way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError

from jobqueue import Performable, Snooze, current_job, job
from jobqueue.exceptions import NotPerformable, PayloadError, UnknownPerformable
from jobqueue.models import Job
from jobqueue.testing import Jobs
from tests.app.jobs import PlainWorker, add, fetch
from tests.app.models import Report, Video
from tests.app.scripted import Boom, fail, story, tell

HOUR = timedelta(hours=1)


@job
def take_a_taken_name(swallow: bool) -> None:
    """Have the database refuse a statement."""
    Group.objects.create(name="editors")
    try:
        Group.objects.create(name="editors")
    except IntegrityError:
        if not swallow:
            raise


@job(atomic=True)
def name_then_fail() -> None:
    """Write, then fail, in one transaction."""
    Group.objects.create(name="authors")
    raise Boom


@job
def tell_of_itself() -> Any:
    """Return what the job knows of itself."""
    present = current_job()
    return present and (present.name, present.queue, present.attempts, present.time_left > 0)


class Hooked(Performable):
    """Notes its hooks."""

    queue = "hooked"

    def __init__(self, wrong: bool = False) -> None:
        self.wrong = wrong

    def before(self, stored: Any) -> None:
        """Before it."""
        story.append("before")

    def perform(self) -> str:
        """Fail, or not."""
        if self.wrong:
            raise Boom
        return "done"

    def success(self, stored: Any) -> None:
        """After it."""
        story.append("success")

    def error(self, stored: Any, exception: BaseException) -> None:
        """After a failure."""
        story.append(type(exception))

    def after(self, stored: Any) -> None:
        """After all."""
        story.append("after")


class TestWorkOff:
    def test_jobs_for_later_stay_unless_they_are_asked_for(self, jobs: Jobs) -> None:
        tell.using(run_at=2 * HOUR).enqueue("second")
        tell.using(run_at=HOUR).enqueue("first")
        assert jobs.work_off().performed == 0
        assert jobs.work_off(scheduled=True).performed == 2
        assert story == ["first", "second"]

    def test_scheduled_ones_of_the_queues_that_are_named(self, jobs: Jobs) -> None:
        tell.using(run_at=HOUR, queue="a").enqueue("a")
        tell.using(run_at=HOUR, queue="b").enqueue("b")
        jobs.work_off("a", scheduled=True)
        assert story == ["a"]
        jobs.assert_enqueued(tell, args=["b"], run_at=HOUR)

    def test_a_retry_is_no_job_that_waited_before(self, jobs: Jobs) -> None:
        fail.enqueue()
        assert jobs.work_off(scheduled=True).performed == 1
        jobs.assert_enqueued(fail, count=1)

    def test_the_first_error_is_raised_with_its_own_traceback(self, jobs: Jobs) -> None:
        tell.enqueue("before")
        fail.enqueue("the real one")
        tell.enqueue("after")
        with pytest.raises(Boom, match="the real one") as raised:
            jobs.work_off(raise_errors=True)
        assert raised.traceback[-1].name == "fail"
        assert story == ["before", "fail"]
        jobs.assert_enqueued(fail, count=1)
        jobs.assert_enqueued(tell, args=["after"])

    def test_so_is_what_keeps_a_job_from_being_performed_at_all(self, jobs: Jobs) -> None:
        add.enqueue(1)
        Job.objects.update(handler=Job.objects.get().handler.replace("add", "ad_"))
        with pytest.raises(Exception, match="signature"):
            jobs.work_off(raise_errors=True)

    @pytest.mark.parametrize("swallow", [False, True])
    def test_a_statement_that_fails_does_not_break_the_tests_transaction(self, jobs: Jobs, swallow: bool) -> None:
        take_a_taken_name.enqueue(swallow)
        tell.enqueue("after")
        tally = jobs.work_off()
        assert (tally.performed, tally.failed) == (2, 0 if swallow else 1)
        assert story == ["after"]
        assert Group.objects.count() == 0  # the job is undone with it

    def test_an_atomic_job_that_fails_leaves_nothing(self, jobs: Jobs) -> None:
        name_then_fail.enqueue()
        assert jobs.work_off().failed == 1
        assert Group.objects.count() == 0


class TestRunJob:
    def test_it_returns_what_the_job_returns_and_stores_nothing(self, jobs: Jobs) -> None:
        assert jobs.run_job(add, 1, right=2) == 3
        assert jobs.run_job(add.bind(3, 4)) == 7
        assert jobs.run_job(fetch, 4) == 8
        assert jobs.run_job(PlainWorker, 5) == 5
        assert jobs.run_job(PlainWorker(6)) == 6
        assert not Job.objects.exists()

    def test_methods(self, jobs: Jobs) -> None:
        video, report = Video.objects.create(), Report.objects.create()
        assert jobs.run_job((video, "encode"), "av1") == "av1"
        assert jobs.run_job(video.encode) == "h264"
        assert jobs.run_job(report.build, colour="red") == "red"
        video.refresh_from_db()
        assert (video.codec, video.encoded) == ("h264", True)

    def test_arguments_go_through_the_codec(self, jobs: Jobs) -> None:
        given: list[Any] = [1, (2, 3)]
        told = jobs.run_job(tell, given)
        assert told is None
        assert story == [given]
        assert story[0] is not given
        with pytest.raises(PayloadError, match="cannot be stored"):
            jobs.run_job(tell, object())
        with pytest.raises(TypeError, match="missing"):
            jobs.run_job(tell)
        with pytest.raises(NotPerformable):
            jobs.run_job(lambda: None)

    def test_the_job_raises_what_it_raises(self, jobs: Jobs) -> None:
        with pytest.raises(Boom) as raised:
            jobs.run_job(fail)
        assert raised.traceback[-1].name == "fail"

    def test_it_knows_itself(self, jobs: Jobs) -> None:
        name = f"{__name__}.tell_of_itself"
        assert jobs.run_job(tell_of_itself) == (name, "default", 1, True)

    def test_hooks_are_called(self, jobs: Jobs) -> None:
        assert jobs.run_job(Hooked) == "done"
        assert story == ["before", "success", "after"]
        story.clear()
        with pytest.raises(Boom):
            jobs.run_job(Hooked(wrong=True))
        assert story == ["before", Boom, "after"]

    def test_an_atomic_job_that_fails_leaves_nothing(self, jobs: Jobs) -> None:
        with pytest.raises(Boom):
            jobs.run_job(name_then_fail)
        assert Group.objects.count() == 0

    def test_what_steers_a_job_is_raised_too(self, jobs: Jobs) -> None:
        with pytest.raises(Snooze):
            jobs.run_job(snooze)


@job
def snooze() -> None:
    """Ask for later."""
    raise Snooze(5)


def test_a_job_that_this_release_does_not_have_is_an_error_too(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    Video.objects.create().send_later("encode")
    monkeypatch.delattr(Video, "encode")
    with pytest.raises(UnknownPerformable, match='no method "encode"'):
        jobs.work_off(raise_errors=True)
