"""The list of jobs."""

from __future__ import annotations

import re
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client, override_settings
from django.utils import timezone

from jobqueue.admin import onejob
from jobqueue.admin.joblists import SIZES
from jobqueue.admin.looks import LOOKS
from jobqueue.insight import joblist
from jobqueue.models import Job
from jobqueue.states import State
from tests.admin.conftest import SignIn
from tests.admin.planted import MARKER, plant, plant_failure

URL = "/admin/jobqueue/job/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer(sign_in: SignIn) -> Client:
    return sign_in("view_job")


@pytest.fixture
def reader(sign_in: SignIn) -> Client:
    return sign_in("view_job", "view_job_payload")


def page(client: Client, **given: Any) -> str:
    response = client.get(URL, given)
    assert response.status_code == HTTPStatus.OK
    return response.content.decode()


def ids(text: str) -> list[int]:
    return [int(each) for each in re.findall(r'<tr id="job-(\d+)">', text)]


def link(text: str, rel: str) -> dict[str, str] | None:
    """What the link to the next or previous page asks for."""
    found = re.search(rf'<a class="jq-button" href="([^"]+)" rel="{rel}">', text)
    if found is None:
        return None
    return {name: values[0] for name, values in parse_qs(urlsplit(found[1].replace("&amp;", "&")).query).items()}


ONE_OF_EACH: dict[str, tuple[State, dict[str, Any]]] = {
    "waiting": (State.READY, {}),
    "running": (State.RUNNING, {}),
    "scheduled": (State.SCHEDULED, {}),
    "retrying": (State.SCHEDULED, {"attempts": 1}),
    "failed": (State.FAILED, {}),
    "succeeded": (State.SUCCEEDED, {}),
    "cancelled": (State.CANCELLED, {}),
}


class TestTabs:
    def test_each_has_the_jobs_of_its_state(self, viewer: Client) -> None:
        planted = {key: plant(state, **columns).pk for key, (state, columns) in ONE_OF_EACH.items()}
        assert set(planted) == set(LOOKS) == set(joblist.TABS) - {""}
        for key, pk in planted.items():
            assert ids(page(viewer, state=key)) == [pk]
        assert ids(page(viewer)) == sorted(planted.values(), reverse=True)

    def test_each_says_how_many_there_are(self, viewer: Client) -> None:
        for state, columns in ONE_OF_EACH.values():
            plant(state, **columns)
        counted = re.findall(r'<span class="jq-count">(.*?)</span>', page(viewer))
        assert counted == ["7", *["1"] * 7]

    def test_counts_stop(self, viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(joblist, "MANY", 2)
        for _ in range(3):
            plant()
            plant(State.FAILED)
            plant(State.SUCCEEDED)
        plant(State.CANCELLED, finished_at=timezone.now() - timedelta(hours=1))
        text = page(viewer, part="tabs")
        counted = dict(re.findall(r'#jq-(\w+)"/></svg>.*?</span> <span class="jq-count">(.*?)</span>', text))
        assert counted["waiting"] == counted["failed"] == "2+"
        assert "cancelled" not in counted, "among the newest there is none, and nobody knows of the others"
        assert '<span class="jq-count">2+</span>' in text

    @pytest.mark.parametrize("key", [*joblist.TABS, "x"])
    def test_an_empty_one_speaks(self, viewer: Client, key: str) -> None:
        assert '<p class="jq-empty">No ' in page(viewer, state=key)

    def test_without_failures_all_is_well(self, viewer: Client) -> None:
        assert "No failed jobs. All is well." in page(viewer, state="failed")

    @pytest.mark.parametrize("key", ["succeeded", "cancelled"])
    def test_where_nothing_is_kept_that_is_said(self, viewer: Client, key: str) -> None:
        assert "KEEP_SUCCEEDED" not in page(viewer, state=key)
        with override_settings(JOBQUEUE={"KEEP_SUCCEEDED": 0}):
            assert "KEEP_SUCCEEDED is 0" in page(viewer, state=key)
        with override_settings(JOBQUEUE={"DESTROY_FAILED_JOBS": True}):
            assert "DESTROY_FAILED_JOBS" in page(viewer, state="failed")


class TestOrder:
    def test_what_failed_last_comes_first(self, viewer: Client) -> None:
        now = timezone.now()
        jobs = [plant(State.FAILED, finished_at=now - timedelta(minutes=each)).pk for each in (2, 1, 3)]
        assert ids(page(viewer, state="failed")) == [jobs[1], jobs[0], jobs[2]]

    def test_what_is_due_first_comes_first(self, viewer: Client) -> None:
        now = timezone.now()
        jobs = [plant(State.SCHEDULED, run_at=now + timedelta(minutes=each)).pk for each in (2, 1, 3)]
        assert ids(page(viewer, state="scheduled")) == [jobs[1], jobs[0], jobs[2]]

    def test_what_is_claimed_first_in_its_queue_comes_first(self, viewer: Client) -> None:
        low, high = plant(priority=-5).pk, plant(priority=5).pk
        other = plant(queue="another").pk
        assert ids(page(viewer, state="waiting")) == [other, high, low]

    @pytest.mark.parametrize("key", ["", *ONE_OF_EACH])
    def test_pages_have_each_job_once_forth_and_back(
        self, viewer: Client, key: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("jobqueue.admin.joblists.SIZES", (3,))
        state, columns = ONE_OF_EACH[key or "waiting"]
        now = timezone.now().replace(microsecond=7)
        for number in range(8):
            same = {"run_at": now, "finished_at": now if state.is_final else None, "priority": number % 2}
            plant(state, queue="ab"[number % 2], **columns | same)
        whole: list[list[int]] = []
        asked: dict[str, str] | None = {"state": key, "size": "3"}
        while asked is not None:
            text = page(viewer, **asked)
            whole.append(ids(text))
            asked = link(text, "next")
        assert [len(each) for each in whole] == [3, 3, 2]
        assert len({pk for each in whole for pk in each}) == 8
        back = link(text, "prev")
        assert back is not None
        text = page(viewer, **back)
        assert ids(text) == whole[1]
        first = link(text, "prev")
        assert first is not None
        text = page(viewer, **first)
        assert ids(text) == whole[0]
        assert link(text, "prev") is None

    def test_a_page_whose_job_is_gone_begins_anew_and_says_so(self, viewer: Client) -> None:
        job = plant(State.FAILED)
        text = page(viewer, state="failed", before=job.pk + 1000)
        assert ids(text) == [job.pk]
        assert "is gone. This is the beginning." in text


class TestSearch:
    def test_it_finds(self, viewer: Client) -> None:
        plant()
        mail = plant(queue="mail").pk
        text = page(viewer, q="queue:mail")
        assert ids(text) == [mail]
        assert 'value="queue:mail"' in text

    def test_it_finds_within_a_tab(self, viewer: Client) -> None:
        plant(queue="mail")
        failed = plant(State.FAILED, queue="mail").pk
        plant(State.FAILED)
        assert ids(page(viewer, state="failed", q="queue:mail")) == [failed]
        assert ids(page(viewer, state="failed", q=f"id:{failed}")) == [failed]

    def test_a_mistake_is_told_with_its_place(self, viewer: Client) -> None:
        text = page(viewer, q="queue:mail kueue:x")
        assert "Unknown field &quot;kueue&quot;. Did you mean &quot;queue&quot;?" in text
        assert "(character 12)" in text
        assert "queue:mail <mark>kueue:x</mark>" in text
        assert 'aria-invalid="true"' in text

    def test_nothing_found_is_told(self, viewer: Client) -> None:
        plant()
        assert "No job matches this search." in page(viewer, q="queue:nonesuch")

    def test_arguments_are_found_by_those_who_may_see_them(self, reader: Client) -> None:
        job = plant().pk
        assert ids(page(reader, q="args.right:2")) == [job]
        assert ids(page(reader, q="args.right:3")) == []

    @pytest.mark.parametrize("q", ["args.right:2", "error:no", "-error:no"])
    def test_who_may_not_see_the_payload_cannot_guess_it(self, viewer: Client, q: str) -> None:
        plant_failure()
        text = page(viewer, q=q)
        assert ids(text) == []
        assert "takes the right to see it: view_job_payload." in text

    def test_text_is_not_looked_for_in_errors_then(self, viewer: Client, sign_in: SignIn) -> None:
        job = plant_failure().pk
        assert ids(page(viewer, q="stream")) == []
        assert ids(page(sign_in("view_job", "view_job_payload"), q="stream")) == [job]

    def test_only_so_many_are_looked_at_and_that_is_said(
        self, viewer: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(joblist, "WINDOW", 3)
        old = plant(queue="mail").pk
        for _ in range(3):
            plant()
        text = page(viewer, q="queue:mail")
        assert ids(text) == []
        assert "of which the first 3 were looked at." in text
        asked = link(text, "next")
        assert asked is not None
        text = page(viewer, **asked)
        assert ids(text) == [old]
        assert "were looked at" not in text
        assert ids(page(viewer, q=f"id:{old}")) == [old]

    def test_jobs_with_one_kind_of_failure(self, viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(joblist, "ALIKE", 2)
        monkeypatch.setattr(joblist, "WINDOW", 1)
        wanted = [plant_failure().pk for _ in range(5)]
        plant(State.FAILED)
        for key in ("", "failed"):
            found: list[int] = []
            asked: dict[str, str] | None = {"state": key, "q": "kind:0123456789abcdef"}
            while asked is not None:
                text = page(viewer, **asked)
                found += ids(text)
                asked = link(text, "next")
            assert found == wanted[::-1]
        back = link(text, "prev")
        assert back is not None
        assert ids(page(viewer, **back)) == wanted[2:0:-1]
        assert ids(page(viewer, q="kind:0000000000000000")) == []

    @pytest.mark.parametrize("key", ["retrying", "cancelled"])
    def test_a_tab_that_no_index_shows_has_all_its_jobs_nevertheless(
        self, viewer: Client, key: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(joblist, "WINDOW", 3)
        state, columns = ONE_OF_EACH[key]
        wanted = {plant(state, **columns).pk for _ in range(2)}
        for _ in range(4):
            plant(State.SUCCEEDED)
            plant(State.SCHEDULED)
        wanted |= {plant(state, **columns).pk for _ in range(2)}
        found: list[int] = []
        asked: dict[str, str] | None = {"state": key}
        while asked is not None:
            text = page(viewer, **asked)
            found += ids(text)
            asked = link(text, "next")
        assert sorted(found) == sorted(wanted)

    def test_a_state_that_is_searched_for_is_a_tab(self, viewer: Client) -> None:
        failed = plant(State.FAILED).pk
        text = page(viewer, q="state:failed")
        assert ids(text) == [failed]
        assert '<a href="?state=failed&amp;q=state%3Afailed" aria-current="page">' in text

    def test_what_takes_too_long_goes_on_from_where_it_was(
        self, reader: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(joblist, "PATIENCE", -1.0)
        jobs = [plant().pk for _ in range(3)]
        found: list[int] = []
        asked: dict[str, str] | None = {"q": "args.right:2"}
        for _ in range(4):
            if asked is None:
                break
            text = page(reader, **asked)
            found += ids(text)
            asked = link(text, "next")
        assert found == jobs[::-1]

    def test_names_are_completed(self, viewer: Client) -> None:
        plant(queue="mail")
        text = page(viewer)
        assert '<option value="queue:mail">' in text
        assert '<option value="class:add">' in text
        assert '<option value="state:retrying">' in text

    def test_filters_write_into_the_search(self, viewer: Client) -> None:
        plant(queue="mail")
        text = page(viewer, state="waiting", q='class:add "a b"')
        assert 'href="?state=waiting&amp;q=class%3Aadd+%22a+b%22+queue%3Amail"' in text
        assert 'href="?state=waiting&amp;q=%22a+b%22"' in text, "any class"
        assert 'q=class%3Aadd+%22a+b%22+after%3A-1h"' in text


class TestRights:
    def test_who_may_not_look_is_refused(self, sign_in: SignIn) -> None:
        assert sign_in("view_queue", "view_job_payload").get(URL).status_code == HTTPStatus.FORBIDDEN

    @pytest.mark.parametrize("key", ["", "failed"])
    def test_the_payload_is_for_those_who_may_see_it(self, sign_in: SignIn, key: str) -> None:
        plant_failure()
        job = plant(key=None)
        Job.objects.filter(pk=job.pk).update(last_error=MARKER)
        assert MARKER not in page(sign_in("view_job"), state=key)
        text = page(sign_in("view_job", "view_job_payload"), state=key)
        assert f"ValueError: no stream {MARKER}" in text
        assert "left=1 right=2" in text

    def test_it_is_left_to_the_database_then(self, viewer: Client, django_assert_max_num_queries: Any) -> None:
        for _ in range(20):
            plant_failure()
        with django_assert_max_num_queries(32):  # session, user, rights, warnings; then counts, rows and names
            page(viewer, state="failed")

    def test_nothing_is_taken_by_post(self, sign_in: SignIn) -> None:
        client = sign_in("view_job")
        client.handler.enforce_csrf_checks = False
        assert client.post(URL).status_code == HTTPStatus.METHOD_NOT_ALLOWED


class TestSelection:
    """The page that asks about what was selected is another module's; here it is only named."""

    @pytest.fixture(autouse=True)
    def _page_of_acts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(onejob, "address", lambda page, name, *args, model="": f"/there/{name}/")

    def test_those_selected_are_sent_with_an_act(self, sign_in: SignIn) -> None:
        jobs = [plant(State.FAILED, queue="mail").pk for _ in range(2)]
        text = page(sign_in("view_job", "retry_job"), state="failed", q="queue:mail")
        assert '<form id="jq-selection" class="jq-acts" method="post" action="/there/act/">' in text
        assert "csrfmiddlewaretoken" in text
        assert '<input type="hidden" name="state" value="failed">' in text
        assert '<input type="hidden" name="q" value="queue:mail">' in text
        assert '<input type="checkbox" name="all" value="1">' in text
        for pk in jobs:
            assert f'<input type="checkbox" name="ids" value="{pk}" form="jq-selection">' in text

    @pytest.mark.parametrize(
        ("rights", "acts"),
        [
            (("retry_job",), ["retry", "run_now", "postpone"]),
            (("cancel_job",), ["cancel"]),
            (("delete_job",), ["delete"]),
            (("change_job",), []),
            ((), []),
        ],
    )
    def test_only_acts_that_the_user_may_do_are_offered(
        self, sign_in: SignIn, rights: tuple[str, ...], acts: list[str]
    ) -> None:
        plant()
        text = page(sign_in("view_job", *rights))
        assert re.findall(r'<option value="(\w+)">', text.partition("jq-selection")[2]) == acts
        assert ('name="ids"' in text) is bool(acts)

    def test_none_where_nobody_may_act(self, sign_in: SignIn) -> None:
        plant()
        with override_settings(JOBQUEUE={"ADMIN_READ_ONLY": True}):
            assert 'name="ids"' not in page(sign_in(is_superuser=True))

    def test_none_where_there_is_no_such_page(self, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(onejob, "address", lambda page, name, *args, model="": "")
        plant()
        assert 'name="ids"' not in page(sign_in(is_superuser=True))


HOSTILE = '"><svg onload=1>'
SEVERAL = [HOSTILE, "javascript:alert(1)", "\u202egnp.exe", "\x1b[31mred", "{{ 7 }}{% debug %}"]


class TestBadInput:
    @pytest.mark.parametrize(
        "given",
        [
            {"page": "-1"},
            {"before": "abc"},
            {"before": "-1"},
            {"before": str(2**63)},
            {"before": "9" * 400},
            {"before": "٣"},
            {"after": "\0"},
            {"state": "x"},
            {"state": "\0"},
            {"size": "0"},
            {"size": "-5"},
            {"size": "many"},
            {"order": "id;drop"},
            {"refresh": "0"},
        ],
        ids=str,
    )
    def test_what_makes_no_sense_is_as_if_it_were_not_there(self, viewer: Client, given: dict[str, str]) -> None:
        job = plant().pk
        assert ids(page(viewer, **given)) == [job]

    @pytest.mark.parametrize(
        ("given", "size"), [("1", SIZES[0]), ("60", 50), ("1000000000", SIZES[-1]), ("9" * 30, 50)]
    )
    def test_sizes_have_an_end(self, viewer: Client, given: str, size: int) -> None:
        assert f'aria-current="true">{size}</a>' in page(viewer, size=given)

    @pytest.mark.parametrize(
        "q", ["\0", "a\0b", pytest.param("x" * 10_240, id="10 kB"), '"', "id:x", "a,,b", "after:tomorrow"]
    )
    def test_a_bad_search_is_told(self, viewer: Client, q: str) -> None:
        text = page(viewer, q=q)
        assert 'class="jq-mistake"' in text
        assert len(text) < 80_000

    @pytest.mark.parametrize("text", SEVERAL, ids=repr)
    def test_hostile_text_is_only_text(self, reader: Client, text: str) -> None:
        plant_failure(f"ValueError: {text}\n\n")
        Job.objects.update(queue=text, name=f"shop.{text}", locked_by=text)
        for asked in ({}, {"q": text}, {"q": f'"{text}"'}, {"state": text}):
            shown = page(reader, **asked)
            assert "<svg onload" not in shown
            assert 'href="javascript' not in shown
        shown = page(reader)
        assert "\u202e" not in shown
        assert "\x1b" not in shown
