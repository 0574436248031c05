"""Acts on many jobs in the dashboard: a page tells what will happen, then some are done at once, more by a job."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from html import unescape
from http import HTTPStatus
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.messages import get_messages
from django.test import Client, override_settings
from django.utils import timezone

from jobqueue import enqueue, enqueue_many
from jobqueue.admin.pages import many
from jobqueue.conf import get_settings
from jobqueue.insight import joblist, plans
from jobqueue.insight.plans import Chosen
from jobqueue.insight.scene import Scene
from jobqueue.jobs import act_on_many
from jobqueue.models import Attempt, Cancellation, Job
from jobqueue.states import State
from jobqueue.testing import work_off
from tests.admin.conftest import TOKEN, SignIn, send
from tests.app.jobs import add, fetch
from tests.verbs.conftest import job

pytestmark = pytest.mark.django_db

URL = "/admin/jobqueue/job/act/"
LIST = "/admin/jobqueue/job/"


@pytest.fixture
def client(sign_in: SignIn) -> Client:
    return sign_in("view_job", "retry_job", "cancel_job", "delete_job")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than four jobs are many."""
    monkeypatch.setattr(many, "AT_ONCE", 4)


@pytest.fixture
def small_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches look at the newest five jobs."""
    monkeypatch.setattr("jobqueue.search.WINDOW", 5)


def failed(number: int, call: Any = None) -> list[int]:
    """Jobs that have failed a minute ago."""
    ids = enqueue_many([call or add.bind(1)] * number)
    moment = timezone.now() - timedelta(minutes=1)
    ended = {"failed_at": moment, "finished_at": moment, "created_at": moment, "updated_at": moment}
    Job.objects.filter(pk__in=ids).update(state=State.FAILED, attempts=1, **ended)
    return ids


def asked(client: Client, **data: Any) -> str:
    """The page that asks."""
    response = send(client, URL, **data)
    assert response.status_code == HTTPStatus.OK
    return str(response.content.decode())


def confirm(client: Client, **data: Any) -> list[tuple[str, str]]:
    """Go through both pages; what is said then."""
    hidden = fields(asked(client, **data))
    typed = {name: value for name, value in data.items() if name in {"pace", "minutes", "run_at"}}
    return sent(client, **hidden, **typed, confirmed="1")


def sent(client: Client, **data: Any) -> list[tuple[str, str]]:
    response = send(client, URL, **data)
    assert response.status_code == HTTPStatus.FOUND
    return [(each.level_tag, str(each)) for each in get_messages(response.wsgi_request)][-1:]


def fields(page: str) -> dict[str, str]:
    """The hidden fields of a page."""
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page)
    return {name: unescape(value) for name, value in found if name != "csrfmiddlewaretoken"}


def perform(bulk: Job) -> None:
    """Have the job run that acts on many, and no other."""
    Job.objects.filter(pk=bulk.pk).update(priority=1000)
    assert work_off(limit=1).performed == 1


def states() -> dict[int, State]:
    return {pk: State(state) for pk, state in Job.objects.values_list("pk", "state")}


class TestAsking:
    def test_the_page_counts_by_state_and_class_and_tells_who_is_left_out(self, client: Client) -> None:
        failed(3), failed(2, fetch.bind(1))
        running = job(State.RUNNING)
        cancelled = job(State.CANCELLED)
        page = asked(client, act="retry", all="1")
        assert "Retry 6 jobs" in page
        for line in ('failed</th><td class="jq-number">5<', 'cancelled</th><td class="jq-number">1<'):
            assert line in page
        assert '<code>tests.app.jobs.fetch</code></th><td class="jq-number">2<' in page
        assert "Left out: 1 running" in page.replace("\n", " ")
        assert states()[running.pk] is State.RUNNING
        assert states()[cancelled.pk] is State.CANCELLED

    def test_the_tab_is_one_more_term_of_the_search(self, client: Client) -> None:
        failed(2), failed(1, fetch.bind(1)), job(State.CANCELLED)
        page = asked(client, act="retry", all="1", state="failed", q="class:add")
        assert "Retry 2 jobs" in page
        assert (fields(page)["q"], fields(page)["state"]) == ("class:add", "failed")

    def test_a_tab_is_what_the_list_shows_of_it(self, client: Client) -> None:
        scheduled, retrying = job(State.SCHEDULED), job(State.SCHEDULED, attempts=3)
        assert confirm(client, act="cancel", all="1", state="scheduled") == [("success", "Cancelled 1 job.")]
        assert (states()[scheduled.pk], states()[retrying.pk]) == (State.CANCELLED, State.SCHEDULED)

    def test_a_tab_reaches_beyond_the_newest_jobs_of_all(self, client: Client, small_window: None) -> None:
        ids = failed(2)
        for _ in range(10):
            job(State.SUCCEEDED)
        assert "Retry 2 jobs" in asked(client, act="retry", all="1", state="failed")
        assert "no job to do this to" in asked(client, act="retry", all="1")
        assert len(ids) == 2

    def test_of_a_long_tab_all_are_meant_and_a_search_looks_at_the_newest_jobs(
        self, client: Client, small_window: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(plans, "WINDOW", 5)
        failed(8)
        assert "Retry 8 jobs" in asked(client, act="retry", all="1", state="failed")
        assert "Retry 5 jobs" in asked(client, act="retry", all="1", state="failed", q="add")

    def test_what_is_verified_one_by_one_is_counted_for_a_second_and_then_left_to_a_job(
        self, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = sign_in("view_job", "view_job_payload", "retry_job")
        ids = failed(2)
        with monkeypatch.context() as patch:
            patch.setattr(plans, "PATIENCE", -1.0)
            hidden = fields(page := asked(client, act="retry", all="1", q="args.left:1"))
            assert "Retry all that match" in page
            assert sent(client, **hidden, confirmed="1")[0][0] == "success"
        assert {states()[pk] for pk in ids} == {State.FAILED}
        perform(Job.objects.get(name="jobqueue.jobs.act_on_many"))
        assert {states()[pk] for pk in ids} == {State.READY}

    def test_all_that_match_means_more_than_those_selected(self, client: Client) -> None:
        ids = failed(3)
        assert "Retry 3 jobs" in asked(client, act="retry", all="1", ids=str(ids[0]), q="", state="failed")

    @pytest.mark.parametrize("text", ["error:stream", "args.left:1", "stream"])
    def test_who_may_not_see_payload_may_not_guess_it(self, sign_in: SignIn, text: str) -> None:
        job(State.FAILED)
        client = sign_in("view_job", "retry_job")
        response = send(client, URL, act="retry", all="1", q=text)
        if response.status_code == HTTPStatus.OK:
            assert "no job to do this to" in response.content.decode()
        else:
            assert "view_job_payload" in str(list(get_messages(response.wsgi_request))[-1])
        rightful = sign_in("view_job", "retry_job", "view_job_payload")
        assert "Retry 1 job?" in asked(rightful, act="retry", all="1", q=text)

    def test_a_link_may_lead_there(self, client: Client) -> None:
        failed(2)
        assert "Retry 2 jobs" in client.get(URL, {"act": "retry", "all": "1"}).content.decode()

    def test_where_there_is_nothing_to_do_there_is_no_button(self, client: Client) -> None:
        job(State.RUNNING)
        page = asked(client, act="retry", all="1")
        assert "There is no job to do this to." in page
        assert "confirmed" not in page

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            ({}, "Choose what to do"),
            ({"act": "nonesuch", "all": "1"}, "Choose what to do"),
            ({"act": "retry"}, "No job was selected"),
            ({"act": "retry", "ids": "7x"}, "not the id of a job"),
            ({"act": "retry", "ids": "9" * 30}, "not the id of a job"),
            ({"act": "retry", "ids": str(2**63)}, "not the id of a job"),
            ({"act": "retry", "all": "1", "q": "kueue:mail"}, 'Unknown field "kueue"'),
            ({"act": "retry", "all": "1", "state": "faild"}, "no such tab"),
            ({"act": "retry", "all": "1", "q": "x" * 1001}, "too long"),
            ({"act": "retry", "all": "1", "q": "a\0b"}, "too long"),
            ({"act": "retry", "all": "1", "confirmed": "1"}, "The form was changed"),
            ({"act": "retry", "all": "1", "confirmed": "1", "at": "soon", "newest": "x"}, "The form was changed"),
            (
                {"act": "retry", "all": "1", "confirmed": "1", "at": "2026-99-99T00:00", "newest": "1"},
                "was changed",
            ),
        ],
    )
    def test_what_cannot_be_understood_is_told(self, client: Client, data: dict[str, str], words: str) -> None:
        failed(1)
        [(level, told)] = sent(client, **data)
        assert level == "error"
        assert words in told
        assert set(states().values()) == {State.FAILED}

    def test_a_wrong_detail_is_asked_for_again(self, client: Client) -> None:
        [pk] = failed(1)
        hidden = fields(asked(client, act="retry", ids=str(pk)))
        page = asked(client, **hidden, confirmed="1", pace="spread", minutes="0")
        assert "Spread the jobs over 1 to 10080 minutes." in page
        waiting = job(State.READY)
        hidden = fields(asked(client, act="postpone", ids=str(waiting.pk)))
        assert "is not a time" in asked(client, **hidden, confirmed="1", run_at="soon")

    def test_each_act_takes_its_right(self, sign_in: SignIn) -> None:
        failed(1)
        client = sign_in("view_job", "cancel_job")
        assert send(client, URL, act="retry", all="1").status_code == HTTPStatus.FORBIDDEN
        assert send(client, URL, act="delete", all="1", confirmed="1").status_code == HTTPStatus.FORBIDDEN
        assert send(client, URL, act="cancel", all="1").status_code == HTTPStatus.OK

    def test_more_than_can_be_named_is_refused_at_once(self, client: Client) -> None:
        client.cookies["csrftoken"] = TOKEN
        many: dict[str, Any] = {"act": "retry", "csrfmiddlewaretoken": TOKEN, "ids": list(range(1, 100_001))}
        one = {**many, "ids": ",".join(map(str, many["ids"]))}
        for data, most_fields, status in (
            (one, 1000, HTTPStatus.FOUND),
            (many, None, HTTPStatus.FOUND),
            (many, 1000, HTTPStatus.BAD_REQUEST),  # Django's own limit, before anything of ours is asked
        ):
            body = urlencode(data, doseq=True)
            with override_settings(DATA_UPLOAD_MAX_NUMBER_FIELDS=most_fields):
                began = time.monotonic()
                response = client.post(URL, body, content_type="application/x-www-form-urlencoded")
            took = time.monotonic() - began
            assert response.status_code == status
            assert took < 1 or most_fields is None, took
            if status == HTTPStatus.FOUND:
                assert "At most 1,000 jobs" in str(list(get_messages(response.wsgi_request))[-1])


class TestAtOnce:
    def test_selected_jobs_are_done_and_noted_one_by_one(self, client: Client) -> None:
        ids = failed(3)
        assert confirm(client, act="retry", ids=list(map(str, ids[:2]))) == [("success", "Retried 2 jobs.")]
        assert [states()[pk] for pk in ids] == [State.READY, State.READY, State.FAILED]
        entries = LogEntry.objects.order_by("object_id")
        assert [(each.object_id, each.change_message) for each in entries] == [
            (str(pk), "retry: failed → ready") for pk in ids[:2]
        ]

    def test_of_one_the_words_are_of_one(self, client: Client) -> None:
        assert confirm(client, act="delete", ids=str(failed(1)[0])) == [("success", "Deleted 1 job.")]

    def test_who_has_changed_meanwhile_is_left_out_and_told(self, client: Client) -> None:
        ids = failed(3)
        hidden = fields(asked(client, act="retry", ids=list(map(str, ids))))
        Job.objects.filter(pk=ids[0]).update(state=State.SUCCEEDED)
        Job.objects.filter(pk=ids[1]).delete()
        [(level, words)] = sent(client, **hidden, confirmed="1")
        assert (level, words) == ("success", "Retried 1 job. Left out: 1 succeeded, 1 no longer there.")
        [(level, words)] = sent(client, **hidden, confirmed="1")
        assert level == "warning"
        assert words.startswith("Nothing was done")

    def test_all_that_match_are_those_there_were_when_the_page_was_shown(self, client: Client) -> None:
        old = failed(2)
        hidden = fields(asked(client, act="retry", all="1", state="failed"))
        new = failed(1)  # of an earlier minute, but stored later
        assert sent(client, **hidden, confirmed="1") == [("success", "Retried 2 jobs.")]
        assert [states()[pk] for pk in (*old, *new)] == [State.READY, State.READY, State.FAILED]

    def test_running_ones_are_told_to_end(self, client: Client) -> None:
        running, ready = job(State.RUNNING), job(State.READY)
        [(_, words)] = confirm(client, act="cancel", all="1")
        assert words == "Cancelled 1 job. 1 running job was told to end."
        assert [each.pk for each in Cancellation.objects.all()] == [running.pk]
        assert states()[ready.pk] is State.CANCELLED

    def test_running_ones_are_never_deleted(self, client: Client) -> None:
        running, *_ = job(State.RUNNING), job(State.READY), job(State.SUCCEEDED), job(State.SCHEDULED)
        assert confirm(client, act="delete", all="1") == [("success", "Deleted 3 jobs.")]
        assert states() == {running.pk: State.RUNNING}

    def test_spread_over_some_time_they_become_due_one_after_another(self, client: Client) -> None:
        failed(4)
        confirm(client, act="retry", all="1", pace="spread", minutes="40")
        due = list(Job.objects.order_by("pk").values_list("run_at", flat=True))
        gaps = {round((later - earlier).total_seconds()) for earlier, later in pairwise(due)}
        assert gaps == {600}

    def test_postponed_to_a_time(self, client: Client) -> None:
        job(State.READY), job(State.READY)
        assert confirm(client, act="postpone", all="1", run_at="+2h") == [("success", "Postponed 2 jobs.")]
        assert set(states().values()) == {State.SCHEDULED}


@pytest.mark.parametrize("how", [{"all": "1"}, {"ids": ["1"]}])
def test_it_leads_back_to_the_tab_and_the_search_from_which_it_came(client: Client, how: dict[str, Any]) -> None:
    given = {"act": "retry", "state": "failed", "q": "class:add -queue:mail", **how}
    [pk] = failed(1)
    Job.objects.filter(pk=pk).update(id=1)
    back = f"{LIST}?{urlencode({'state': 'failed', 'q': 'class:add -queue:mail'})}"
    text = asked(client, **given)
    assert f'href="{back.replace("&", "&amp;")}"' in text
    response = send(client, URL, **fields(text), confirmed="1")
    assert (states()[1], response["Location"]) == (State.READY, back)


def test_so_does_what_is_refused(client: Client) -> None:
    assert send(client, URL, act="nonesuch", q="x")["Location"] == f"{LIST}?q=x"
    assert send(client, URL, act="nonesuch", q="", state="nonesuch")["Location"] == LIST


class TestByAJob:
    def test_many_are_left_to_a_job(self, client: Client, few: None) -> None:
        ids = failed(5)
        [(level, words)] = confirm(client, act="retry", all="1", state="failed")
        bulk = Job.objects.get(name="jobqueue.jobs.act_on_many")
        assert (level, f"#{bulk.pk}</a>" in words) == ("success", True)
        assert {states()[pk] for pk in ids} == {State.FAILED}
        entry = LogEntry.objects.get()
        assert (entry.object_id, entry.action_flag) == (str(bulk.pk), ADDITION)
        assert entry.change_message == "retry: all failed jobs."
        perform(bulk)
        bulk.refresh_from_db()
        assert bulk.result == {"done": 5, "ending": 0, "left_out": {}}
        assert {states()[pk] for pk in ids} == {State.READY}
        entry.refresh_from_db()
        assert entry.change_message.endswith("Done: 5. Ending soon: 0. Left out: none.")
        assert LogEntry.objects.count() == 1

    def test_the_log_does_not_tell_what_was_looked_for_in_arguments(self, sign_in: SignIn, few: None) -> None:
        failed(5)
        client = sign_in("view_job", "view_job_payload", "retry_job")
        confirm(client, act="retry", all="1", state="failed", q="-queue:mail -args.a:7 add")
        assert LogEntry.objects.get().change_message == (
            'retry: all failed jobs that match "-queue:mail -args.a:… …".'
        )

    def test_it_is_told_who_wants_it(self, client: Client, few: None) -> None:
        for _ in range(5):
            job(State.RUNNING)
        confirm(client, act="cancel", all="1")
        bulk = Job.objects.get(name="jobqueue.jobs.act_on_many")
        perform(bulk)
        assert {each.requested_by for each in Cancellation.objects.all()} == {
            "view_job-retry_job-cancel_job-delete_job"
        }

    def test_it_spares_itself_and_what_was_stored_later(self, client: Client, few: None) -> None:
        waiting = [job(State.READY).pk for _ in range(5)]
        confirm(client, act="cancel", all="1")
        bulk, later = Job.objects.get(name="jobqueue.jobs.act_on_many"), enqueue(add.bind(1))
        perform(bulk)
        assert {states()[pk] for pk in waiting} == {State.CANCELLED}
        assert (states()[bulk.pk], states()[later.pk]) == (State.SUCCEEDED, State.READY)

    def test_of_one_kind_of_failure_they_are_looked_up_part_by_part(
        self, client: Client, few: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(joblist, "ALIKE", 2)
        ids = failed(7)
        for pk in ids[:5]:
            Attempt.objects.create(
                job_id=pk, number=1, outcome="failed", fingerprint="a1", ended_at=timezone.now()
            )
        assert "Retry 5 jobs" in asked(client, act="retry", all="1", q="kind:a1")
        with monkeypatch.context() as patch:
            patch.setattr(plans, "PATIENCE", -1.0)
            assert "Retry all that match" in asked(client, act="retry", all="1", q="kind:a1")
        confirm(client, act="retry", all="1", q="kind:a1")
        perform(Job.objects.get(name="jobqueue.jobs.act_on_many"))
        assert {pk for pk in ids if states()[pk] is State.READY} == set(ids[:5])

    def test_begun_again_it_does_nothing_twice(self, client: Client, few: None) -> None:
        ids = failed(6)
        moment, newest = timezone.now(), max(ids)
        chosen = Chosen(moment, newest).as_data()
        first = act_on_many("retry", chosen)
        assert first["done"] == 6
        # One has failed again meanwhile, and one was never reached.
        Job.objects.filter(pk=ids[0]).update(state=State.FAILED, updated_at=timezone.now())
        Job.objects.filter(pk=ids[1]).update(state=State.FAILED, updated_at=moment - timedelta(seconds=1))
        assert act_on_many("retry", chosen)["done"] == 1
        assert states()[ids[0]] is State.FAILED

    @pytest.mark.parametrize("tab", ["", "failed"])
    def test_it_looks_at_them_page_by_page_and_does_the_oldest_first(
        self, client: Client, few: None, monkeypatch: pytest.MonkeyPatch, tab: str
    ) -> None:
        monkeypatch.setattr(plans, "CHUNK", 2)
        ids = failed(7)
        Job.objects.filter(pk=ids[0]).update(finished_at=timezone.now())
        confirm(client, act="retry", all="1", state=tab, pace="spread", minutes="70")
        perform(Job.objects.get(name="jobqueue.jobs.act_on_many"))
        assert list(Job.objects.filter(pk__in=ids).order_by("run_at").values_list("pk", flat=True)) == ids

    def test_begun_again_it_does_not_go_on_to_what_was_not_shown(self, client: Client, small_window: None) -> None:
        ids = failed(8)
        chosen = Chosen.now(Scene(get_settings()), text="state:failed").as_data()
        for _ in range(3):
            act_on_many("delete", chosen)
        assert sorted(states()) == ids[:3]

    def test_many_selected_ones_travel_with_it(self, client: Client, few: None) -> None:
        ids = failed(6)
        confirm(client, act="delete", ids=list(map(str, ids[:5])))
        bulk = Job.objects.get(name="jobqueue.jobs.act_on_many")
        assert LogEntry.objects.get().change_message == "delete: 5 selected jobs."
        perform(bulk)
        assert set(states()) == {ids[5], bulk.pk}

    def test_it_stands_in_a_queue_that_is_declared(self, client: Client, few: None) -> None:
        failed(5)
        with override_settings(JOBQUEUE={"QUEUES": {"care": 0, "mail": 5}}):
            confirm(client, act="retry", all="1")
            assert Job.objects.get(name="jobqueue.jobs.act_on_many").queue == "care"

    def test_it_needs_room(self, client: Client, few: None) -> None:
        failed(5), enqueue(add.bind(1))
        with override_settings(JOBQUEUE={"MAX_WAITING": 1}):
            [(level, words)] = confirm(client, act="retry", all="1")
        assert level == "error"
        assert "has no room" in words
        assert LogEntry.objects.count() == 0

    def test_nobody_stores_or_edits_it_by_hand(self, sign_in: SignIn, few: None) -> None:
        client = sign_in(is_superuser=True)
        failed(5)
        confirm(client, act="retry", all="1")
        bulk = Job.objects.get(name="jobqueue.jobs.act_on_many")
        assert "There is no job" in client.get(LIST + "add/", {"name": bulk.name}).content.decode()
        response = client.get(f"{LIST}{bulk.pk}/edit/")
        assert response.status_code == HTTPStatus.FOUND
        assert "one of jobqueue's own" in str(list(get_messages(response.wsgi_request))[-1])
