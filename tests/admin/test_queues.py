"""The page of queues."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from jobqueue import enqueue
from tests.admin.conftest import SignIn
from tests.app.jobs import add

URL = "/admin/jobqueue/queue/"


@pytest.fixture
def jobs(db: None) -> None:
    enqueue(add.bind(1, 2), queue="mail")


def test_it_shows_what_waits_where(sign_in: SignIn, jobs: None) -> None:
    response = sign_in("view_queue").get(URL)
    assert response.status_code == HTTPStatus.OK
    assert '<th scope="row">mail</th>' in response.content.decode()


def test_who_may_not_look_is_refused(sign_in: SignIn) -> None:
    assert sign_in("view_job").get(URL).status_code == HTTPStatus.FORBIDDEN


def test_a_part_is_sent_once(sign_in: SignIn, jobs: None) -> None:
    client = sign_in("view_queue")
    first = client.get(URL, {"part": "queues"})
    assert "<html" not in first.content.decode()
    again = client.get(URL, {"part": "queues"}, headers={"If-None-Match": first["ETag"]})
    assert again.status_code in {HTTPStatus.NOT_MODIFIED, HTTPStatus.OK}  # a second may have gone by


def test_an_unknown_part_is_not_found(sign_in: SignIn) -> None:
    assert sign_in("view_queue").get(URL, {"part": "nonesuch"}).status_code == HTTPStatus.NOT_FOUND


def test_nothing_is_taken_by_post(sign_in: SignIn) -> None:
    client = sign_in("view_queue")
    client.handler.enforce_csrf_checks = False
    assert client.post(URL).status_code == HTTPStatus.METHOD_NOT_ALLOWED


def test_an_empty_page_speaks(sign_in: SignIn) -> None:
    assert "No queue has a job" in sign_in("view_queue").get(URL).content.decode()
