"""The pages of job classes."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import quote as percent

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import quote
from django.utils import timezone
from django.utils.html import escape

from jobqueue.admin.page import TURNING
from jobqueue.models import ClassPause
from jobqueue.states import State
from tests.admin.conftest import SignIn, post
from tests.admin.planting import HOSTILE, NAME, ended, rollup

URL = "/admin/jobqueue/jobclass/"
ONE = f"{URL}{NAME}/"

pytestmark = pytest.mark.django_db


def test_each_class_has_its_figures(sign_in: SignIn) -> None:
    rollup(succeeded=40, failed=10, retried=3, run_seconds=7200, run_11=50, wait_01=50)
    text = sign_in("view_dashboard").get(URL).content.decode()
    row = text.partition(f"<bdi>{NAME}</bdi>")[2].partition("</tr>")[0]
    assert [f">{figure}" in row for figure in ("40", "10", "3<")] == [True] * 3
    assert "20.0 %" in row
    assert "2 h" in row
    assert "tests.app.jobs.VideoWorker" in text  # known by the code alone


def test_the_range_is_that_of_the_address(sign_in: SignIn) -> None:
    rollup(ago=2 * 86_400, succeeded=4321)
    client = sign_in("view_dashboard")
    for range_, is_seen in (
        ("1h", False),
        ("24h", False),
        ("7d", True),
        ("90d", True),
        ("x", False),
        ("\0", False),
    ):
        text = client.get(URL, {"range": range_}).content.decode()
        assert ("4,321" in text or "4321" in text) is is_seen, range_


def test_a_class_shows_what_it_did_and_what_the_code_says(sign_in: SignIn) -> None:
    rollup(succeeded=4, run_11=4)
    slow, failed = ended(State.SUCCEEDED, took=90), ended(State.FAILED, last_error="ValueError: no stream\n\nx")
    text = sign_in("view_dashboard", "view_job_payload").get(ONE).content.decode()
    assert f"#{slow.pk}" in text
    assert f"#{failed.pk}" in text
    assert "no stream" in text
    assert "A plain job function." in text
    assert "(left: int, right: int = 0) -&gt; int" in text
    assert f"{timezone.now():%Y-%m-%d}" in text


def test_what_errors_say_takes_a_right(sign_in: SignIn) -> None:
    ended(State.FAILED, last_error="ValueError: no stream\n\nx")
    assert "no stream" not in sign_in("view_dashboard").get(ONE).content.decode()


def test_options_are_those_that_are_declared(sign_in: SignIn) -> None:
    text = sign_in("view_dashboard").get(f"{URL}tests.app.jobs.send_receipt/").content.decode()
    assert "<dt>max_attempts</dt><dd><bdi>5</bdi></dd>" in text


def test_a_paused_class_says_why(sign_in: SignIn) -> None:
    ClassPause.objects.create(name=NAME, reason="deploy", paused_by="ana")
    client = sign_in("view_dashboard")
    for url in (URL, ONE):
        text = client.get(url).content.decode()
        assert "paused by <bdi>ana</bdi>" in text
        assert "<bdi>deploy</bdi>" in text


@pytest.mark.parametrize(
    "name", ["nonesuch", "os.path", "x" * 3000, "%00", "a%2Fb", "_", "_0A", "%F0%9F%92%A9", ".."]
)
def test_a_class_that_there_is_not(sign_in: SignIn, name: str) -> None:
    assert sign_in("view_dashboard").get(f"{URL}{name}/").status_code == HTTPStatus.NOT_FOUND


def test_rights(sign_in: SignIn) -> None:
    client = sign_in("view_job", "view_queue", "view_worker")
    for url in (URL, ONE):
        assert client.get(url).status_code == HTTPStatus.FORBIDDEN


def test_hostile_names_are_but_text(sign_in: SignIn) -> None:
    for name in (HOSTILE, "\n\t " * 80, "a/b/c", "", ".", "é" * 255):
        rollup(name=name, succeeded=3, failed=1, queue=HOSTILE[:64])
    ended(State.FAILED, name=HOSTILE, queue=HOSTILE[:60], last_error=f"{HOSTILE}\n\nx")
    ClassPause.objects.create(name=HOSTILE, reason=HOSTILE, paused_by=HOSTILE)
    client = sign_in(is_superuser=True)
    for url in (URL, f"{URL}{percent(quote(HOSTILE))}/", f"{URL}a_2Fb_2Fc/"):
        response = client.get(url)
        text = response.content.decode()
        assert response.status_code == HTTPStatus.OK
        assert "<svg onload" not in text
        assert "<script>alert" not in text
    assert escape(HOSTILE).translate(TURNING) in client.get(URL).content.decode()


def test_the_number_of_queries_does_not_grow(sign_in: SignIn, django_assert_max_num_queries: object) -> None:
    for number in range(30):
        rollup(name=f"shop.jobs.{number}", succeeded=1)
        ended(State.FAILED)
    client = sign_in(is_superuser=True)
    with django_assert_max_num_queries(12):  # type: ignore[operator]
        client.get(URL)
    with django_assert_max_num_queries(26):  # type: ignore[operator]
        client.get(ONE)


def test_nothing_yet(sign_in: SignIn) -> None:
    text = sign_in("view_dashboard").get(ONE).content.decode()
    assert "Nothing was performed within 14 days." in text
    assert "Nothing was counted in this time." in text


class TestPausing:
    def test_it_asks_then_pauses_and_notes_it(self, sign_in: SignIn) -> None:
        client = sign_in("view_dashboard", "pause_queue")
        assert f"{ONE}pause/" in client.get(ONE).content.decode()
        response = post(client, f"{ONE}pause/", reason="a fix")
        assert response.redirect_chain == [(ONE, HTTPStatus.FOUND)]
        found = ClassPause.objects.get()
        assert (found.name, found.reason, found.paused_by) == (NAME, "a fix", "view_dashboard-pause_queue")
        text = response.content.decode()
        assert f"Class {NAME} is paused." in text
        assert f"{ONE}resume/" in text
        assert LogEntry.objects.get().change_message == "paused: a fix"
        assert "goes on" in post(client, f"{ONE}resume/").content.decode()
        assert not ClassPause.objects.exists()

    @pytest.mark.parametrize("page", ["pause", "resume"])
    def test_it_takes_a_right(self, sign_in: SignIn, page: str) -> None:
        viewer = sign_in("view_dashboard")
        assert viewer.get(f"{ONE}{page}/").status_code == HTTPStatus.FORBIDDEN
        assert f"{ONE}{page}/" not in viewer.get(ONE).content.decode()
        assert not ClassPause.objects.exists()

    def test_a_name_that_is_none_is_told(self, sign_in: SignIn) -> None:
        response = post(sign_in("view_dashboard", "pause_queue"), f"{URL}{'x' * 256}/pause/")
        assert "name must be that of a job" in response.content.decode()
