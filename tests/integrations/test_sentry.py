"""Sentry: one event for a failed job, one transaction for each attempt, in the trace of the caller."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk.envelope import Envelope
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.transport import Transport

from jobqueue import Retry, Snooze, enqueue_many, job
from jobqueue.integrations.sentry import MONITOR, Reporting
from jobqueue.middleware import Storing
from jobqueue.models import Job
from jobqueue.testing import work_off
from tests.app import jobs
from tests.unit.test_middleware import signed_like

pytestmark = pytest.mark.django_db

REPORTING = {"MIDDLEWARE": ["jobqueue.integrations.sentry.Reporting"], "RELEASE": "9c1e"}


class Post(Transport):
    """Keeps what would be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[dict[str, Any]] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        for item in envelope.items:
            assert item.payload.json is not None
            self.sent.append({"kind": item.type, **item.payload.json})

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [each for each in self.sent if each["kind"] == kind]


@job(max_attempts=2)
def refuse(password: str, number: int = 0) -> None:
    """Fail, and tell what must not be told."""
    whole = f"not {password}"
    raise ValueError(whole)


@job
async def refuse_async() -> None:
    """Fail in a coroutine."""
    raise LookupError("nothing")


@job
def rest(how: str) -> None:
    """End in a way that is no failure."""
    raise Snooze(60) if how == "snooze" else Retry(60)


@job(sensitive=["password"])
def chat(password: str) -> None:
    """Log a secret, and capture by itself."""
    logging.getLogger("shop").warning("with %s", password, extra={"data": password})
    logging.getLogger("shop").error("again with %s", password)
    sentry_sdk.capture_message(f"said {password}")


@job
def report() -> None:
    """Capture by itself, and leave something behind."""
    sentry_sdk.set_tag("left", "behind")
    sentry_sdk.add_breadcrumb(message="crumb")
    with sentry_sdk.start_span(op="step", name="step"):
        sentry_sdk.capture_message("said")


@pytest.fixture
def post() -> Iterator[Post]:
    own = Post()
    sentry_sdk.init(
        dsn="http://key@localhost/1",
        transport=own,
        traces_sample_rate=1.0,
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[LoggingIntegration()],
    )
    yield own
    sentry_sdk.get_client().close()
    sentry_sdk.get_global_scope().set_client(None)


@pytest.fixture(autouse=True)
def _reporting(settings: Any) -> None:
    settings.JOBQUEUE = REPORTING


def run_again() -> None:
    """Let the next attempt begin."""
    Job.objects.update(run_at="2020-01-01T00:00:00Z")
    work_off()


def test_a_failed_job_is_one_event(post: Post) -> None:
    row = refuse.enqueue("s3cret", 4711)
    work_off()
    assert post.of("event") == []
    run_again()
    [event] = post.of("event")
    [error] = event["exception"]["values"]
    assert (error["type"], error["value"], error["mechanism"]) == (
        "ValueError",
        "not ********",
        {"type": "jobqueue", "handled": False},
    )
    assert error["stacktrace"]["frames"][-1]["function"] == "refuse"
    assert event["transaction"] == f"{__name__}.refuse"
    assert event["tags"] == {"jobqueue.job": f"{__name__}.refuse", "jobqueue.queue": "default"}
    assert event["contexts"]["jobqueue"] == {
        "id": row.pk,
        "name": f"{__name__}.refuse",
        "queue": "default",
        "attempt": 2,
    }
    assert "s3cret" not in str(post.sent)
    assert "4711" not in str(post.sent)


def test_each_attempt_is_a_transaction_in_the_trace_of_the_caller(post: Post) -> None:
    with sentry_sdk.start_transaction(op="http.server", name="/order/"):
        row = refuse.enqueue("s3cret")
    work_off()
    run_again()
    page, first, second = post.of("transaction")
    [span] = page["spans"]
    assert (span["op"], span["description"], span["data"]["messaging.message.id"]) == (
        "queue.publish",
        f"{__name__}.refuse",
        str(row.pk),
    )
    for number, attempt in enumerate((first, second)):
        about = attempt["contexts"]["trace"]
        assert about["trace_id"] == page["contexts"]["trace"]["trace_id"]
        assert (about["parent_span_id"], about["op"]) == (span["span_id"], "queue.process")
        assert (about["status"], about["origin"]) == ("internal_error", "auto.queue.jobqueue")
        assert about["data"]["messaging.message.retry.count"] == number
        assert attempt["transaction_info"] == {"source": "task"}
    [event] = post.of("event")
    assert event["contexts"]["trace"]["trace_id"] == page["contexts"]["trace"]["trace_id"]


def test_a_success_and_what_is_no_failure(post: Post) -> None:
    jobs.add.enqueue(1)
    rest.enqueue("snooze")
    rest.enqueue("retry")
    work_off()
    assert post.of("event") == []
    statuses = {each["transaction"]: each["contexts"]["trace"]["status"] for each in post.of("transaction")}
    assert statuses["tests.app.jobs.add"] == "ok"
    assert len(post.of("transaction")) == 3


def test_a_coroutine_and_many(post: Post) -> None:
    enqueue_many([refuse_async.bind(), jobs.fetch.bind(2)], max_attempts=1)
    work_off()
    [event] = post.of("event")
    assert event["exception"]["values"][0]["type"] == "LookupError"
    assert len(post.of("transaction")) == 2


def test_what_one_job_leaves_the_next_does_not_find(post: Post) -> None:
    enqueue_many([report.bind(), report.bind()])
    work_off()
    sentry_sdk.capture_message("later")
    first, second, later = post.of("event")
    assert first["tags"]["left"] == second["tags"]["left"] == "behind"
    assert len(second["breadcrumbs"]["values"]) == 1
    assert "left" not in later.get("tags", {})
    assert [len(each["spans"]) for each in post.of("transaction")] == [1, 1]


def test_what_no_longer_fits_is_captured(post: Post) -> None:
    row = jobs.add.using(max_attempts=1).enqueue(1)
    data = {"job": "tests.app.jobs.add", "args": [1, 2, 3]}
    Job.objects.update(handler=signed_like(row, data))
    work_off()
    [event] = post.of("event")
    assert "too many positional arguments" in event["exception"]["values"][0]["value"]


def test_what_is_captured_within_an_attempt_shows_no_secret(post: Post) -> None:
    chat.enqueue("s3cret")
    work_off()
    logged, said = post.of("event")
    assert "s3cret" not in json.dumps([logged, said], default=str)
    assert logged["logentry"]["formatted"] == "again with ********"
    assert said["message"] == "said ********"
    assert said["breadcrumbs"]["values"][0]["message"] == "with ********"


def test_other_logs_are_events_as_ever(post: Post) -> None:
    logging.getLogger("shop").error("trouble")
    assert [each["logentry"]["message"] for each in post.of("event")] == ["trouble"]


class EveryAttempt(Reporting):
    """As a project would make it."""

    captures_retries = True


def test_a_project_may_have_each_attempt_captured(post: Post, settings: Any) -> None:
    settings.JOBQUEUE = {"MIDDLEWARE": [f"{__name__}.EveryAttempt"]}
    refuse.enqueue("s3cret")
    work_off()
    run_again()
    assert len(post.of("event")) == 2


def test_baggage_of_others_is_kept(post: Post, settings: Any) -> None:
    call = Storing("name", "queue")
    call.headers["baggage"] = "customer=7"
    with sentry_sdk.start_transaction(name="page"), Reporting().storing(call):
        assert call.headers["baggage"].startswith("customer=7,sentry-")
        assert call.headers["sentry-trace"]


def test_a_job_checks_in_with_its_monitor(post: Post, settings: Any) -> None:
    settings.JOBQUEUE = {**REPORTING, "MIDDLEWARE": [f"{__name__}.Monitored", *REPORTING["MIDDLEWARE"]]}
    jobs.add.enqueue(1)
    refuse.enqueue("s3cret")
    work_off()
    told = [(each["monitor_slug"], each["status"]) for each in post.of("check_in")]
    assert told == [
        ("nightly", "in_progress"),
        ("nightly", "ok"),
        ("nightly", "in_progress"),
        ("nightly", "error"),
    ]


def test_without_init_nothing_happens() -> None:
    jobs.add.enqueue(1)
    refuse.enqueue("s3cret")
    assert work_off().performed == 2


class Monitored:
    """Gives each job a monitor."""

    def storing(self, call: Storing) -> Any:
        call.headers[MONITOR] = "nightly"
        return nullcontext()
