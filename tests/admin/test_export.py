"""Jobs as a file."""

from __future__ import annotations

import csv
import io
import json
from http import HTTPStatus
from typing import Any, cast

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from jobqueue import enqueue
from jobqueue.admin import exporting
from jobqueue.insight import joblist
from jobqueue.models import Job
from jobqueue.states import State
from tests.admin.conftest import SignIn, send
from tests.admin.planted import MARKER, plant, plant_failure
from tests.app.jobs import add
from tests.worker.spoiling import CATALOGUE, store_spoilt

LIST = "/admin/jobqueue/job/"
URL = f"{LIST}export/"
ALL = [each.key for each in exporting.COLUMNS]

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(sign_in: SignIn) -> Client:
    return sign_in("view_job", "export_job", "view_job_payload")


def text(client: Client, **given: Any) -> str:
    response: Any = client.get(URL, {"format": "csv", "column": ALL, **given})
    assert response.streaming, "the form, not the file"
    return b"".join(response.streaming_content).decode()


def rows(client: Client, **given: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text(client, **given), newline="")))


class TestSelected:
    def test_the_list_offers_it_to_those_who_may(self, client: Client, sign_in: SignIn) -> None:
        plant()
        option = '<option value="export">Export</option>'
        assert option in client.get(LIST).content.decode()
        assert option not in sign_in("view_job", "retry_job").get(LIST).content.decode()

    def test_it_leads_to_the_form_with_the_same_jobs(self, client: Client) -> None:
        chosen, other = plant(State.FAILED), plant(State.FAILED)
        ids = [str(chosen.pk), str(plant().pk)]
        response = send(client, f"{LIST}act/", act="export", ids=ids, state="failed", q="queue:default")
        shown = client.get(response["Location"]).content.decode()
        assert "2 selected jobs" in shown
        assert f'name="ids" value="{",".join(ids)}"' in shown
        assert 'href="/admin/jobqueue/job/?state=failed&amp;q=queue%3Adefault"' in shown
        assert {each["id"] for each in rows(client, ids=",".join(ids))} == {*ids}
        assert str(other.pk) not in ids

    def test_all_that_match_are_those_of_the_search(self, client: Client) -> None:
        response = send(client, f"{LIST}act/", act="export", all="1", state="failed", q="queue:mail")
        assert response["Location"] == f"{URL}?state=failed&q=queue%3Amail"

    def test_it_takes_a_selection_and_the_right(self, client: Client, sign_in: SignIn) -> None:
        assert send(client, f"{LIST}act/", act="export")["Location"] == LIST
        stranger = sign_in("view_job")
        response = send(stranger, f"{LIST}act/", act="export", ids=["1"])
        assert stranger.get(response["Location"]).status_code == HTTPStatus.FORBIDDEN

    @pytest.mark.parametrize("ids", ["x", "1;2", "9" * 30, ",".join(map(str, range(1, 2000)))])
    def test_what_is_no_selection_leads_back(self, client: Client, ids: str) -> None:
        assert client.get(URL, {"ids": ids, "state": "failed"})["Location"] == f"{LIST}?state=failed"


class TestForm:
    def test_it_offers_columns_and_formats(self, client: Client) -> None:
        shown = client.get(URL, {"state": "failed", "q": "queue:mail"}).content.decode()
        assert all(f'name="column" value="{key}"' in shown for key in ALL)
        assert "JSON Lines" in shown
        assert "<code>queue:mail</code>" in shown
        assert '<input type="hidden" name="state" value="failed">' in shown

    @pytest.mark.parametrize(
        "given", [{"format": "csv"}, {"format": "xml", "column": "id"}, {"format": "csv", "column": "x"}]
    )
    def test_it_says_what_is_missing(self, client: Client, given: dict[str, str]) -> None:
        assert "Choose a format, and at least one column." in client.get(URL, given).content.decode()

    def test_it_says_when_not_all_are_looked_at(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(joblist, "WINDOW", 2)
        for _ in range(3):
            plant()
        said = "Only the newest 100,000 of them are looked at."
        assert said in client.get(URL, {"q": "queue:default"}).content.decode()
        assert said not in client.get(URL).content.decode()
        assert len(rows(client, q="queue:default")) == 2

    def test_a_bad_search_is_told(self, client: Client) -> None:
        shown = client.get(URL, {"q": "kueue:x", "format": "csv", "column": "id"}).content.decode()
        assert "Unknown field" in shown

    def test_the_list_leads_to_it(self, client: Client) -> None:
        shown = client.get("/admin/jobqueue/job/", {"state": "failed"}).content.decode()
        assert f'href="{URL}?state=failed"' in shown


class TestFile:
    def test_it_has_the_jobs_of_the_tab_and_search(self, client: Client) -> None:
        plant()
        wanted = plant(State.FAILED, queue="mail")
        plant(State.FAILED)
        [row] = rows(client, state="failed", q="queue:mail")
        assert (row["id"], row["state"], row["job"], row["queue"]) == (
            str(wanted.pk),
            "failed",
            "tests.app.jobs.add",
            "mail",
        )
        assert json.loads(row["arguments"]) == {"left": 1, "right": 2}

    def test_it_has_only_the_columns_that_were_chosen(self, client: Client) -> None:
        plant()
        assert text(client, column=["queue", "id"]).splitlines()[0] == "id,queue"

    @pytest.mark.parametrize("state", ["", "waiting", "failed"])
    def test_it_is_read_in_batches(self, client: Client, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(exporting, "BATCH", 2)
        kind = State.FAILED if state == "failed" else State.READY
        wanted = {str(plant(kind).pk) for _ in range(5)}
        found = [row["id"] for row in rows(client, state=state)]
        assert sorted(found) == sorted(wanted)

    def test_as_lines_of_json(self, client: Client) -> None:
        job = plant_failure()
        [line] = text(client, format="jsonl").splitlines()
        told = json.loads(line)
        assert list(told) == ALL
        assert (told["id"], told["attempts"], told["result"]) == (job.pk, 2, MARKER)
        assert told["finished_at"] == job.finished_at.isoformat()  # type: ignore[union-attr]

    def test_its_name_tells_state_and_day(self, client: Client) -> None:
        response = client.get(URL, {"format": "csv", "column": "id", "state": "failed"})
        today = f"{timezone.localdate():%Y-%m-%d}"
        assert response["Content-Disposition"] == f'attachment; filename="jobs-failed-{today}.csv"'
        assert response["Content-Type"] == "text/csv; charset=utf-8"

    @pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"], ids=repr)
    def test_no_cell_is_a_formula(self, client: Client, formula: str) -> None:
        job = enqueue(add.bind(1))
        Job.objects.filter(pk=job.pk).update(queue=formula, key=formula, priority=-5, last_error=formula)
        [row] = rows(client)
        assert row["queue"] == row["key"] == row["error"] == f"'{formula}"
        assert row["priority"] == "-5"

    def test_lines_within_a_cell_stay_in_it(self, client: Client) -> None:
        job = plant_failure('ValueError: "one"\n\ntwo, three')
        [row] = rows(client)
        assert (row["id"], row["error"]) == (str(job.pk), 'ValueError: "one"\n\ntwo, three')

    def test_sensitive_values_are_hidden(self, client: Client) -> None:
        enqueue(add.bind(cast("Any", {"password": MARKER})))
        assert MARKER not in text(client)
        assert "********" in text(client)

    def test_a_spoilt_row_does_not_hold_up_the_others(self, client: Client) -> None:
        bad = [store_spoilt(spoilt) for spoilt in CATALOGUE.values()]
        Job.objects.filter(pk=bad[0]).update(stored_result="{")
        good = plant().pk
        found = rows(client)
        assert {row["id"] for row in found} == {str(pk) for pk in [*bad, good]}
        assert any(row["arguments"].startswith("(") for row in found)

    @pytest.mark.skipif(connection.vendor == "postgresql", reason="PostgreSQL lets no such thing into a column")
    def test_nor_does_one_that_cannot_be_read(self, client: Client) -> None:
        good, bad = plant().pk, plant().pk
        with connection.cursor() as cursor:
            cursor.execute("UPDATE jobqueue_job SET created_at = '2026-02-31 00:00:00' WHERE id = %s", [bad])
        assert {row["id"] for row in rows(client)} == {str(good), str(bad)}


class TestRights:
    @pytest.mark.parametrize(
        "rights", [(), ("view_job",), ("view_job", "view_job_payload"), ("view_job_payload",)]
    )
    def test_it_takes_a_right_of_its_own(self, sign_in: SignIn, rights: tuple[str, ...]) -> None:
        client = sign_in(*rights)
        assert client.get(URL).status_code == HTTPStatus.FORBIDDEN
        assert client.get(URL, {"format": "csv", "column": "id"}).status_code == HTTPStatus.FORBIDDEN

    def test_payload_takes_another(self, sign_in: SignIn) -> None:
        plant_failure()
        client = sign_in("view_job", "export_job")
        assert MARKER not in text(client)
        assert text(client).splitlines()[0] == ",".join(ALL[:-3])
        assert 'value="arguments"' not in client.get(URL).content.decode()
        assert "Choose a format" in client.get(URL, {"format": "csv", "column": "arguments"}).content.decode()

    def test_nobody_exports_who_may_not_see_jobs(self, sign_in: SignIn) -> None:
        assert sign_in("export_job").get(URL).status_code == HTTPStatus.FORBIDDEN
