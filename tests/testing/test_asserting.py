"""Assertions about what waits: by function, class, object, method; by arguments, options and number."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone

from jobqueue import delay, enqueue, send_later
from jobqueue.exceptions import NotPerformable
from jobqueue.testing import Jobs
from tests.app.jobs import PlainWorker, VideoWorker, add, send_receipt
from tests.app.models import Document, QuietReport, Report, Video
from tests.app.scripted import Boom, fail, tell

HOUR = timedelta(hours=1)


class TestByWhatIsPerformed:
    def test_a_function_with_any_arguments_or_exactly_those(self, jobs: Jobs) -> None:
        add.enqueue(1, 2)
        jobs.assert_enqueued(add)
        jobs.assert_enqueued(add, args=[1, 2])
        jobs.refute_enqueued(add, args=[1])
        jobs.refute_enqueued(add, args=[1, 3])
        jobs.refute_enqueued(tell)

    def test_by_position_or_by_name_is_the_same(self, jobs: Jobs) -> None:
        add.enqueue(1, right=2)
        for args, kwargs in (([1, 2], None), ([1], {"right": 2}), (None, {"left": 1, "right": 2})):
            jobs.assert_enqueued(add, args=args, kwargs=kwargs)

    def test_a_bound_call_says_its_arguments(self, jobs: Jobs) -> None:
        add.enqueue(1, 2)
        jobs.assert_enqueued(add.bind(1, 2))
        jobs.refute_enqueued(add.bind(1, 3))

    def test_a_class_with_the_arguments_of_init_or_an_object(self, jobs: Jobs) -> None:
        VideoWorker.enqueue(7)
        enqueue(PlainWorker(8))
        jobs.assert_enqueued(VideoWorker)
        jobs.assert_enqueued(VideoWorker, args=[7])
        jobs.assert_enqueued(VideoWorker(7))
        jobs.assert_enqueued(PlainWorker(8))
        jobs.refute_enqueued(VideoWorker(8))
        jobs.refute_enqueued(PlainWorker, args=[9])

    def test_a_method_of_one_object_or_of_any(self, jobs: Jobs) -> None:
        one, other = Video.objects.create(), Video.objects.create()
        one.send_later("encode", args=["av1"])
        named: list[Any] = [(one, "encode"), one.encode, (Video, "encode")]
        for each in named:
            jobs.assert_enqueued(each)
            jobs.assert_enqueued(each, args=["av1"])
            jobs.assert_enqueued(each, kwargs={"codec": "av1"})
            jobs.refute_enqueued(each, args=[])
        jobs.refute_enqueued((other, "encode"))
        jobs.refute_enqueued((one, "save"))

    def test_a_method_that_was_delayed_or_of_a_class(self, jobs: Jobs) -> None:
        document = Document.objects.create()
        delay(document).append("more", times=2)
        send_later(Video, "sweep", args=[3])
        jobs.assert_enqueued(document.append, args=["more"], kwargs={"times": 2})
        jobs.assert_enqueued(Video.sweep, args=[3])
        jobs.refute_enqueued((Video, "sweep"), args=[4])

    def test_a_method_that_is_handled_asynchronously(self, jobs: Jobs) -> None:
        report = Report.objects.create()
        report.build("red")
        jobs.assert_enqueued(report.build, args=["red"], queue="reports")
        jobs.assert_enqueued(Report.build)
        jobs.refute_enqueued(Report.objects.create().build)
        jobs.refute_enqueued((QuietReport, "build"))

    def test_a_model_that_has_perform(self, jobs: Jobs) -> None:
        document = Document.objects.create()
        enqueue(document)
        jobs.assert_enqueued(document)
        jobs.assert_enqueued(Document)
        jobs.refute_enqueued(Document.objects.create())

    def test_model_instances_are_compared_by_reference(self, jobs: Jobs) -> None:
        video = Video.objects.create()
        send_receipt.enqueue(video, copy=True)
        video.title = "another"
        jobs.assert_enqueued(send_receipt, args=[video], kwargs={"copy": True})

    @pytest.mark.parametrize(
        ("job", "args", "error", "said"),
        [
            (add, [1, 2, 3], TypeError, "too many"),
            ((Video, "encod"), None, NotPerformable, 'Did you mean "encode"'),
            ((1, 2, 3), None, TypeError, r'\(video, "encode"\)'),
            (len, [], NotPerformable, "has no"),
            (print, None, NotPerformable, "has no"),
            (Report, None, NotPerformable, 'has no method "perform"'),
            (Group, None, NotPerformable, "has no method"),
            (Boom, None, TypeError, r"has no perform\(\)"),
            ("shop.jobs.x", None, NotPerformable, "is text"),
            (add.bind(1), [1], TypeError, "has its arguments already"),
        ],
    )
    def test_what_is_no_job_is_refused(
        self, jobs: Jobs, job: Any, args: Any, error: type[Exception], said: str
    ) -> None:
        with pytest.raises((error, NotPerformable), match=said):
            jobs.assert_enqueued(job, args=args)


class TestByOptions:
    def test_queue_and_priority(self, jobs: Jobs) -> None:
        add.using(queue="slow", priority=5).enqueue(1)
        jobs.assert_enqueued(add, queue="slow", priority=5)
        jobs.refute_enqueued(add, queue="default")
        jobs.refute_enqueued(add, priority=0)

    def test_the_time_within_a_second(self, jobs: Jobs) -> None:
        add.using(run_at=timezone.now() + HOUR).enqueue(1)
        tell.using(run_at=HOUR).enqueue("x")
        for each in (add, tell):
            jobs.assert_enqueued(each, run_at=HOUR)
            jobs.assert_enqueued(each, run_at=timezone.now() + HOUR)
            jobs.refute_enqueued(each, run_at=2 * HOUR)
            jobs.refute_enqueued(each, run_at=timezone.now())
        add.enqueue(2)
        jobs.assert_enqueued(add, args=[2], run_at=timedelta())

    def test_the_number(self, jobs: Jobs) -> None:
        add.enqueue(1)
        add.enqueue(1)
        found = jobs.assert_enqueued(add, count=2)
        assert [each.arguments for each in found] == [{"left": 1}, {"left": 1}]
        with pytest.raises(AssertionError, match=r"2 jobs are enqueued: tests.app.jobs.add; wanted 1\."):
            jobs.assert_enqueued(add, count=1)
        jobs.assert_enqueued(tell, count=0)


class TestWhatCounts:
    def test_what_was_performed_waits_no_longer_and_what_is_to_be_retried_does(self, jobs: Jobs) -> None:
        add.enqueue(1)
        fail.enqueue()
        jobs.work_off()
        jobs.refute_enqueued(add)
        jobs.assert_enqueued(fail)

    def test_all_in_order_of_one_job_or_of_one_queue(self, jobs: Jobs) -> None:
        add.enqueue(1)
        tell.using(queue="slow", priority=9).enqueue("x")
        add.using(queue="slow").enqueue(2)
        assert [each.name.rpartition(".")[2] for each in jobs.enqueued_jobs()] == ["add", "tell", "add"]
        assert [each.arguments for each in jobs.enqueued_jobs(add)] == [{"left": 1}, {"left": 2}]
        assert [each.priority for each in jobs.enqueued_jobs(queue="slow")] == [9, 0]
        assert [each.id for each in jobs.enqueued_jobs(add, queue="slow")] == [jobs.enqueued_jobs()[2].id]

    def test_arguments_are_those_that_the_job_will_get(self, jobs: Jobs) -> None:
        video = Video.objects.create()
        send_receipt.enqueue({"video": video, "day": timezone.now().date()})
        video.send_later("encode", args=["av1"])
        send_later(Video, "sweep", args=[3])
        VideoWorker.enqueue(7)
        receipt, encode, sweep, worker = jobs.enqueued_jobs()
        assert receipt.arguments == {"order": {"video": video, "day": timezone.now().date()}}
        assert encode.arguments == {"self": video, "codec": "av1"}
        assert sweep.arguments == {"self": Video, "keep": 3}
        assert worker.arguments == vars(VideoWorker(7))


class TestWhatIsSaid:
    def test_a_failure_shows_what_waits_instead(self, jobs: Jobs) -> None:
        add.using(run_at=HOUR).enqueue(1)
        with pytest.raises(AssertionError) as failed:
            jobs.assert_enqueued(tell, args=["x"], queue="mail")
        first, second, third = str(failed.value).splitlines()
        assert first == "No job is enqueued: tests.app.scripted.tell(what=x) queue=mail."
        assert second == "These wait:"
        assert third.startswith(
            f"  #{jobs.enqueued_jobs()[0].id} tests.app.jobs.add(left=1) queue=default priority=0"
        )
        assert " run_at=" in third

    def test_or_that_nothing_waits(self, jobs: Jobs) -> None:
        with pytest.raises(AssertionError, match=r"No job is enqueued: tests.app.jobs.add\.\nNo job waits\.$"):
            jobs.assert_enqueued(add)

    def test_or_that_a_callback_of_on_commit_was_never_called(self, jobs: Jobs) -> None:
        transaction.on_commit(partial(add.enqueue, 1))
        with pytest.raises(
            AssertionError, match="1 on_commit callback waits for a commit that TestCase never makes"
        ):
            jobs.assert_enqueued(add)

    def test_sensitive_arguments_are_not_shown(self, jobs: Jobs) -> None:
        tell.enqueue({"password": "geheim"})
        with pytest.raises(AssertionError) as failed:
            jobs.assert_enqueued(add)
        assert "geheim" not in str(failed.value)
