"""OpenTelemetry: request, enqueue and perform are one trace."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from opentelemetry import baggage, context, trace
from opentelemetry.instrumentation.django import DjangoInstrumentor
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from jobqueue import aenqueue, current_job, enqueue_many, job
from jobqueue.exceptions import QueueFull
from jobqueue.models import Job
from jobqueue.signals import worker_stopping
from jobqueue.testing import work_off
from tests.app import jobs
from tests.processes.harness import Journal, environment

pytestmark = pytest.mark.django_db(transaction=True)

TRACING = {"MIDDLEWARE": ["jobqueue.integrations.opentelemetry.Tracing"], "RELEASE": "9c1e"}
exporter = InMemorySpanExporter()
seen: list[Any] = []


@job
def nested() -> None:
    """Work in a span of its own, and store another job."""
    with trace.get_tracer(__name__).start_as_current_span("work"):
        seen.append(baggage.get_baggage("customer"))
        jobs.add.enqueue(1)


@job
async def nested_async() -> None:
    """The same, from a coroutine."""
    with trace.get_tracer(__name__).start_as_current_span("work"):
        seen.append(baggage.get_baggage("customer"))


@job(max_attempts=2)
def refuse(password: str) -> None:
    """Fail, and tell what must not be told."""
    raise ValueError(f"not {password}")


def view(request: HttpRequest) -> HttpResponse:
    """A page that stores a job."""
    jobs.add.enqueue(1)
    return HttpResponse("stored")


urlpatterns = [path("order/", view)]


@pytest.fixture(scope="session", autouse=True)
def _sdk() -> None:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)


@pytest.fixture(autouse=True)
def _tracing(settings: Any) -> Iterator[None]:
    settings.JOBQUEUE = TRACING
    seen.clear()
    exporter.clear()
    yield
    exporter.clear()


def spans() -> dict[str, ReadableSpan]:
    """The finished spans by name, the earliest first."""
    return {
        each.name: each for each in sorted(exporter.get_finished_spans(), key=lambda each: each.start_time or 0)
    }


def parent(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent else None


def span_id(span: ReadableSpan) -> int:
    assert span.context
    return int(span.context.span_id)


def traces() -> set[int]:
    return {each.context.trace_id for each in exporter.get_finished_spans() if each.context}


def test_request_enqueue_and_perform_are_one_trace(settings: Any) -> None:
    settings.ROOT_URLCONF = __name__
    DjangoInstrumentor().instrument()
    try:
        assert Client().get("/order/").content == b"stored"
    finally:
        DjangoInstrumentor().uninstrument()
    work_off()
    request, send, process = spans().values()
    assert (request.kind, request.name) == (SpanKind.SERVER, "GET order/")
    assert (send.kind, send.name) == (SpanKind.PRODUCER, "send default")
    assert (process.kind, process.name) == (SpanKind.CONSUMER, "process default")
    assert [parent(send), parent(process)] == [span_id(request), span_id(send)]
    assert len(traces()) == 1


def test_so_they_are_where_another_process_performs(tmp_path: Path) -> None:
    row = jobs.add.enqueue(1)
    [send] = exporter.get_finished_spans()
    script = """
import django, json
django.setup()
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
trace.set_tracer_provider(TracerProvider())
from jobqueue.testing import work_off
from jobqueue.signals import job_started
found = []
job_started.connect(lambda **_: found.append(trace.get_current_span()), weak=False)
assert work_off().performed == 1
print(json.dumps([found[0].context.trace_id, found[0].parent.span_id]))
"""
    variables = environment(Journal(tmp_path / "journal"), TRACING)
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert send.context
    assert json.loads(done.stdout) == [send.context.trace_id, send.context.span_id]
    row.refresh_from_db()
    assert row.state == 3


def test_spans_have_the_attributes_of_the_conventions() -> None:
    row = jobs.add.using(queue="mail").enqueue(1)
    work_off()
    send, process = spans().values()
    assert dict(send.attributes or {}) == {
        "messaging.system": "jobqueue",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": "mail",
        "messaging.message.id": str(row.pk),
        "jobqueue.job.name": "tests.app.jobs.add",
    }
    assert dict(process.attributes or {}) == {
        "messaging.system": "jobqueue",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "mail",
        "messaging.message.id": str(row.pk),
        "jobqueue.job.name": "tests.app.jobs.add",
        "jobqueue.job.attempt": 1,
        "jobqueue.job.state": "succeeded",
        "jobqueue.outcome": "succeeded",
    }
    assert process.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize("performable", [nested, nested_async])
def test_what_a_job_does_is_below_its_attempt(performable: Any) -> None:
    token = context.attach(baggage.set_baggage("customer", "7"))
    performable.enqueue()
    context.detach(token)
    work_off(limit=1)
    found = spans()
    assert parent(found["work"]) == span_id(found["process default"])
    assert len(traces()) == 1
    assert seen == ["7"]
    assert trace.get_current_span().get_span_context().span_id == 0


def test_many_jobs_share_the_span_of_their_call() -> None:
    enqueue_many([jobs.add.bind(1), jobs.add.bind(2)], queue="mail")
    enqueue_many([jobs.add.bind(1)])
    work_off()
    mail, other = (each for each in exporter.get_finished_spans() if each.kind is SpanKind.PRODUCER)
    assert (mail.name, other.name) == ("send mail", "send")
    assert (mail.attributes or {})["messaging.batch.message_count"] == 2
    performed = [each for each in exporter.get_finished_spans() if each.kind is SpanKind.CONSUMER]
    assert [parent(each) for each in performed].count(span_id(mail)) == 2


def test_from_async_code_too() -> None:
    async def caller() -> None:
        with trace.get_tracer(__name__).start_as_current_span("page"):
            await aenqueue(jobs.add.bind(1))

    async_to_sync(caller)()
    work_off()
    found = spans()
    assert parent(found["send default"]) == span_id(found["page"])
    assert parent(found["process default"]) == span_id(found["send default"])


def test_a_failure_is_recorded_without_secrets() -> None:
    refuse.enqueue("s3cret")
    work_off()
    process = spans()["process default"]
    [event] = process.events
    told = dict(event.attributes or {})
    assert (event.name, told["exception.type"], told["exception.message"]) == (
        "exception",
        "ValueError",
        "not ********",
    )
    assert "in refuse" in str(told["exception.stacktrace"])
    assert "s3cret" not in process.to_json()
    assert (process.status.status_code, process.status.description) == (StatusCode.ERROR, "not ********")
    assert (process.attributes or {})["error.type"] == "ValueError"
    assert (process.attributes or {})["jobqueue.job.state"] == "scheduled"


def test_each_attempt_is_a_span() -> None:
    refuse.enqueue("s3cret")
    work_off()
    Job.objects.update(run_at="2020-01-01T00:00:00Z")
    work_off()
    attempts = [each.attributes or {} for each in exporter.get_finished_spans() if each.kind is SpanKind.CONSUMER]
    assert [(each["jobqueue.job.attempt"], each["jobqueue.job.state"]) for each in attempts] == [
        (1, "scheduled"),
        (2, "failed"),
    ]


def test_what_cannot_be_stored_is_recorded_too(settings: Any) -> None:
    settings.JOBQUEUE = {**TRACING, "MAX_WAITING": 1}
    jobs.add.enqueue(1)
    with pytest.raises(QueueFull):
        jobs.add.enqueue(1)
    last = exporter.get_finished_spans()[-1]
    assert (last.status.status_code, (last.attributes or {})["error.type"]) == (
        StatusCode.ERROR,
        "jobqueue.exceptions.QueueFull",
    )


def test_a_worker_that_stops_sends_what_it_holds() -> None:
    late = InMemorySpanExporter()
    provider = trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    provider.add_span_processor(BatchSpanProcessor(late, schedule_delay_millis=600_000))
    jobs.add.enqueue(1)
    assert late.get_finished_spans() == ()
    worker_stopping.send(None, name="")
    assert [each.name for each in late.get_finished_spans()] == ["send default"]


def test_headers_are_readable_in_the_job() -> None:
    row = jobs.add.enqueue(1)
    assert current_job() is None
    assert '"traceparent":"00-' in Job.objects.get(pk=row.pk).handler


def test_arguments_are_never_sent() -> None:
    jobs.import_rows.enqueue(["not to be seen"])
    work_off()
    assert not any("not to be seen" in each.to_json() for each in exporter.get_finished_spans())
