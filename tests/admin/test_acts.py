"""Acts on one job in the dashboard: asked first, then done, said and noted."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.contrib.messages import get_messages
from django.db import OperationalError, connection
from django.test import override_settings
from django.utils import timezone

from jobqueue.models import Attempt, Cancellation, Job
from jobqueue.states import State
from tests.admin.conftest import SignIn, send
from tests.verbs.conftest import job

pytestmark = pytest.mark.django_db

FITTING = {
    "retry": (State.FAILED, State.CANCELLED),
    "run-now": (State.SCHEDULED,),
    "postpone": (State.SCHEDULED, State.READY),
    "cancel": (State.SCHEDULED, State.READY, State.RUNNING),
    "delete": (State.SCHEDULED, State.READY, State.SUCCEEDED, State.FAILED, State.CANCELLED),
}
RIGHTS = {
    "retry": "retry_job",
    "run-now": "retry_job",
    "postpone": "retry_job",
    "cancel": "cancel_job",
    "delete": "delete_job",
}
AFTER = {"retry": State.READY, "run-now": State.READY, "postpone": State.SCHEDULED, "cancel": State.CANCELLED}


def url(act: str, job_id: int) -> str:
    return f"/admin/jobqueue/job/{job_id}/{act}/"


def said(response: Any) -> list[tuple[str, str]]:
    """What the user is told, with the level."""
    return [(each.level_tag, str(each)) for each in get_messages(response.wsgi_request)]


def state_of(job_id: int) -> State | None:
    found = Job.objects.filter(pk=job_id).values_list("state", flat=True).first()
    return None if found is None else State(found)


@pytest.mark.parametrize("act", FITTING)
@pytest.mark.parametrize("state", list(State), ids=lambda state: state.label)
def test_an_act_is_done_from_the_states_that_it_is_for(sign_in: SignIn, act: str, state: State) -> None:
    stored, client = job(state), sign_in(RIGHTS[act], "view_job")
    page = client.get(url(act, stored.pk)).content.decode()
    assert ("Not possible now" in page) is (state not in FITTING[act])
    assert state_of(stored.pk) is state
    response = send(client, url(act, stored.pk), run_at="+2h")
    assert response.status_code == HTTPStatus.FOUND
    [(level, words)] = said(response)
    if state not in FITTING[act]:
        assert (level, state_of(stored.pk), LogEntry.objects.count()) == ("warning", state, 0)
        assert f"#{stored.pk}" in words
        return
    assert level == "success"
    assert state_of(stored.pk) is (State.RUNNING if state is State.RUNNING else AFTER.get(act))


def test_the_log_tells_from_which_state_to_which(sign_in: SignIn) -> None:
    stored = job(State.FAILED)
    send(sign_in("retry_job", "view_job"), url("retry", stored.pk))
    entry = LogEntry.objects.get()
    assert (entry.action_flag, entry.object_id, entry.object_repr) == (CHANGE, str(stored.pk), str(stored))
    assert (entry.change_message, entry.user.get_username()) == ("retry: failed → ready", "retry_job-view_job")


def test_a_deleted_job_leaves_its_entry_and_nothing_else(sign_in: SignIn) -> None:
    stored = job(State.FAILED)
    Attempt.objects.create(
        job_id=stored.pk, number=1, started_at=timezone.now(), ended_at=timezone.now(), outcome=2
    )
    response = send(sign_in("delete_job", "view_job"), url("delete", stored.pk))
    assert (Job.objects.count(), Attempt.objects.count()) == (0, 0)
    assert (LogEntry.objects.get().action_flag, response["Location"]) == (DELETION, "/admin/jobqueue/job/")


def test_a_running_job_is_told_to_end_and_by_whom(sign_in: SignIn) -> None:
    stored = job(State.RUNNING)
    response = send(sign_in("cancel_job"), url("cancel", stored.pk))
    assert Cancellation.objects.get(pk=stored.pk).requested_by == "cancel_job"
    assert "was told to end" in said(response)[0][1]
    assert LogEntry.objects.get().change_message == "cancel: running, told to end"
    assert response["Location"] == "/admin/"  # who may not see jobs is not led to one


def test_postponing_needs_a_time(sign_in: SignIn) -> None:
    stored, client = job(State.READY), sign_in("retry_job")
    page = send(client, url("postpone", stored.pk), run_at="soon")
    assert page.status_code == HTTPStatus.OK
    assert "&quot;soon&quot; is not a time" in page.content.decode()
    far = send(client, url("postpone", stored.pk), run_at="2900-01-01")
    assert "ten years" in far.content.decode()
    send(client, url("postpone", stored.pk), run_at="+2h")
    wait = Job.objects.get().run_at - timezone.now()
    assert timedelta(hours=1, minutes=59) < wait < timedelta(hours=2, minutes=1)
    assert "postpone: ready → waits for its new time, due 2" in LogEntry.objects.get().change_message


@pytest.mark.parametrize("act", FITTING)
def test_a_second_click_is_told_and_does_nothing(sign_in: SignIn, act: str) -> None:
    stored, client = job(FITTING[act][0]), sign_in(RIGHTS[act], "view_job")
    for _ in range(2):
        response = send(client, url(act, stored.pk), run_at="+2h")
        assert response.status_code == HTTPStatus.FOUND
    level, words = said(response)[-1]
    if act == "postpone":  # possible again and again
        return
    assert level == "warning"
    assert ("no longer there" if act == "delete" else "another state") in words
    assert LogEntry.objects.count() == 1


@pytest.mark.parametrize("act", FITTING)
@pytest.mark.parametrize("job_id", [7, 2**63 - 1, 2**63, 10**30])
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_job_that_is_not_there_is_a_message(sign_in: SignIn, act: str, job_id: int, method: str) -> None:
    client = sign_in(RIGHTS[act], "view_job")
    response = client.get(url(act, job_id)) if method == "get" else send(client, url(act, job_id))
    assert response.status_code == HTTPStatus.FOUND
    assert said(response)[0][0] == "warning"


def test_what_is_no_number_is_not_found(sign_in: SignIn) -> None:
    client = sign_in("retry_job")
    for word in ("x", "-1", "1.5", "0x1", "%00"):
        assert client.get(f"/admin/jobqueue/job/{word}/retry/").status_code == HTTPStatus.NOT_FOUND


def test_a_database_that_is_locked_is_a_message(sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = job(State.FAILED)

    def locked(*_: object, **__: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr("jobqueue.admin.pages.acts.act_on", locked)
    response = send(sign_in("retry_job", "view_job"), url("retry", stored.pk))
    assert said(response) == [("error", "Nothing was done: database is locked")]


@pytest.mark.parametrize("act", FITTING)
def test_each_act_takes_its_right(sign_in: SignIn, act: str) -> None:
    stored = job(FITTING[act][0])
    others = {*RIGHTS.values(), "view_job", "change_job", "add_job"} - {RIGHTS[act]}
    response = send(sign_in(*others), url(act, stored.pk), run_at="+2h")
    assert (response.status_code, state_of(stored.pk)) == (HTTPStatus.FORBIDDEN, FITTING[act][0])


def test_hostile_names_stay_text(sign_in: SignIn) -> None:
    stored = job(State.FAILED, name='"><svg onload=alert(1)>', queue="mail")
    page = sign_in("retry_job", "view_job").get(url("retry", stored.pk)).content.decode()
    assert "<svg onload" not in page
    assert "&lt;svg onload" in page


@pytest.mark.parametrize("act", [*FITTING, "edit"])
def test_a_row_that_cannot_be_read_is_a_message(sign_in: SignIn, act: str) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL refuses what cannot be read")
    stored, client = job(State.FAILED), sign_in(is_superuser=True)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA ignore_check_constraints = ON")
        cursor.execute("UPDATE jobqueue_job SET run_at = '2026-99-99 00:00:00' WHERE id = %s", [stored.pk])
        cursor.execute("PRAGMA ignore_check_constraints = OFF")
    response = client.get(url(act, stored.pk))
    assert response.status_code == HTTPStatus.FOUND
    [(level, words)] = said(response)
    assert (level, "cannot be read" in words) == ("warning", True)
    deletion = {"act": "delete", "ids": str(stored.pk)}
    page = send(client, "/admin/jobqueue/job/act/", **deletion)
    assert "Delete 1 job" in page.content.decode()
    own = client.get(f"/admin/jobqueue/job/{stored.pk}/change/").content.decode()
    assert f"?act=delete&amp;ids={stored.pk}" in own
    assert url("retry", stored.pk) not in own


def test_the_page_of_a_job_offers_what_its_reader_may_do(sign_in: SignIn) -> None:
    stored = job(State.FAILED)
    page = f"/admin/jobqueue/job/{stored.pk}/change/"
    rights = {
        ("view_job",): set(),
        ("view_job", "retry_job"): {"retry"},
        ("view_job", "change_job"): set(),
        ("view_job", "change_job", "view_job_payload"): {"edit"},
        ("view_job", "cancel_job", "delete_job"): {"delete"},
    }
    for each, acts in rights.items():
        text = sign_in(*each).get(page).content.decode()
        assert {act for act in [*FITTING, "edit"] if url(act, stored.pk) in text} == acts
    with override_settings(JOBQUEUE={"ADMIN_READ_ONLY": True}):
        text = sign_in(is_superuser=True).get(page).content.decode()
    assert not [act for act in [*FITTING, "edit"] if url(act, stored.pk) in text]
