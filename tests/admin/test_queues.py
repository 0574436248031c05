"""The page of queues."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import quote as percent

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import quote
from django.contrib.contenttypes.models import ContentType
from django.test import override_settings

from jobqueue import enqueue, pause
from jobqueue.models import Job, Pause, Queue
from jobqueue.states import State
from tests.admin.conftest import SignIn, post
from tests.admin.planted import plant
from tests.admin.planting import HOSTILE, rollup
from tests.app.jobs import add

URL = "/admin/jobqueue/queue/"


@pytest.fixture
def jobs(db: None) -> None:
    enqueue(add.bind(1, 2), queue="mail")


def test_it_shows_what_waits_where(sign_in: SignIn, jobs: None) -> None:
    response = sign_in("view_queue").get(URL)
    assert response.status_code == HTTPStatus.OK
    assert '<th scope="row"><bdi>mail</bdi>' in response.content.decode()


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


def test_a_queue_without_workers_says_so_even_if_nothing_waits(sign_in: SignIn) -> None:
    plant(State.RUNNING, queue="mail")
    assert "jq-cancelled" in row_of(sign_in("view_queue").get(URL).content.decode(), "mail")


def row_of(text: str, queue: str) -> str:
    return text.partition(f"<bdi>{queue}</bdi>")[2].partition("</tr>")[0]


def test_a_queue_shows_its_traffic(sign_in: SignIn, jobs: None) -> None:
    rollup(queue="mail", stored=40, succeeded=80, run_11=1, wait_01=1)
    row = row_of(sign_in("view_queue").get(URL).content.decode(), "mail")
    assert "no worker" in row
    for name in ("In/min", "Out/min", "Empty in"):
        assert f'data-label="{name}">' in row
    assert 'data-label="Empty in">\N{EN DASH}' not in row


def test_a_paused_queue_says_by_whom_and_why(sign_in: SignIn, jobs: None) -> None:
    pause("mail", "deploy", by="ana")
    row = row_of(sign_in("view_queue").get(URL).content.decode(), "mail")
    assert "paused by <bdi>ana</bdi>" in row
    assert "<bdi>deploy</bdi>" in row
    assert "/pause/" not in row


class TestPausing:
    def test_it_asks_then_pauses_and_notes_it(self, sign_in: SignIn, jobs: None) -> None:
        client = sign_in("view_queue", "pause_queue")
        assert f"{URL}mail/pause/" in client.get(URL).content.decode()
        text = client.get(f"{URL}mail/pause/").content.decode()
        assert "Pause queue mail?" in text
        assert not Pause.objects.exists()
        response = post(client, f"{URL}mail/pause/", reason="deploy <b>")
        assert response.redirect_chain == [(URL, HTTPStatus.FOUND)]
        found = Pause.objects.get()
        assert (found.queue, found.reason, found.paused_by) == ("mail", "deploy <b>", "view_queue-pause_queue")
        assert "Queue mail is paused." in response.content.decode()
        entry = LogEntry.objects.get()
        assert (entry.object_id, entry.change_message) == ("mail", "paused: deploy <b>")
        assert entry.content_type == ContentType.objects.get_for_model(Queue)

    def test_and_resumes_once(self, sign_in: SignIn, jobs: None) -> None:
        pause("mail")
        client = sign_in("view_queue", "pause_queue")
        assert "Queue mail goes on." in post(client, f"{URL}mail/resume/").content.decode()
        assert not Pause.objects.exists()
        assert "was not paused" in post(client, f"{URL}mail/resume/").content.decode()
        assert LogEntry.objects.count() == 1

    @pytest.mark.parametrize("page", ["pause", "resume"])
    def test_it_takes_a_right_and_a_token(self, sign_in: SignIn, jobs: None, page: str) -> None:
        viewer, client = sign_in("view_queue"), sign_in("view_queue", "pause_queue")
        assert viewer.get(f"{URL}mail/{page}/").status_code == HTTPStatus.FORBIDDEN
        assert f"{URL}mail/{page}/" not in viewer.get(URL).content.decode()
        assert client.post(f"{URL}mail/{page}/").status_code == HTTPStatus.FORBIDDEN  # no token
        assert not Pause.objects.exists()
        with override_settings(JOBQUEUE={"ADMIN_READ_ONLY": True}):
            assert client.get(f"{URL}mail/{page}/").status_code == HTTPStatus.FORBIDDEN
            assert f"{URL}mail/{page}/" not in client.get(URL).content.decode()

    def test_who_may_pause_but_not_look_is_led_to_the_index(self, sign_in: SignIn, jobs: None) -> None:
        response = post(sign_in("pause_queue"), f"{URL}mail/pause/")
        assert response.redirect_chain == [("/admin/", HTTPStatus.FOUND)]

    @pytest.mark.parametrize("name", [quote(HOSTILE), "x" * 300, "%20", "é", "%F0%9F%92%A9"])
    def test_a_name_that_is_none_is_told(self, sign_in: SignIn, name: str) -> None:
        client = sign_in("view_queue", "pause_queue")
        response = post(client, f"{URL}{percent(name, safe='%')}/pause/")
        text = response.content.decode()
        assert response.status_code == HTTPStatus.OK
        assert "queue must be 1 to 64 of the characters" in text
        assert "<script>alert" not in text

    def test_a_reason_that_is_too_long_is_told(self, sign_in: SignIn, jobs: None) -> None:
        text = post(sign_in("view_queue", "pause_queue"), f"{URL}mail/pause/", reason="x" * 201).content.decode()
        assert "reason must be text of at most 200 characters" in text
        assert f'value="{"x" * 201}"' in text

    def test_a_name_with_nothing_in_it_is_not_found(self, sign_in: SignIn) -> None:
        client = sign_in("view_queue", "pause_queue")
        assert client.get(f"{URL}%00/pause/").status_code == HTTPStatus.NOT_FOUND


def test_hostile_names_are_but_text(sign_in: SignIn, jobs: None) -> None:
    Job.objects.update(queue=HOSTILE[:64])
    Pause.objects.create(queue='"><svg onload=1>', reason=HOSTILE, paused_by=HOSTILE)
    rollup(queue=HOSTILE[:64], succeeded=1)
    response = sign_in(is_superuser=True).get(URL)
    text = response.content.decode()
    assert response.status_code == HTTPStatus.OK
    assert "<svg onload" not in text
    assert "<script>alert" not in text
