"""The pages of failures."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from django.test import override_settings
from django.utils.html import escape

from jobqueue.models import Attempt
from jobqueue.states import State
from tests.admin.conftest import SignIn
from tests.admin.planting import HOSTILE, attempt, ended

URL = "/admin/jobqueue/failure/"

pytestmark = pytest.mark.django_db


def test_kinds_are_shown_with_their_counts(sign_in: SignIn) -> None:
    for _ in range(3):
        attempt()
    attempt(error="KeyError: 'a'")
    text = sign_in("view_job", "view_job_payload").get(URL).content.decode()
    assert text.count('class="jq-kind"') == 2
    assert "ValueError" in text
    assert "KeyError" in text
    assert "no stream … in …" in text
    assert "encode.py encode_one" in text


def test_what_errors_say_takes_a_right(sign_in: SignIn) -> None:
    kind = attempt().fingerprint
    client = sign_in("view_job")
    for url in (URL, f"{URL}{kind}/"):
        text = client.get(url).content.decode()
        assert "ValueError" in text
        assert "no stream" not in text
        assert "encode_one" not in text


def test_one_kind_shows_its_attempts_and_an_error(sign_in: SignIn) -> None:
    first, second = attempt(ago=9000), attempt(ago=60)
    response = sign_in("view_job", "view_job_payload", "view_dashboard").get(f"{URL}{first.fingerprint}/")
    text = response.content.decode()
    assert response.status_code == HTTPStatus.OK
    assert f"#{first.job_id}" in text
    assert f"Error of the newest, job #{second.job_id}" in text
    assert escape("no stream 7 in 'a.mp4'") in text
    assert "/admin/jobqueue/jobclass/tests.app.jobs.add/" in text


def test_an_old_kind_has_a_page_still(sign_in: SignIn) -> None:
    kind = attempt(ago=30 * 86_400).fingerprint
    client = sign_in("view_job")
    assert "All is well." in client.get(URL).content.decode()
    assert client.get(f"{URL}{kind}/").status_code == HTTPStatus.OK


@pytest.mark.parametrize("kind", ["nonesuch", "0" * 16, "x" * 5000, "%00", "a%2Fb", "é"])
def test_a_kind_that_there_is_not(sign_in: SignIn, kind: str) -> None:
    attempt()
    assert sign_in("view_job").get(f"{URL}{kind}/").status_code == HTTPStatus.NOT_FOUND


def test_rights(sign_in: SignIn) -> None:
    kind = attempt().fingerprint
    client = sign_in("view_dashboard", "view_queue", "view_worker")
    for url in (URL, f"{URL}{kind}/"):
        assert client.get(url).status_code == HTTPStatus.FORBIDDEN
    viewer = sign_in("view_job")
    for url in (URL, f"{URL}{kind}/"):
        assert viewer.get(url).status_code == HTTPStatus.OK
        assert "Retry all" not in viewer.get(url).content.decode()


def test_hostile_text_is_but_text(sign_in: SignIn) -> None:
    job = ended(State.FAILED, name=HOSTILE * 3, locked_by=HOSTILE)
    made = attempt(job, error=f"{HOSTILE}\n\n{HOSTILE}", exception=HOSTILE * 2, worker=HOSTILE)
    bad = attempt(ended(name="\n" * 255), exception="", fingerprint="a/../\n?&")
    client = sign_in(is_superuser=True)
    for url in (URL, f"{URL}{made.fingerprint}/"):
        response = client.get(url)
        text = response.content.decode()
        assert response.status_code == HTTPStatus.OK
        assert "<svg onload" not in text
        assert "<script>alert" not in text
        assert escape(HOSTILE.partition("\u202e")[0]) in text
    assert bad.fingerprint not in text


def test_the_number_of_queries_does_not_grow(sign_in: SignIn, django_assert_max_num_queries: object) -> None:
    client = sign_in(is_superuser=True)
    for number in range(30):
        attempt(error=f"E{chr(65 + number % 26)}{'x' * number}: y")
    with django_assert_max_num_queries(16):  # type: ignore[operator]
        client.get(URL)
    with django_assert_max_num_queries(18):  # type: ignore[operator]
        client.get(f"{URL}{Attempt.objects.all()[0].fingerprint}/")


def test_parts_are_sent_alone(sign_in: SignIn) -> None:
    kind = attempt().fingerprint
    client = sign_in("view_job")
    for url, part in ((URL, "failures"), (f"{URL}{kind}/", "failure")):
        response = client.get(url, {"part": part})
        assert "<html" not in response.content.decode()
        assert response["ETag"]
        assert client.get(url, {"part": "x"}).status_code == HTTPStatus.NOT_FOUND


@override_settings(JOBQUEUE={"ADMIN_READ_ONLY": True})
def test_where_nobody_may_act_there_is_no_button(sign_in: SignIn) -> None:
    attempt()
    assert "Retry all" not in sign_in(is_superuser=True).get(URL).content.decode()
