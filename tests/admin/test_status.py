"""Following a job by a signed key, outside of the admin."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import pytest
from django.core import signing
from django.db import connection
from django.test import Client, override_settings
from django.urls import reverse

from jobqueue import enqueue
from jobqueue.models import Job, Report
from jobqueue.models.following import SALT
from jobqueue.states import State
from jobqueue.testing import work_off
from tests.admin.planted import MARKER, plant, plant_failure
from tests.app.jobs import add
from tests.keys import NEW, encrypting

pytestmark = pytest.mark.django_db


def ask(key: str, expected: HTTPStatus = HTTPStatus.OK) -> Any:
    response = Client().get(f"/jobqueue/status/{key}/")
    assert response.status_code == expected
    return response.json()


def test_it_tells_the_state() -> None:
    job = enqueue(add.bind(20, 22))
    assert ask(job.status_key()) == {"state": "ready", "is_final": False, "progress": None}
    work_off()
    assert ask(job.status_key()) == {"state": "succeeded", "is_final": True, "progress": None}


def test_it_tells_how_far_it_is() -> None:
    job = plant(State.RUNNING)
    Report.objects.create(job=job, done=3, total=12, stored_text="frame 3")
    assert ask(job.status_key())["progress"] == {"done": 3.0, "total": 12.0, "text": "frame 3"}


def test_the_result_is_told_to_whom_it_was_promised() -> None:
    job = enqueue(add.bind(20, 22))
    key = job.status_key(with_result=True)
    assert ask(key)["result"] is None
    work_off()
    assert ask(key)["result"] == 42
    assert "result" not in ask(job.status_key())


@pytest.mark.parametrize("result", ["{", '{"$": "nonsense", "v": 1}', '{"$": "date", "v": "2026-02-31"}'])
def test_a_result_that_cannot_be_read_is_none(result: str) -> None:
    job = plant(State.SUCCEEDED, stored_result=result)
    assert ask(job.status_key(with_result=True))["state"] == "succeeded"


def test_a_result_that_no_key_opens_is_none() -> None:
    with encrypting(NEW):
        job = enqueue(add.bind(20, 22))
        work_off()
    assert ask(job.status_key(with_result=True))["result"] is None


def test_neither_errors_nor_arguments_are_told() -> None:
    job = plant_failure()
    Report.objects.all().delete()
    response = Client().get(reverse("jobqueue:status", args=[job.status_key()]))
    assert MARKER not in response.content.decode()
    assert "left" not in response.content.decode()


def test_a_job_that_is_gone_is_told_to_be() -> None:
    job = plant()
    key = job.status_key()
    Job.objects.all().delete()
    assert ask(key, HTTPStatus.GONE) == {"state": "gone", "is_final": True}


@pytest.mark.parametrize("key", ["x", "1:2:3", "WzEsMCxudWxsXQ:1x:", "a" * 5000, "%00"])
def test_what_is_no_key_opens_nothing(key: str) -> None:
    assert "error" in ask(key, HTTPStatus.NOT_FOUND)


def test_a_key_cannot_be_changed() -> None:
    key = plant().status_key()
    for place in range(0, len(key), 5):
        other = "A" if key[place] != "A" else "B"
        assert "error" in ask(key[:place] + other + key[place + 1 :], HTTPStatus.NOT_FOUND)


@pytest.mark.parametrize("signed", [[1], {"a": 1}, "x", None, 7])
def test_what_else_the_site_has_signed_opens_nothing(signed: Any) -> None:
    ask(signing.dumps(signed, salt=SALT), HTTPStatus.NOT_FOUND)
    ask(signing.dumps([plant().pk, 1, None]), HTTPStatus.NOT_FOUND)


def test_a_key_may_grow_old() -> None:
    job = plant()
    ask(job.status_key(max_age=60))
    ask(job.status_key(max_age=0), HTTPStatus.NOT_FOUND)


def test_keys_outlive_a_change_of_the_secret() -> None:
    key = plant().status_key()
    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["for tests only"]):
        ask(key)
    with override_settings(SECRET_KEY="new"):
        ask(key, HTTPStatus.NOT_FOUND)


def test_nothing_is_kept_and_nothing_is_taken() -> None:
    job = plant()
    response = Client().get(f"/jobqueue/status/{job.status_key()}/")
    assert "no-store" in response["Cache-Control"]
    assert not response.cookies
    assert Client().post(f"/jobqueue/status/{job.status_key()}/").status_code == HTTPStatus.METHOD_NOT_ALLOWED


def test_it_takes_few_queries(django_assert_max_num_queries: Any) -> None:
    key = plant().status_key()
    with django_assert_max_num_queries(4):
        ask(key)


def test_a_job_that_is_not_stored_has_no_key() -> None:
    with pytest.raises(ValueError, match="not stored yet"):
        Job().status_key()


@pytest.mark.skipif(connection.vendor == "postgresql", reason="PostgreSQL lets no such thing into a column")
def test_a_spoilt_row_is_told_to_be() -> None:
    job = plant()
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA ignore_check_constraints = ON")
        cursor.execute("UPDATE jobqueue_job SET state = 99 WHERE id = %s", [job.pk])
        cursor.execute("PRAGMA ignore_check_constraints = OFF")
    assert ask(job.status_key(), HTTPStatus.SERVICE_UNAVAILABLE) == {"error": "The job cannot be read."}
