"""send_later, delay and @handle_asynchronously."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.template import Context, Template
from django.utils import timezone

from jobqueue import adelay, asend_later, delay, handle_asynchronously, send_later
from jobqueue.exceptions import NotPerformable, OptionError
from jobqueue.models import Job
from tests.app import jobs
from tests.app.models import Document, QuietReport, Report, Video, YearlyReport
from tests.unit.test_client import columns, perform, run_async

pytestmark = pytest.mark.django_db


def test_dj06_send_later_stores_instead_of_running() -> None:
    video = Video.objects.create()

    job = video.send_later("encode")

    video.refresh_from_db()
    assert not video.encoded
    perform(job)
    video.refresh_from_db()
    assert video.encoded


def test_dj10_the_second_argument_is_the_priority_and_the_third_the_time() -> None:
    video, when = Video.objects.create(), timezone.now() + timedelta(hours=1)

    job = Job.objects.get(pk=video.send_later("encode", 1, when).pk)

    assert (job.priority, job.run_at) == (1, when)
    assert perform(job) == "h264"


def test_dj10_method_arguments_travel_by_args_or_by_delay() -> None:
    video = Video.objects.create()
    by_args = video.send_later("encode", args=["av1"], queue="slow")
    by_kwargs = video.send_later("encode", kwargs={"codec": "av1"}, queue="slow")
    by_delay = video.delay(queue="slow").encode("av1")
    by_functions = [
        send_later(video, "encode", args=["av1"], queue="slow"),
        delay(video, queue="slow").encode("av1"),
    ]
    assert perform(by_kwargs) == "av1"
    for each in (by_delay, *by_functions):
        assert columns(each) == columns(by_args)


def test_delay_serves_any_model_and_any_declared_object() -> None:
    document = Document.objects.create()
    perform(delay(document, priority=5).append("ab", times=2))
    document.refresh_from_db()
    assert document.text == "abab"
    assert perform(delay(jobs.Mailer("ana")).deliver("bob")) == "ana to bob"
    assert perform(delay(Video).sweep(3)) == "Video keeps 3"


def test_a_bad_call_is_refused_where_it_is_made() -> None:
    video = Video.objects.create()
    with pytest.raises(NotPerformable, match=r'Video has no method "encod". Did you mean "encode"'):
        video.send_later("encod")
    with pytest.raises(NotPerformable):
        video.delay().encod()
    with pytest.raises(TypeError, match="too many positional"):
        video.delay().encode(1, 2)
    with pytest.raises(OptionError, match='"codec" is not a job option'):
        video.send_later("encode", codec="av1")
    assert not Job.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_async_twins_store_the_same() -> None:
    video, report = Video.objects.create(), Report.objects.create()

    async def main() -> list[Any]:
        return [
            await video.asend_later("encode", args=["av1"]),
            await asend_later(video, "encode", args=["av1"]),
            await video.adelay().encode("av1"),
            await adelay(video).encode("av1"),
            await report.build.aenqueue("red"),
            await Report.inner_static.aenqueue(1),
            await Report.outer_class.aenqueue(1),
        ]

    stored = run_async(main)
    assert all(columns(each) == columns(stored[0]) for each in stored[:4])
    assert [perform(each) for each in stored[4:]] == ["red", 2, "Report 1"]


# @handle_asynchronously


def test_dj11_a_plain_call_stores_a_job_and_the_worker_runs_it_once() -> None:
    report = Report.objects.create()

    job: Any = report.build("red")

    assert (job.name, job.queue, job.max_attempts) == ("app.Report.build", "reports", 3)
    report.refresh_from_db()
    assert report.built == ""
    assert perform(job) == "red"
    report.refresh_from_db()
    assert report.built == "report red"
    assert Job.objects.count() == 1


def test_dj11_now_runs_the_original() -> None:
    report = Report.objects.create()
    assert report.build.now("red") == "red"
    assert Report.build.now(report, "blue") == "blue"
    report.plain.now()
    report.refresh_from_db()
    assert report.built == "report red report blue plain"
    assert not Job.objects.exists()


def test_dj11_called_on_the_class_the_first_argument_is_the_receiver() -> None:
    report = Report.objects.create()
    job: Any = Report.build(report, "red")
    assert perform(job) == "red"


@pytest.mark.parametrize("cls", [Report, QuietReport])
@pytest.mark.parametrize("name", ["outer_class", "inner_class"])
def test_dj11_class_methods_in_either_order(cls: type[Report], name: str) -> None:
    for receiver in (cls, cls.objects.create()):
        assert perform(getattr(receiver, name)(1)) == f"{cls.__name__} 1"
        assert perform(getattr(receiver, name)(number=2)) == f"{cls.__name__} 2"
    assert cls.outer_class.now(3) == f"{cls.__name__} 3"


@pytest.mark.parametrize("cls", [Report, QuietReport])
@pytest.mark.parametrize("name", ["outer_static", "inner_static"])
def test_dj11_static_methods_in_either_order(cls: type[Report], name: str) -> None:
    for receiver in (cls, cls.objects.create()):
        job = getattr(receiver, name)(1)
        assert job.queue == "reports"
        assert perform(job) == 2
        assert getattr(receiver, name).now(1) == 2


def test_dj11_an_inherited_method_is_performed_on_the_subclass() -> None:
    report = QuietReport.objects.create()
    job: Any = report.build()
    assert job.name == "app.QuietReport.build"
    assert perform(job) == "grey"


def test_dj11_an_override_that_calls_super_is_one_job() -> None:
    report = YearlyReport.objects.create()

    job: Any = report.build()

    assert (job.queue, job.name) == ("yearly", "app.YearlyReport.build")
    perform(job)
    report.refresh_from_db()
    assert report.built == "report gold yearly"
    assert Job.objects.count() == 1


def test_dj11_without_a_model_the_object_travels_with_its_attributes() -> None:
    job: Any = jobs.Machine().run()
    assert (job.priority, job.name) == (9, "tests.app.jobs.Machine.run")
    assert perform(job) == "ran"


def test_dj11_function_form_changes_a_class_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("append", "perform"):
        monkeypatch.setattr(Document, name, Document.__dict__[name])
    handle_asynchronously(Document, "append", queue="slow")
    handle_asynchronously(Document, "append", queue="slower")
    document = Document.objects.create()

    job: Any = document.append("a", times=2)  # type: ignore[func-returns-value]

    assert job.queue == "slower"
    perform(job)
    document.refresh_from_db()
    assert document.text == "aa"
    assert Job.objects.count() == 1
    with pytest.raises(NotPerformable, match=r'Document has no method "appendd". Did you mean "append"'):
        handle_asynchronously(Document, "appendd")


def test_the_decorated_method_keeps_its_name_and_text() -> None:
    assert Report.build.__name__ == "build"
    assert Report.build.__doc__ == "Build the report."


def test_a_template_that_names_the_method_stores_nothing() -> None:
    report = Report.objects.create()
    Template("{{ report.build }}{{ report.plain }}").render(Context({"report": report}))
    assert not Job.objects.exists()


def test_a_stand_in_has_no_special_methods() -> None:
    video = Video.objects.create()
    assert not hasattr(video.delay(), "__html__")
    assert not hasattr(video.adelay(), "__html__")
    Template("{{ video.delay }}{{ video.send_later }}").render(Context({"video": video}))
    assert not Job.objects.exists()


def test_a_decorated_function_says_what_to_use_instead() -> None:
    @handle_asynchronously
    def loose(number: int) -> None: ...

    with pytest.raises(NotPerformable, match="decorate functions with @job"):
        loose(1)
