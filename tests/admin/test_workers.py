"""The pages of workers, and wishes to them."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import override_settings
from django.utils import timezone

from jobqueue.models import Pool
from jobqueue.states import State
from tests.admin.conftest import SignIn, post
from tests.admin.planting import HOSTILE
from tests.verbs.conftest import job, pool

URL = "/admin/jobqueue/worker/"
WISHES = ("quiet", "go-on", "stop")

pytestmark = pytest.mark.django_db


def telling(pid: int = 7, memory: Any = 50_000_000, jobs: Any = ()) -> dict[str, Any]:
    """What a pool tells of one worker."""
    return {"pid": pid, "buffered": 1, "succeeded": 12, "failed": 3, "memory": memory, "jobs": list(jobs)}


def test_pools_stand_by_host_with_what_they_perform(sign_in: SignIn) -> None:
    running = job(State.RUNNING)
    pool(
        queues=["mail"],
        min_priority=-5,
        release="abc",
        workers=[telling(jobs=[{"id": running.pk, "seconds": 41.2}])],
    )
    pool(pk=2, host="borea", quiet=True, threads=4)
    text = sign_in("view_worker").get(URL).content.decode()
    assert text.index("<bdi>atlas</bdi>") < text.index("<bdi>borea</bdi>")
    for words in (
        "pid 4120",
        "1 of 1",
        "0 of 4",
        "47.7",
        f"#{running.pk}",
        "tests.app.jobs.add",
        "priority from -5",
        "quiet",
    ):
        assert words in text, words


def test_what_is_wrong_is_said(sign_in: SignIn) -> None:
    ago = timezone.now() - timedelta(minutes=6)
    pool(beat_at=ago)
    job(State.RUNNING)
    client = sign_in("view_worker")
    for url in (URL, f"{URL}1/"):
        assert "Its 1 job goes back when another worker runs." in client.get(url).content.decode()
    pool(pk=2, host="b")
    assert "Its 1 job goes back any moment." in client.get(URL).content.decode()
    Pool.objects.filter(pk=1).update(beat_at=timezone.now() - timedelta(seconds=31))
    assert "Its 1 job goes back at " in client.get(URL).content.decode()
    Pool.objects.filter(pk=1).update(alive=False)
    assert "Its 1 job is being put back." in client.get(URL).content.decode()


def test_an_older_release_is_told(sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobqueue.insight.workers.release", lambda: "9c1e2f0")
    pool(release="4f2a111")
    assert (
        "This site runs release <bdi>9c1e2f0</bdi>: restart it."
        in sign_in("view_worker").get(URL).content.decode()
    )


def test_nobody_works(sign_in: SignIn) -> None:
    assert "python manage.py jobworker" in sign_in("view_worker").get(URL).content.decode()


class TestWishes:
    @pytest.mark.parametrize(("path", "wish"), [("quiet", "quiet"), ("go-on", "go on"), ("stop", "stop")])
    def test_each_asks_then_wishes_and_notes_it(self, sign_in: SignIn, path: str, wish: str) -> None:
        pool()
        client = sign_in("view_worker", "control_worker")
        assert "host:atlas pid:4120" in client.get(f"{URL}1/{path}/").content.decode()
        assert Pool.objects.get().wish == ""
        response = post(client, f"{URL}1/{path}/")
        assert response.redirect_chain == [(f"{URL}1/", HTTPStatus.FOUND)]
        assert Pool.objects.get().wish == wish
        entry = LogEntry.objects.get()
        assert (entry.object_id, entry.object_repr, entry.change_message) == ("1", "host:atlas pid:4120", path)

    @pytest.mark.parametrize("path", WISHES)
    def test_they_take_a_right_and_a_token(self, sign_in: SignIn, path: str) -> None:
        pool()
        viewer, client = sign_in("view_worker"), sign_in("view_worker", "control_worker")
        assert viewer.get(f"{URL}1/{path}/").status_code == HTTPStatus.FORBIDDEN
        assert f"{URL}1/{path}/" not in viewer.get(f"{URL}1/").content.decode()
        assert client.post(f"{URL}1/{path}/").status_code == HTTPStatus.FORBIDDEN
        with override_settings(JOBQUEUE={"ADMIN_READ_ONLY": True}):
            assert client.get(f"{URL}1/{path}/").status_code == HTTPStatus.FORBIDDEN
        assert Pool.objects.get().wish == ""

    @pytest.mark.parametrize(
        ("quiet", "wish", "offered"),
        [(False, "", "quiet"), (False, "quiet", "go-on"), (True, "", "go-on"), (True, "go on", "quiet")],
    )
    def test_what_was_wished_is_not_offered_again(
        self, sign_in: SignIn, quiet: bool, wish: str, offered: str
    ) -> None:
        pool(quiet=quiet, wish=wish)
        text = sign_in("view_worker", "control_worker").get(f"{URL}1/").content.decode()
        assert {path for path in ("quiet", "go-on") if f"{URL}1/{path}/" in text} == {offered}

    def test_a_dead_pool_heeds_nothing_and_the_page_says_so(self, sign_in: SignIn) -> None:
        pool(alive=False)
        response = post(sign_in("view_worker", "control_worker"), f"{URL}1/stop/")
        assert "is gone" in response.content.decode()
        assert not LogEntry.objects.exists()

    @pytest.mark.parametrize("number", ["2", "0", "9" * 18, "9" * 40])
    def test_a_pool_that_there_is_not(self, sign_in: SignIn, number: str) -> None:
        client = sign_in("view_worker", "control_worker")
        for path in ("", *(f"{wish}/" for wish in WISHES)):
            assert client.get(f"{URL}{number}/{path}").status_code == HTTPStatus.NOT_FOUND


def test_rights(sign_in: SignIn) -> None:
    pool()
    client = sign_in("view_job", "view_queue", "view_dashboard", "control_worker")
    for url in (URL, f"{URL}1/", f"{URL}timeline/"):
        assert client.get(url).status_code == HTTPStatus.FORBIDDEN


@pytest.mark.parametrize(
    "told",
    [
        [None, 7, "x", [], {}],
        {"pid": 1},
        [telling(jobs=[None, 7, {"id": "x"}, {"id": -1}, {"id": 2**70}, {"seconds": "x"}, {"id": 1, "seconds": None}])],
        [telling(pid="x", memory=HOSTILE)],  # type: ignore[arg-type]
        [{"pid": 1, "jobs": 7}],
        "text",
        None,
    ],
)  # fmt: skip
def test_odd_tellings_break_no_page(sign_in: SignIn, told: Any) -> None:
    pool(workers=told if told is not None else [])
    client = sign_in(is_superuser=True)
    for url in (URL, f"{URL}1/", f"{URL}timeline/"):
        assert client.get(url).status_code == HTTPStatus.OK


def test_hostile_text_is_but_text(sign_in: SignIn) -> None:
    running = job(State.RUNNING, name=HOSTILE)
    told = [telling(jobs=[{"id": running.pk, "seconds": 1}])]
    pool(
        name=HOSTILE[:64],
        host=HOSTILE * 3,
        release=HOSTILE[:64],
        queues=[HOSTILE],
        wish=HOSTILE[:16],
        workers=told,
    )
    client = sign_in(is_superuser=True)
    for url in (URL, f"{URL}1/", f"{URL}1/stop/", f"{URL}timeline/"):
        response = client.get(url)
        text = response.content.decode()
        assert response.status_code == HTTPStatus.OK
        assert "<svg onload" not in text
        assert "<script>alert" not in text


def test_the_number_of_queries_does_not_grow(sign_in: SignIn, django_assert_max_num_queries: Any) -> None:
    for number in range(30):
        job(State.RUNNING)
        pool(pk=number + 1, beat_at=timezone.now() - timedelta(minutes=number % 2 * 6), workers=[telling()])
    client = sign_in(is_superuser=True)
    with django_assert_max_num_queries(14):
        client.get(URL)
    with django_assert_max_num_queries(16):
        client.get(f"{URL}1/")
