"""What people did to queues, classes and workers can be read where these are shown."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import quote

from jobqueue.admin.pages import history
from jobqueue.models import Pool
from tests.admin.conftest import SignIn, post
from tests.admin.planting import HOSTILE, NAME
from tests.verbs.conftest import pool

ROOT = "/admin/jobqueue/"


def test_the_pauses_of_queues_are_told_with_who_and_why(sign_in: SignIn) -> None:
    client = sign_in("view_queue", "pause_queue")
    post(client, f"{ROOT}queue/mail/pause/", reason="deploy")
    post(client, f"{ROOT}queue/mail/resume/")
    post(client, f"{ROOT}queue/late/pause/")
    assert f'href="{ROOT}queue/history/"' in client.get(f"{ROOT}queue/").content.decode()
    text = client.get(f"{ROOT}queue/history/").content.decode()
    assert text.index(">late<") < text.index("resumed") < text.index("paused: deploy")
    assert "<bdi>view_queue-pause_queue</bdi>" in text


def test_a_class_shows_its_own(sign_in: SignIn) -> None:
    client = sign_in("view_dashboard", "pause_queue")
    post(client, f"{ROOT}jobclass/{NAME}/pause/", reason="wrong totals")
    post(client, f"{ROOT}jobclass/other.jobs.one/pause/", reason="of another")
    assert f'href="{ROOT}jobclass/history/?of={NAME}"' in client.get(f"{ROOT}jobclass/{NAME}/").content.decode()
    text = client.get(f"{ROOT}jobclass/history/", {"of": NAME}).content.decode()
    assert f"History of {NAME}" in text
    assert "wrong totals" in text
    assert "of another" not in text
    assert "of another" in client.get(f"{ROOT}jobclass/history/").content.decode()


def test_a_pool_that_has_stopped_is_still_in_it_by_its_name(sign_in: SignIn) -> None:
    pool(pk=1)
    client = sign_in("view_worker", "control_worker")
    post(client, f"{ROOT}worker/1/stop/")
    Pool.objects.all().delete()
    for query in ({}, {"of": "1"}):
        text = client.get(f"{ROOT}worker/history/", query).content.decode()
        assert "host:atlas pid:4120" in text
        assert ">stop<" in text
    assert LogEntry.objects.get().object_repr == "host:atlas pid:4120"


@pytest.mark.parametrize(
    "path", ["queue/late_mails", "queue/tier_40", "jobclass/tests.app.jobs.add_up", "worker/1"]
)
def test_recent_actions_lead_to_it(sign_in: SignIn, path: str) -> None:
    client, (model, name) = sign_in(is_superuser=True), path.split("/")
    pool(pk=1)
    post(client, f"{ROOT}{model}/{quote(name)}/{'stop' if model == 'worker' else 'pause'}/")
    url = LogEntry.objects.get().get_admin_url() or ""
    assert f'href="{url}"' in client.get("/admin/").content.decode()
    response = client.get(url, follow=True)
    assert response.redirect_chain == [(f"{ROOT}{model}/history/?of={name}", HTTPStatus.FOUND)]
    text = response.content.decode()
    assert f"History of {name}" in text or model == "worker"
    assert "<caption" in text


@pytest.mark.parametrize(
    ("model", "right"), [("queue", "view_queue"), ("jobclass", "view_dashboard"), ("worker", "view_worker")]
)
def test_an_empty_one_speaks_and_takes_the_right_of_its_page(sign_in: SignIn, model: str, right: str) -> None:
    url = f"{ROOT}{model}/history/"
    assert "Nobody has done anything here yet." in sign_in(right).get(url).content.decode()
    assert sign_in("view_job").get(url).status_code == HTTPStatus.FORBIDDEN


def test_the_newest_are_shown_and_it_says_so(sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MOST", 1)
    client = sign_in("view_queue", "pause_queue")
    for name in ("first", "second"):
        post(client, f"{ROOT}queue/{name}/pause/")
    text = client.get(f"{ROOT}queue/history/").content.decode()
    assert "These are the newest 1." in text
    assert ">second<" in text
    assert ">first<" not in text


def test_hostile_names_are_but_text(sign_in: SignIn) -> None:
    client = sign_in(is_superuser=True)
    post(client, f"{ROOT}queue/mail/pause/", reason=HOSTILE)
    for query in ({}, {"of": HOSTILE}):
        text = client.get(f"{ROOT}queue/history/", query).content.decode()
        assert "<svg onload" not in text
    assert client.get(f"{ROOT}queue/history/", {"of": "a\0"}).status_code == HTTPStatus.NOT_FOUND
