"""The overview: all at a glance."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from jobqueue import enqueue
from jobqueue.models import Job, Pause, Pool, Report, Rollup
from jobqueue.models.rollup import minute_of
from jobqueue.states import State
from tests.admin.conftest import SignIn
from tests.admin.planting import attempt
from tests.app.jobs import add

URL = "/admin/jobqueue/dashboard/"
PARTS = ("banners", "tiles", "throughput", "latency", "running", "queues", "upcoming")
#: Of who asks: the session and the user, her rights, her groups' rights.
OF_THE_USER = 4
#: Of the jobs: the time, pools, pauses of queues and of classes, lanes, what is ready, what is for later, the
#: figures of a day, those of the charts, what runs, what is next.
OF_THE_JOBS = 11


@pytest.fixture
def client(sign_in: SignIn) -> Client:
    return sign_in("view_dashboard", "view_job_payload")


@pytest.fixture
def busy(db: None) -> None:
    """Plant a site where much goes on."""
    now = timezone.now()
    enqueue(add.bind(1, 2), queue="mail")
    enqueue(add.bind(1, 2), run_at=now + timedelta(hours=3))
    enqueue(add.bind(1, 2), run_at=now + timedelta(hours=1))
    Job.objects.scheduled().filter(run_at__lt=now + timedelta(hours=2)).update(attempts=1)
    plant_running()
    for ago in range(3):
        buckets: dict[str, Any] = {"run_10": 4, "run_15": 1, "wait_05": 5}
        Rollup.objects.create(
            minute=minute_of(now) - ago * 60, queue="mail", name="add", succeeded=4, failed=1, **buckets
        )


def plant_running() -> Job:
    pool = Pool.objects.create(host="atlas", pid=4120, threads=8, queues=["default"])
    enqueue(add.bind(3, 4), queue="default")
    job = Job.objects.ready().get(queue="default")
    now = timezone.now()
    Job.objects.filter(pk=job.pk).update(
        state=State.RUNNING, pool=pool, claim_id="12345678123456781234567812345678", locked_at=now
    )
    pool.workers = [{"pid": 4121, "jobs": [{"id": job.pk, "seconds": 41.0}]}]
    pool.save()
    Report.objects.create(job=job, done=312, total=500, stored_text="frame 312/500 of secret.mp4")
    return job


def text(client: Client, part: str = "", **query: str) -> str:
    response = client.get(URL, {**({"part": part} if part else {}), **query})
    assert response.status_code == HTTPStatus.OK
    return " ".join(response.content.decode().split())


def test_it_stands_first_in_the_navigation(client: Client, busy: None) -> None:
    assert f'<li><a href="{URL}" data-key="d" aria-current="page">Dashboard</a></li>' in text(client)


def test_tiles_say_how_much_goes_on(client: Client, busy: None) -> None:
    tiles = text(client, "tiles")
    for label, value in (
        ("Waiting", "1"), ("Running", "1"), ("Scheduled", "1"), ("Retrying", "1"),
        ("Failed, 24 h", "3"), ("Workers", "1")
    ):  # fmt: skip
        assert f'{label}</span> <strong class="jq-tile-value">{value}</strong>' in tiles, label
    assert "of 8 slots" in tiles
    assert "20.0 %" in tiles


def test_an_empty_site_speaks(client: Client) -> None:
    page = text(client)
    assert "too slow" not in page
    for words in ("Nothing was counted", "No job is running", "Nothing is scheduled", "No worker is running"):
        assert words in page
    assert "too slow" not in page


def test_what_runs_tells_how_far_it_is(client: Client, busy: None) -> None:
    running = text(client, "running")
    assert '<progress max="100" value="62"' in running
    assert "41 s" in running
    assert "atlas:4121" in running
    assert "frame 312/500 of secret.mp4" in running


def test_what_a_job_says_takes_a_right_of_its_own(sign_in: SignIn, busy: None) -> None:
    running = text(sign_in("view_dashboard"), "running")
    assert "62 %" in running
    assert "secret.mp4" not in running


def test_a_job_that_has_ended_since_the_heartbeat_is_left_out(client: Client, db: None) -> None:
    plant_running().delete()
    assert "No job is running" in text(client, "running")


@pytest.mark.parametrize("told", [7, ["x"], [{"jobs": 7}], [{"jobs": [{"id": "x", "seconds": "y"}]}]], ids=repr)
def test_a_heartbeat_that_somebody_has_spoilt_is_left_out(client: Client, told: Any) -> None:
    Pool.objects.create(host="atlas", pid=4120, workers=told)
    assert "No job is running." in client.get(URL).content.decode()


def test_the_next_jobs_come_in_their_order(client: Client, busy: None) -> None:
    upcoming = text(client, "upcoming")
    assert upcoming.index("in 60 min") < upcoming.index("in 3 h")
    assert "tried again" in upcoming


def test_failures_come_by_kind_to_those_who_may_see_jobs(sign_in: SignIn) -> None:
    attempt()
    client = sign_in("view_dashboard", "view_job")
    assert "ValueError" in text(client, "failures")
    assert "Failures by kind" in text(client)
    stranger = sign_in("view_dashboard")
    assert "Failures by kind" not in text(stranger)
    assert stranger.get(URL, {"part": "failures"}).status_code == HTTPStatus.NOT_FOUND


def test_queues_say_how_they_are(client: Client, busy: None) -> None:
    enqueue(add.bind(1, 2), queue="reports")
    Pause.objects.create(queue="reports", paused_by="ana <b>")
    queues = text(client, "queues")
    assert "no worker" in queues  # mail
    assert "paused by ana &lt;b&gt;" in queues
    assert "ok</span>" in queues  # default


def test_charts_say_the_same_in_tables(client: Client, busy: None) -> None:
    throughput = text(client, "throughput")
    assert throughput.count("<rect") == 6
    assert '<td class="jq-number">4</td>' in throughput
    latency = text(client, "latency")
    assert latency.count("<polyline") >= 6
    assert "oldest waiting job" in latency


@pytest.mark.parametrize("asked", ["1h", "24h", "7d", "90d"])
def test_ranges_are_offered(client: Client, busy: None, asked: str) -> None:
    assert f'<a href="?range={asked}" aria-current="true">' in text(client, range=asked)


@pytest.mark.parametrize("asked", ["", "999d", "-1", "1h' OR 1=1", "\N{BULLET}", "x" * 10_000])
def test_any_other_range_is_the_usual_one(client: Client, asked: str) -> None:
    assert '<a href="?range=24h" aria-current="true">' in text(client, range=asked)


@pytest.mark.parametrize("part", PARTS)
def test_parts_hold_no_inputs_and_no_styles(client: Client, busy: None, part: str) -> None:
    found = text(client, part)
    for forbidden in ("<input", "<select", "<textarea", "<form", "style=", "<script", "onclick"):
        assert forbidden not in found


def test_a_part_is_sent_once(client: Client, busy: None) -> None:
    first = client.get(URL, {"part": "throughput"})
    again = client.get(URL, {"part": "throughput"}, headers={"If-None-Match": first["ETag"]})
    assert again.status_code == HTTPStatus.NOT_MODIFIED


class TestSeries:
    def test_it_has_the_numbers_of_the_chart(self, client: Client, busy: None) -> None:
        found = client.get(f"{URL}series/throughput.json", {"range": "24h"}).json()
        assert len(found["times"]) == 96
        assert found["seconds"] == 900
        values = {each["key"]: each["values"] for each in found["series"]}
        assert sum(values["succeeded"]) == 12
        assert sum(values["failed"]) == 3
        assert found["times"][-1] <= timezone.now().timestamp() < found["times"][-1] + 900

    def test_latency_has_percentiles_and_the_oldest_job(self, client: Client, busy: None) -> None:
        found = client.get(f"{URL}series/latency.json", {"range": "1h"}).json()
        values = {each["key"]: each["values"] for each in found["series"]}
        assert set(values) == {
            *(f"{kind}_p{percent}" for kind in ("run", "wait") for percent in (50, 95, 99)),
            "oldest",
        }
        assert values["run_p50"][-1] == pytest.approx(0.83, abs=0.1)
        assert values["run_p50"][-2] is None
        assert values["oldest"][-1] >= 0

    def test_it_is_sent_once(self, client: Client, busy: None) -> None:
        first = client.get(f"{URL}series/throughput.json")
        again = client.get(f"{URL}series/throughput.json", headers={"If-None-Match": first["ETag"]})
        assert again.status_code == HTTPStatus.NOT_MODIFIED

    def test_there_is_no_other(self, client: Client) -> None:
        assert client.get(f"{URL}series/secrets.json").status_code == HTTPStatus.NOT_FOUND

    def test_it_takes_the_right_of_the_page(self, sign_in: SignIn) -> None:
        assert sign_in("view_job").get(f"{URL}series/latency.json").status_code == HTTPStatus.FORBIDDEN


def test_it_costs_a_fixed_number_of_queries(
    client: Client, busy: None, django_assert_max_num_queries: Any
) -> None:
    for number in range(20):
        enqueue(add.bind(1, 2), queue=f"queue-{number}", priority=number)
    with django_assert_max_num_queries(OF_THE_USER + OF_THE_JOBS + 2 * len(PARTS)) as asked:
        client.get(URL)
    questions = [each["sql"] for each in asked.captured_queries if "SAVEPOINT" not in each["sql"]]
    assert len([each for each in questions if "jobqueue_" in each or "clock_timestamp" in each]) <= OF_THE_JOBS


def test_tiles_lead_where_the_user_may_go(sign_in: SignIn, busy: None) -> None:
    assert 'href="/admin/jobqueue/queue/"' in text(sign_in("view_dashboard", "view_queue"), "tiles")
    assert "<a " not in text(sign_in("view_dashboard"), "tiles")


def test_without_scripts_the_browser_can_be_asked_to_load_it_again(client: Client) -> None:
    assert "Refresh" not in client.get(URL)
    for asked, seconds in (("15", "15"), ("1", "5"), ("999999999999", "3600")):
        assert client.get(URL, {"refresh": asked})["Refresh"] == seconds
    for asked in ("", "soon", "-5", "\N{SUPERSCRIPT TWO}", "5; url=https://example.com"):
        assert "Refresh" not in client.get(URL, {"refresh": asked})


def test_readers_choose_no_shorter_interval_than_the_settings_allow(client: Client, settings: Any) -> None:
    settings.JOBQUEUE = {"ADMIN_POLL_SECONDS": 10}
    page = text(client)
    assert '<option value="10" selected>10 s</option>' in page
    assert '<option value="15">15 s</option>' in page
    assert 'value="5"' not in page


def test_who_may_not_look_is_refused(sign_in: SignIn) -> None:
    assert sign_in("view_job").get(URL).status_code == HTTPStatus.FORBIDDEN
