"""A job that waits or has failed gets other arguments, queue, priority, time; never another class."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from html import unescape
from http import HTTPStatus
from typing import Any, cast

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages
from django.test import Client, override_settings
from django.utils import timezone

from jobqueue import enqueue
from jobqueue.editing import edit
from jobqueue.exceptions import JobStateError, OptionError, PayloadError
from jobqueue.handlers.shown import masked_arguments
from jobqueue.models import Cancellation, Job
from jobqueue.states import State
from jobqueue.testing import work_off
from tests.admin.conftest import SignIn, send
from tests.app.jobs import PlainWorker, VideoWorker, add, import_rows, performed, send_receipt
from tests.app.models import Video
from tests.app.secretive import pay
from tests.verbs.conftest import job

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(sign_in: SignIn) -> Client:
    return sign_in("view_job", "view_job_payload", "change_job")


def url(stored: Job) -> str:
    return f"/admin/jobqueue/job/{stored.pk}/edit/"


def form(client: Client, stored: Job) -> dict[str, str]:
    """What the form holds when it is shown."""
    page = client.get(url(stored)).content.decode()
    inputs = re.findall(r'<input type="(?:text|hidden|number)" name="(\w+)"(?: value="([^"]*)")?', page)
    areas = re.findall(r'<textarea name="(\w+)"[^>]*>\n?([^<]*)</textarea>', page)
    found = {name: unescape(value) for name, value in (*inputs, *areas)}
    return {name: value for name, value in found.items() if name != "csrfmiddlewaretoken"}


def save(client: Client, stored: Job, **changes: str) -> Any:
    return send(client, url(stored), **{**form(client, stored), **changes})


def said(response: Any) -> str:
    assert response.status_code == HTTPStatus.FOUND, re.findall(
        r'jq-wrong"[^>]*>([^<]*)', response.content.decode()
    )
    return str(list(get_messages(response.wsgi_request))[-1])


def refused(response: Any) -> str:
    assert response.status_code == HTTPStatus.OK
    return unescape(" ".join(re.findall(r'jq-wrong"[^>]*>([^<]*)', response.content.decode())))


def test_a_failed_job_is_saved_and_tried_again(client: Client) -> None:
    stored = job(State.FAILED, call=add.bind(1, right=2))
    assert form(client, stored) | {"seen": ""} == {
        "seen": "", "arg_left": "1", "arg_right": "2", "queue": "default", "priority": "0", "run_at": "",
    }  # fmt: skip
    assert "is ready again" in said(save(client, stored, arg_left="40", queue="mail", priority="7"))
    now = Job.objects.get()
    assert (now.state, now.queue, now.priority, now.attempts) == (State.READY, "mail", 7, 0)
    assert now.failed_at is None
    assert work_off("mail").performed == 1
    assert Job.objects.get().result == 42
    assert LogEntry.objects.get().change_message == (
        "edit: queue: default → mail; priority: 0 → 7; arguments: left; failed → ready"
    )


def test_a_waiting_job_goes_on_waiting(client: Client) -> None:
    stored = job(State.SCHEDULED, call=add.bind(1))
    assert said(save(client, stored, arg_left="2")) == f"Job #{stored.pk} was saved."
    now = Job.objects.get()
    assert (now.state, now.run_at) == (State.SCHEDULED, stored.run_at)
    said(save(client, stored, run_at="+2h"))
    assert timedelta(hours=1) < Job.objects.get().run_at - timezone.now() < timedelta(hours=3)


def test_what_is_left_as_it_is_is_not_written(client: Client) -> None:
    stored = job(State.READY, call=add.bind(1))
    assert said(save(client, stored)) == "Nothing was changed."
    assert (Job.objects.values().get(), LogEntry.objects.count()) == (_row(stored), 0)


def _row(stored: Job) -> dict[str, Any]:
    return {field.attname: getattr(stored, field.attname) for field in Job._meta.concrete_fields}


def test_an_argument_that_was_not_given_can_be(client: Client) -> None:
    stored = job(State.READY, call=add.bind(1))
    assert form(client, stored)["arg_right"] == ""
    said(save(client, stored, arg_right="5"))
    assert masked_arguments(Job.objects.get()) == {"left": 1, "right": 5}


@pytest.mark.parametrize("state", [State.RUNNING, State.SUCCEEDED], ids=lambda state: state.label)
def test_others_are_refused(client: Client, state: State) -> None:
    stored = job(state)
    for response in (client.get(url(stored)), send(client, url(stored), arg_left="2")):
        assert f"#{stored.pk} is {state.label}; only jobs that wait" in said(response)
    with pytest.raises(JobStateError, match="only jobs that wait"):
        edit(stored, {"left": 2})
    assert Job.objects.values().get() == _row(stored)


CHANGES: dict[str, Any] = {
    "claimed": {"state": State.RUNNING, "pool_id": 1, "claim_id": "0" * 32},
    "moved": {"queue": "other"},
    "hastened": {"priority": 9},
    "tried": {"updated_at": datetime(2026, 1, 1, tzinfo=UTC)},
    "edited by another": {"handler": "x\ny"},
    "cancelled": {"state": State.CANCELLED},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_has_changed_meanwhile_is_not_overwritten(client: Client, change: dict[str, Any]) -> None:
    stored = job(State.FAILED, call=add.bind(1))
    typed = form(client, stored)
    Job.objects.filter(pk=stored.pk).update(**change)
    before = Job.objects.values().get()
    response = send(client, url(stored), **{**typed, "arg_left": "2"})
    assert response.status_code == HTTPStatus.FOUND
    with pytest.raises(JobStateError, match="changed meanwhile"):
        edit(stored, {"left": 2})
    assert (Job.objects.values().get(), LogEntry.objects.count()) == (before, 0)


def test_a_job_that_is_gone_is_a_message(client: Client) -> None:
    stored = job(State.FAILED)
    typed = form(client, stored)
    Job.objects.all().delete()
    assert "no longer there" in said(send(client, url(stored), **typed))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"arg_left": "{"}, "This is not JSON"),
        ({"arg_left": "NaN"}, "not a finite number"),
        ({"arg_left": ""}, "A value is needed"),
        ({"arg_left": '"' + "x" * 70_000 + '"'}, "the limit is"),
        ({"arg_left": "[" * 40 + "]" * 40}, "nested deeper"),
        ({"arg_left": '"\\u0000"'}, "NUL"),
        ({"queue": "bad queue"}, "queue must be"),
        ({"queue": ""}, "required"),
        ({"priority": "99999999999"}, "priority must be a whole number"),
        ({"run_at": "soon"}, "is not a time"),
        ({"run_at": "2900-01-01"}, "ten years"),
    ],
)
def test_what_cannot_be_stored_is_said_at_its_field(client: Client, changes: dict[str, str], words: str) -> None:
    stored = job(State.FAILED, call=add.bind(1))
    assert words in refused(save(client, stored, **changes))
    assert Job.objects.values().get() == _row(stored)


def test_a_queue_that_is_not_declared_is_refused_unless_the_job_is_in_it(client: Client) -> None:
    stored = job(State.READY, call=add.bind(1))
    with override_settings(JOBQUEUE={"QUEUES": {"mail": 0}}):
        assert "Unknown queue" in refused(save(client, stored, queue="other"))
        said(save(client, stored, priority="3"))
        said(save(client, stored, queue="mail"))
    assert Job.objects.get().queue == "mail"


def test_dates_and_numbers_are_typed_as_they_are_shown(client: Client) -> None:
    moment = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
    stored = job(State.READY, call=import_rows.bind(moment))
    assert form(client, stored)["arg_rows"] == "2026-11-22T09:30:00+00:00"
    assert "must look as before" in refused(save(client, stored, arg_rows="2026-11-23T09:30"))
    said(save(client, stored, arg_rows="2026-11-23T09:30+00:00"))
    assert masked_arguments(Job.objects.get()) == {"rows": moment + timedelta(days=1)}


def test_what_looks_like_a_tag_is_data(client: Client) -> None:
    stored = job(State.READY, call=import_rows.bind({"a": 1}))
    said(save(client, stored, arg_rows='{"$": "model", "v": "auth.user", "pk": 1}'))
    assert masked_arguments(Job.objects.get()) == {"rows": {"$": "model", "v": "auth.user", "pk": 1}}


def test_a_model_is_shown_and_stays(client: Client) -> None:
    video = Video.objects.create()
    stored = job(State.FAILED, call=send_receipt.bind(video, copy=False))
    page = client.get(url(stored)).content.decode()
    assert f"app.video {video.pk}" in page
    assert "of a type that JSON lacks" in page
    said(save(client, stored, arg_copy="true", arg_order="7"))
    performed.clear()
    assert work_off().performed == 1
    assert performed == [video]


def test_attributes_of_an_object_and_arguments_of_a_method(client: Client) -> None:
    stored = job(State.READY, call=PlainWorker(7))
    said(save(client, stored, arg_number="8"))
    assert masked_arguments(Job.objects.get()) == {"number": 8}
    stored.delete()
    stored = Video.objects.create().send_later("encode", args=["h264"])
    said(save(client, stored, arg_codec='"av1"'))
    assert masked_arguments(Job.objects.get())["codec"] == "av1"


def test_what_is_sensitive_is_not_shown_and_stays_unless_it_is_overwritten(client: Client) -> None:
    stored = enqueue(pay.bind("said_plainly", "S3cret-marker"))
    page = client.get(url(stored))
    assert "S3cret-marker" not in page.content.decode()
    said(save(client, stored, priority="1"))
    assert "S3cret-marker" in Job.objects.get().handler
    said(save(client, Job.objects.get(), arg_pin='"N3w-marker"'))
    assert "S3cret-marker" not in Job.objects.get().handler
    assert "N3w-marker" in Job.objects.get().handler
    assert "marker" not in " ".join(each.change_message for each in LogEntry.objects.all())


def test_long_arguments_stay_as_they_are(client: Client) -> None:
    stored = job(State.READY, call=add.bind(cast(Any, "x" * 30_000), 1))
    assert "arg_left" not in form(client, stored)
    said(save(client, stored, arg_right="2"))
    assert masked_arguments(Job.objects.get()) == {"left": "x" * 30_000, "right": 2}


def test_a_row_that_was_tampered_with_is_a_message(client: Client) -> None:
    stored = job(State.FAILED, name="tests.app.jobs.fetch")
    assert "cannot be edited: The signature does not hold" in said(client.get(url(stored)))


def test_the_wish_that_a_waiting_job_ends_outlives_an_edit() -> None:
    waiting, failed = job(State.READY, call=add.bind(1)), job(State.FAILED, call=add.bind(1))
    for stored in (waiting, failed):
        Cancellation.objects.create(job_id=stored.pk, requested_at=timezone.now(), requested_by="ana")
        edit(stored, {"left": 2})
    assert [each.pk for each in Cancellation.objects.all()] == [waiting.pk]


def test_in_python_it_raises_and_writes_nothing() -> None:
    stored = job(State.FAILED, call=add.bind(1))
    for arguments, options, error in (
        ({"left": object()}, {}, PayloadError),
        ({"nonesuch": 1}, {}, TypeError),
        ({}, {"priority": 10**12}, OptionError),
        ({}, {"queue": "bad queue"}, OptionError),
        ({"left": date(2026, 1, 1)}, {"run_at": timedelta(days=99_999)}, OptionError),
    ):
        with pytest.raises(error):
            edit(stored, arguments, **options)
    assert Job.objects.values().get() == _row(stored)


def test_headers_and_options_travel_on(client: Client) -> None:
    stored = enqueue(VideoWorker(7), on_crash="fail", max_attempts=3)
    said(save(client, stored, arg_video_id="8", queue="default"))
    assert work_off().performed == 1
    assert Job.objects.get().result == 8
