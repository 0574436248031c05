"""The page of a job."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client, override_settings
from django.utils import timezone
from django.utils.html import escape

from jobqueue import enqueue, pause, pause_class
from jobqueue.insight import details
from jobqueue.models import Attempt, Job, Report
from jobqueue.states import State
from jobqueue.testing import work_off
from tests.admin.conftest import SignIn
from tests.admin.planted import ERROR, MARKER, plant, plant_failure
from tests.app.jobs import add, import_rows, send_receipt
from tests.keys import NEW, encrypting
from tests.verbs.conftest import pool
from tests.worker.spoiling import CATALOGUE, store_spoilt, write
from tests.worker.test_bad_rows import HARMLESS, HELD, here, hold, on_sqlite, text

pytestmark = pytest.mark.django_db


def url(pk: int, rest: str = "change/") -> str:
    return f"/admin/jobqueue/job/{pk}/{rest}"


def page(client: Client, pk: int, **given: Any) -> str:
    response = client.get(url(pk), given)
    assert response.status_code == HTTPStatus.OK
    return response.content.decode()


@pytest.fixture
def viewer(sign_in: SignIn) -> Client:
    return sign_in("view_job")


@pytest.fixture
def reader(sign_in: SignIn) -> Client:
    return sign_in("view_job", "view_job_payload")


class TestWhatItShows:
    def test_why_it_waits(self, viewer: Client) -> None:
        job = plant()
        assert f"#{job.pk} waits: no worker is running." in page(viewer, job.pk)
        assert "Start one: <code>python manage.py jobworker</code>" in page(viewer, job.pk)
        pause("default", by="ana", reason="mail is down")
        assert "is paused by ana" in page(viewer, job.pk)

    def test_what_rests_can_be_resumed_from_here_by_those_who_may(self, viewer: Client, sign_in: SignIn) -> None:
        job, manager = plant(), sign_in("view_job", "view_queue", "view_dashboard", "pause_queue")
        assert "/resume/" not in page(manager, job.pk)
        pause_class(job.name)
        assert f'href="/admin/jobqueue/jobclass/{job.name}/resume/">Resume class' in page(manager, job.pk)
        pause("default")
        assert 'href="/admin/jobqueue/queue/default/resume/">Resume queue' in page(manager, job.pk)
        assert "/resume/" in manager.get(url(job.pk), {"part": "state"}).content.decode()
        assert "/resume/" not in page(viewer, job.pk)
        with override_settings(JOBQUEUE={"ADMIN_READ_ONLY": True}):
            assert "/resume/" not in page(manager, job.pk)

    def test_it_leads_to_no_class_of_which_nothing_is_known(self, sign_in: SignIn) -> None:
        job = plant()
        Job.objects.update(name="gone.jobs.never")
        assert "<code>gone.jobs.never</code>" in page(sign_in("view_job", "view_dashboard"), job.pk)

    def test_the_summary_leads_on_and_names_times_exactly(self, viewer: Client, sign_in: SignIn) -> None:
        here = pool()
        job = plant(State.RUNNING, pool_id=here.pk, created_at=datetime(2026, 3, 1, 12, 30, tzinfo=UTC))
        text = page(sign_in("view_job", "view_worker", "view_dashboard"), job.pk)
        assert f'href="/admin/jobqueue/jobclass/{job.name}/"' in text
        assert 'href="/admin/jobqueue/job/?q=queue%3Adefault"' in text
        assert f'href="/admin/jobqueue/worker/{here.pk}/"' in text
        assert ">March 1, 2026, 12:30 p.m.</time>" in text
        assert "<dt>Time limit</dt><dd>4 h</dd>" in page(viewer, job.pk)
        assert "/admin/jobqueue/worker/" not in page(viewer, job.pk)

    def test_arguments_and_result(self, reader: Client) -> None:
        job = enqueue(add.bind(20, right=22))
        work_off()
        shown = page(reader, job.pk)
        assert "&quot;left&quot;: 20,\n  &quot;right&quot;: 22" in shown
        assert re.search(r"<h2>Result</h2>\s*<pre tabindex=\"0\">42</pre>", shown)
        assert f"#{job.pk} succeeded" in shown

    def test_each_try_with_its_traceback(self, reader: Client) -> None:
        job = plant_failure()
        shown = page(reader, job.pk)
        assert shown.count('<tr class="jq-below">') == 2
        assert '<pre class="jq-own" tabindex="0">  File &quot;/srv/shop/jobs.py&quot;, line 7, in encode' in shown
        assert "<summary>2 frames of libraries</summary>" in shown
        assert "host:atlas pid:7" in shown

    def test_how_many_more_failed_like_this(self, viewer: Client) -> None:
        first, *_ = [plant_failure() for _ in range(4)]
        assert "3 more like this" in page(viewer, first.pk)
        Attempt.objects.exclude(job=first).delete()
        assert "more like this" not in page(viewer, first.pk)

    def test_a_timeline_of_its_tries(self, viewer: Client) -> None:
        shown = page(viewer, plant_failure().pk)
        drawing = shown[shown.index('<svg class="jq-lifeline"') :].partition("</svg>")[0]
        assert drawing.count("<rect") == 2
        assert drawing.count("<path") == 2
        assert "style=" not in shown.partition("jq-page")[2]

    def test_progress_and_log(self, reader: Client) -> None:
        shown = page(reader, plant_failure().pk)
        assert '<progress max="12.0" value="3.0">' in shown
        assert "25 %" in shown
        assert f"“frame {MARKER}”" in shown
        assert f"line one\nline {MARKER}" in shown

    def test_an_error_stands_above_the_log_and_each_once(self, reader: Client) -> None:
        shown = page(reader, plant_failure().pk)
        assert shown.count(f"line one\nline {MARKER}") == 1
        assert shown.index('class="jq-below"') < shown.index("line one")

    def test_only_the_last_lines_of_a_log_unless_all_are_asked_for(self, reader: Client) -> None:
        job = plant(State.RUNNING)
        Report.objects.create(job=job, stored_log="\n".join(f"line {number}." for number in range(300)))
        assert "line 99." not in page(reader, job.pk)
        assert "line 100." in page(reader, job.pk)

    def test_long_texts_are_cut_unless_all_is_asked_for(self, reader: Client) -> None:
        job = enqueue(import_rows.bind(["x" * 30_000, "the end"]))
        shown = page(reader, job.pk)
        assert "the end" not in shown
        assert "The first 20,000 of 30,0" in shown
        assert '<a href="?all=arguments">Show all</a>' in shown
        assert "the end" in page(reader, job.pk, all="arguments")

    def test_what_travels_with_it(self, reader: Client, viewer: Client) -> None:
        with override_settings(JOBQUEUE={"RELEASE": "9c1e2f0"}):
            job = enqueue(add.bind(1))
        assert "<dt>release</dt><dd>9c1e2f0</dd>" in page(reader, job.pk)

    def test_how_to_store_such_a_job_again(self, reader: Client) -> None:
        job = enqueue(add.bind(1, 2))
        command = """python manage.py jobs enqueue tests.app.jobs.add '{"left": 1, "right": 2}'"""
        assert escape(command) in page(reader, job.pk)

    def test_no_such_command_for_what_json_cannot_say(self, reader: Client) -> None:
        job = enqueue(send_receipt.bind(timezone.now()))
        assert "jobs enqueue" not in page(reader, job.pk)

    def test_the_live_part_goes_on_until_the_job_has_ended(self, viewer: Client) -> None:
        running, ended = plant(State.RUNNING), plant(State.SUCCEEDED)
        assert 'data-part="state"' in page(viewer, running.pk)
        assert 'data-part="state"' not in page(viewer, ended.pk)
        part = page(viewer, running.pk, part="state")
        assert "<html" not in part
        assert f"#{running.pk} is held" in part
        assert "<input" not in part

    def test_only_the_newest_tries_unless_all_are_asked_for(self, viewer: Client) -> None:
        job, now = plant(State.FAILED), timezone.now()
        for number in range(1, 26):
            Attempt.objects.create(job=job, number=number, outcome="failed", ended_at=now, stored_error="")
        rows = re.compile(r'<th scope="row" data-label="Try">(\d+)</th>')
        assert rows.findall(page(viewer, job.pk)) == [str(number) for number in range(25, 15, -1)]
        assert len(rows.findall(page(viewer, job.pk, all="tries"))) == 25


class TestRights:
    @pytest.mark.parametrize("rest", ["", "change/", "history/"])
    def test_who_may_not_look_is_refused(self, sign_in: SignIn, rest: str) -> None:
        assert sign_in("view_job_payload").get(url(plant().pk, rest)).status_code == HTTPStatus.FORBIDDEN

    @pytest.mark.parametrize("given", [{}, {"all": "arguments"}, {"all": "error"}, {"part": "state"}])
    def test_the_payload_is_for_those_who_may_see_it(self, sign_in: SignIn, given: dict[str, str]) -> None:
        job = plant_failure()
        shown = page(sign_in("view_job"), job.pk, **given)
        assert MARKER not in shown
        assert "left" not in shown
        if not given:
            assert "view_job_payload" in shown
        assert MARKER in page(sign_in("view_job", "view_job_payload"), job.pk, **given)

    def test_sensitive_values_are_hidden_from_everybody(self, sign_in: SignIn) -> None:
        job = enqueue(import_rows.bind({"password": MARKER}))
        job_error = f"ValueError: wrong password {MARKER}"
        Job.objects.filter(pk=job.pk).update(state=State.FAILED, finished_at=timezone.now(), last_error=job_error)
        Attempt.objects.create(
            job=job, number=1, outcome="failed", ended_at=timezone.now(), stored_error=f"{job_error}\n\n{MARKER}"
        )
        Report.objects.create(job=job, stored_log=f"password {MARKER}")
        shown = page(sign_in(is_superuser=True), job.pk)
        assert "wrong password ********" in shown
        assert shown.count(MARKER) == shown.count(f"wrong password {MARKER}.") <= 1

    def test_what_no_key_opens_is_told_to_be_encrypted(self, reader: Client) -> None:
        with encrypting(NEW):
            job = enqueue(import_rows.bind(MARKER))
            assert MARKER in page(reader, job.pk)
        shown = page(reader, job.pk)
        assert "Encrypted. encrypted with key" in shown or "Encrypted." in shown
        assert MARKER not in shown

    @pytest.mark.parametrize(
        ("state", "acts"),
        [
            (State.READY, {"postpone", "edit", "cancel", "delete"}),
            (State.SCHEDULED, {"run-now", "postpone", "edit", "cancel", "delete"}),
            (State.RUNNING, {"cancel"}),
            (State.SUCCEEDED, {"delete"}),
            (State.FAILED, {"retry", "edit", "delete"}),
            (State.CANCELLED, {"retry", "edit", "delete"}),
        ],
    )
    def test_acts_are_offered_to_those_who_may_and_where_the_state_fits(
        self, sign_in: SignIn, state: State, acts: set[str]
    ) -> None:
        job = plant(state)
        offered = re.compile(r'class="jq-button[^"]*" href="/admin/jobqueue/job/\d+/(?!history)([\w-]+)/"')
        everybody = page(sign_in("view_job"), job.pk)
        assert offered.findall(everybody) == []
        retrier = set(offered.findall(page(sign_in("view_job", "retry_job"), job.pk)))
        assert retrier == acts & {"retry", "run-now", "postpone"}
        assert set(offered.findall(page(sign_in(is_superuser=True), job.pk))) == acts


class TestGone:
    def test_a_page_says_so_in_words(self, viewer: Client) -> None:
        job = plant()
        response = viewer.get(url(job.pk + 1000))
        assert response.status_code == HTTPStatus.NOT_FOUND
        assert f"There is no job #{job.pk + 1000}: the largest id is {job.pk}." in response.content.decode()
        Job.objects.all().delete()
        response = viewer.get(url(job.pk), {"part": "state"})
        assert response.status_code == HTTPStatus.NOT_FOUND

    @pytest.mark.parametrize("pk", ["0", str(2**63), "9" * 300, "abc", "-1", "1.5", "%00"])
    def test_what_is_no_id_is_not_found(self, viewer: Client, pk: str) -> None:
        response = viewer.get(f"/admin/jobqueue/job/{pk}/change/")
        assert response.status_code == HTTPStatus.NOT_FOUND

    def test_a_short_address_leads_to_the_page(self, viewer: Client) -> None:
        pk = plant().pk
        assert viewer.get(url(pk, ""))["Location"] == url(pk)


class TestHistory:
    def test_it_shows_what_people_did(self, viewer: Client) -> None:
        job = plant()
        user = User.objects.get()
        LogEntry.objects.create(
            user=user,
            content_type=ContentType.objects.get_for_model(Job),
            object_id=str(job.pk),
            object_repr=str(job),
            action_flag=CHANGE,
            change_message="retried by hand",
        )
        response = viewer.get(url(job.pk, "history/"))
        assert response.status_code == HTTPStatus.OK
        assert "retried by hand" in response.content.decode()
        assert LogEntry.objects.get().get_admin_url() == f"jobqueue/job/{job.pk}/change/" or "change" in str(
            LogEntry.objects.get().get_admin_url()
        )

    def test_a_job_has_an_address(self) -> None:
        job = plant()
        assert job.get_absolute_url() == url(job.pk)

    @override_settings(ROOT_URLCONF="jobqueue.urls")
    def test_it_has_none_where_the_dashboard_is_not(self) -> None:
        assert plant().get_absolute_url() == ""


class TestSpoiltRows:
    """The page stands, and so does the list."""

    def stand(self, client: Client, pk: int) -> None:
        for address in (url(pk), url(pk, "history/"), "/admin/jobqueue/job/", f"/admin/jobqueue/job/?q=id:{pk}"):
            response = client.get(address)
            assert response.status_code == HTTPStatus.OK, address
            assert f"#{pk}" in response.content.decode() or "history" in address

    @pytest.mark.parametrize("name", CATALOGUE)
    def test_with_a_spoilt_payload(self, reader: Client, name: str) -> None:
        self.stand(reader, store_spoilt(CATALOGUE[name]))

    @here(HARMLESS)
    def test_with_strange_columns(self, reader: Client, viewer: Client, columns: dict[str, Any]) -> None:
        job = plant()
        write(job.pk, **columns)
        self.stand(reader, job.pk)
        self.stand(viewer, job.pk)

    @here(HELD)
    def test_held_by_nobody(self, reader: Client, columns: dict[str, Any]) -> None:
        job = plant()
        hold(job.pk, **columns)
        self.stand(reader, job.pk)

    @on_sqlite
    @pytest.mark.parametrize("name", ["handler", "name", "queue", "last_error", "locked_by", "result", "key"])
    def test_with_text_that_is_no_utf8(self, reader: Client, name: str) -> None:
        good, bad = plant(), plant()
        write(bad.pk, **{name: text("7b80ff7d")})
        self.stand(reader, bad.pk)
        self.stand(reader, good.pk)

    @on_sqlite
    @pytest.mark.parametrize("state", [99, -1, "ready"])
    @pytest.mark.parametrize("time", ["infinity", "2026-02-31 00:00:00"])
    def test_that_came_past_the_conditions(self, reader: Client, state: Any, time: str) -> None:
        bad = plant()
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA ignore_check_constraints = ON")
            try:
                write(bad.pk, state=state, run_at=time, finished_at=time, locked_at=time)
            finally:
                cursor.execute("PRAGMA ignore_check_constraints = OFF")
        self.stand(reader, bad.pk)

    def test_a_report_of_infinite_numbers(self, reader: Client) -> None:
        job = plant(State.RUNNING)
        Report.objects.create(job=job, done=1e308, total=1e-308)
        self.stand(reader, job.pk)


HOSTILE = [
    '"><svg onload=1>',
    "javascript:alert(1)",
    "\u202egnp.exe",
    "\x1b[31mred",
    "</script><script>alert(1)</script>",
]


@pytest.mark.parametrize("nasty", HOSTILE, ids=repr)
def test_hostile_text_is_only_text(reader: Client, nasty: str) -> None:
    job = plant_failure(ERROR.replace(MARKER, nasty).replace("encode", nasty))
    Job.objects.filter(pk=job.pk).update(queue=nasty, name=f"shop.{nasty}", locked_by=nasty, key=nasty)
    Attempt.objects.update(worker=nasty, exception=nasty)
    Report.objects.update(stored_text=nasty, stored_log=nasty)
    shown = page(reader, job.pk)
    for bad in ("<svg onload", "<script>alert", "\u202e", "\x1b", 'href="javascript'):
        assert bad not in shown
    assert page(reader, job.pk, part="state")


def test_it_asks_a_bounded_number_of_queries(reader: Client, django_assert_max_num_queries: Any) -> None:
    job = plant_failure()
    for number in range(30):
        Attempt.objects.create(
            job=job, number=number, outcome="failed", ended_at=timezone.now(), stored_error=ERROR
        )
    with django_assert_max_num_queries(24):  # 8 of them for the warnings
        page(reader, job.pk)


def test_counting_others_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(details, "MANY_ALIKE", 2)
    jobs = [plant_failure() for _ in range(4)]
    assert details.alike("default", "0123456789abcdef", jobs[0].pk) == 2


def test_a_wait_is_drawn_however_long_it_is(viewer: Client) -> None:
    now = timezone.now()
    job = plant(State.SCHEDULED, run_at=now + timedelta(days=3650), created_at=now - timedelta(days=3650))
    shown = page(viewer, job.pk)
    assert 'class="jq-stretch jq-ahead"' in shown
    assert int(re.findall(r'<svg class="jq-lifeline".*? width="(\d+)"', shown)[0]) < 600
