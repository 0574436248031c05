"""Health and metrics: what they tell, to whom, and what when there is trouble."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client, override_settings
from django.utils import timezone
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from jobqueue import cancel
from jobqueue.integrations.prometheus import COUNTERS, GAUGES, Collector
from jobqueue.models import ClassPause, Job, Pause
from jobqueue.stores import get_store
from tests.doctor.conftest import pool
from tests.stores.shelf import new, stored
from tests.unit.test_checks import database

pytestmark = pytest.mark.django_db

TOKEN = "a-token-of-this-test"
OPEN = {"PROBE_TOKEN": TOKEN}
BEARER = {"Authorization": f"Bearer {TOKEN}"}
HEALTH, READY, METRICS = "/jobqueue/health/", "/jobqueue/health/ready/", "/jobqueue/metrics/"
PAGES = pytest.mark.parametrize("page", [HEALTH, READY, METRICS])


@pytest.fixture(autouse=True)
def _pages(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.urls"


@pytest.fixture
def token(settings: Any) -> None:
    settings.JOBQUEUE = OPEN


@pytest.fixture
def nowhere(django_db_blocker: Any) -> Iterator[None]:
    """A database that does not answer."""
    entry = {"ENGINE": "django.db.backends.sqlite3", "NAME": "/nowhere/jobs.sqlite3"}
    with django_db_blocker.unblock(), database(**entry):
        yield


def get(page: str, **headers: str) -> Any:
    return Client().get(page, headers=headers or BEARER)


class TestWhoMayRead:
    @PAGES
    def test_without_a_token_in_the_settings_there_is_no_page(self, page: str) -> None:
        for headers in ({}, BEARER, {"Authorization": "Bearer "}):
            assert Client().get(page, headers=headers).status_code == 404

    @PAGES
    def test_but_where_people_develop(self, page: str, settings: Any) -> None:
        settings.DEBUG = True
        assert Client().get(page).status_code in {200, 503}

    @PAGES
    @pytest.mark.parametrize(
        "header", ["", "Bearer", "Bearer ", "Bearer wrong", "Basic a-token-of-this-test", "Bearer grün"]
    )
    def test_with_one_it_must_be_shown(self, page: str, token: None, header: str, settings: Any) -> None:
        for settings.DEBUG in (False, True):
            response = Client().get(page, headers={"Authorization": header.encode().decode("latin-1")})
            assert (response.status_code, response["WWW-Authenticate"]) == (401, 'Bearer realm="jobqueue"')

    @PAGES
    def test_then_it_is_read_and_not_kept(self, page: str, token: None) -> None:
        response = get(page)
        assert response.status_code in {200, 503}
        assert "no-store" in response["Cache-Control"]
        assert get(page, Authorization=BEARER["Authorization"].replace("Bearer", "bearer")).status_code != 401

    @PAGES
    @pytest.mark.parametrize(
        ("staff", "right", "may"), [(True, True, True), (True, False, False), (False, True, False)]
    )
    def test_staff_who_may_look_at_jobs_need_none(self, page: str, staff: bool, right: bool, may: bool) -> None:
        user = User.objects.create_user("ann", is_staff=staff)
        if right:
            user.user_permissions.add(Permission.objects.get(codename="view_job"))
        client = Client()
        client.force_login(user)
        assert (client.get(page).status_code != 404) is may

    @PAGES
    def test_it_is_for_looking_only(self, page: str, token: None) -> None:
        assert Client().post(page, headers=BEARER).status_code == 405
        assert Client().head(page, headers=BEARER).status_code in {200, 503}

    @PAGES
    @override_settings(
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.auth.middleware.LoginRequiredMiddleware",
        ]
    )
    def test_a_site_that_asks_all_to_log_in_lets_monitors_through(self, page: str, token: None) -> None:
        assert get(page).status_code in {200, 503}


@pytest.mark.usefixtures("token")
class TestHealth:
    def test_no_worker(self, caplog: Any) -> None:
        response = get(HEALTH)
        assert caplog.records == []
        assert (response.status_code, response.json()) == (
            503,
            {
                "ok": False,
                "checks": {
                    "workers": {
                        "ok": False,
                        "message": "none alive that takes jobs. Start one: python manage.py jobworker",
                    }
                },
            },
        )

    def test_a_worker(self) -> None:
        pool()
        response = get(HEALTH)
        assert (response.status_code, response.json()["ok"]) == (200, True)
        assert response.json()["checks"]["workers"]["message"].startswith("1 alive, the latest heartbeat ")

    @pytest.mark.parametrize("fields", [{"beat": 31}, {"alive": False}, {"quiet": True}])
    def test_one_that_is_silent_or_dead_or_rests_is_none(self, fields: Any) -> None:
        pool(**fields)
        assert get(HEALTH).status_code == 503

    @pytest.mark.parametrize("page", [HEALTH, READY])
    def test_a_database_that_does_not_answer(self, nowhere: None, settings: Any, page: str) -> None:
        settings.JOBQUEUE = {**OPEN, "DATABASE": "jobs"}
        response = get(page)
        [check] = response.json()["checks"].values()
        assert (response.status_code, check) == (
            503,
            {"ok": False, "message": 'database "jobs": unable to open database file'},
        )


@pytest.mark.usefixtures("token")
class TestReady:
    def test_all_is_well(self) -> None:
        pool()
        response = get(READY)
        assert response.status_code == 200, response.json()
        assert list(response.json()["checks"]) == ["database", "migrations", "workers", "waiting"]
        assert response.json()["checks"]["waiting"]["message"] == "no job waits"

    def test_no_worker(self) -> None:
        response = get(READY)
        assert response.status_code == 503
        assert list(response.json()["checks"]) == ["database", "migrations", "workers"]

    def test_jobs_that_wait_for_too_long(self, settings: Any) -> None:
        pool()
        stored(get_store(), queue="mail", run_at=timezone.now() - timedelta(seconds=400))
        stored(get_store(), run_at=timezone.now() - timedelta(seconds=40))
        response = get(READY)
        assert response.status_code == 503
        assert response.json()["checks"]["waiting"]["message"] == 'the oldest job in "mail" waits for 7 min'
        Pause.objects.create(queue="mail")
        assert get(READY).json()["checks"]["waiting"] == {
            "ok": True,
            "message": 'the oldest job in "default" waits for 40 s',
        }
        settings.JOBQUEUE = {**OPEN, "ALERT_AFTER": 30}
        assert get(READY).status_code == 503

    def test_tables_that_are_missing(self, django_db_blocker: Any, settings: Any, tmp_path: Path) -> None:
        entry = {"ENGINE": "django.db.backends.sqlite3", "NAME": tmp_path / "jobs.sqlite3"}
        with django_db_blocker.unblock(), database(**entry):
            settings.JOBQUEUE = {**OPEN, "DATABASE": "jobs"}
            told = get(READY).json()["checks"]["migrations"]["message"]
        assert told == (
            'The table jobqueue_job is missing in database "jobs". '
            "Run: python manage.py migrate jobqueue --database jobs"
        )


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Each sample by its name and the values of its labels."""
    return {
        (each.name, *each.labels.values()): each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
    }


@pytest.mark.usefixtures("token")
class TestMetrics:
    def test_all_figures(self) -> None:
        workers = [
            {"pid": 7, "buffered": 2, "succeeded": 40, "failed": 3, "jobs": [{"id": 1, "seconds": 2.0}]},
            {"pid": 8, "buffered": 0, "succeeded": 1, "failed": 0, "jobs": []},
        ]
        here = pool(processes=2, threads=4, release="9c1e", queues=["mail", "pdf"], workers=workers, beat=3)
        pool(pid=4121, release="4f2a")
        pool(pid=4122, alive=False)
        for _ in range(3):
            stored(get_store(), queue="mail", run_at=timezone.now() - timedelta(seconds=90))
        stored(get_store(), queue="late", run_at=timezone.now() + timedelta(hours=1))
        held, failed, called_off = (stored(get_store(), queue=name) for name in ("mail", "mail", "late"))
        Job.objects.filter(pk=held.pk).update(state=2, claim_id="0" * 32, pool=here)
        Job.objects.filter(pk=failed.pk).update(state=4, finished_at=timezone.now())
        old = stored(get_store(), queue="mail")
        Job.objects.filter(pk=old.pk).update(state=4, finished_at=timezone.now() - timedelta(days=2))
        cancel(called_off.pk)
        Pause.objects.create(queue="pdf")
        ClassPause.objects.create(name="shop.Order.pay")

        found = samples(get(METRICS).content.decode())
        name = "host:atlas pid:4120"
        expected = {
            ("jobqueue_database_up",): 1,
            ("jobqueue_jobs", "mail", "ready"): 3,
            ("jobqueue_jobs", "mail", "scheduled"): 0,
            ("jobqueue_jobs", "mail", "running"): 1,
            ("jobqueue_jobs", "mail", "failed"): 1,
            ("jobqueue_jobs", "late", "scheduled"): 1,
            ("jobqueue_jobs", "pdf", "ready"): 0,
            ("jobqueue_oldest_waiting_seconds", "pdf"): 0,
            ("jobqueue_queue_paused", "pdf"): 1,
            ("jobqueue_queue_paused", "mail"): 0,
            ("jobqueue_class_paused", "shop.Order.pay"): 1,
            ("jobqueue_pools", "9c1e"): 1,
            ("jobqueue_pools", "4f2a"): 1,
            ("jobqueue_processes", name): 2,
            ("jobqueue_slots", name): 8,
            ("jobqueue_slots_busy", name): 1,
            ("jobqueue_worker_jobs_total", "succeeded", name, "7"): 40,
            ("jobqueue_worker_jobs_total", "failed", name, "7"): 3,
            ("jobqueue_worker_jobs_total", "succeeded", name, "8"): 1,
        }
        assert {key: found.get(key) for key in expected} == expected
        assert 90 <= found["jobqueue_oldest_waiting_seconds", "mail"] < 120
        assert 3 <= found["jobqueue_heartbeat_age_seconds", name] < 30
        assert abs(found["jobqueue_database_time_seconds",] - timezone.now().timestamp()) < 60
        assert not any("4122" in label for key in found for label in key)

    def test_hostile_names_pass_the_parser_of_prometheus(self) -> None:
        for pid in (1, 1):
            pool(pid=pid, host='a"b\\c\nd', name="{x}", release='"\n', queues=['q"\n'])
        Pause.objects.create(queue='p\\"\n')
        ClassPause.objects.create(name='p\\"\n')
        for accept in ("text/plain", "application/openmetrics-text; version=1.0.0"):
            response = get(METRICS, Accept=accept, **BEARER)
            assert response.status_code == 200
            parse = openmetrics if "openmetrics" in response["Content-Type"] else text_string_to_metric_families
            families = {each.name for each in parse(response.content.decode())}
            assert families == {*GAUGES, *COUNTERS}

    def test_numbers_are_counted_up_to_a_limit(self, monkeypatch: Any) -> None:
        monkeypatch.setattr("jobqueue.gauges.MOST_READY", 5)
        get_store().insert_many([new() for _ in range(7)])
        assert samples(get(METRICS).content.decode())["jobqueue_jobs", "default", "ready"] == 5

    def test_a_database_that_does_not_answer(self, nowhere: None, settings: Any) -> None:
        settings.JOBQUEUE = {**OPEN, "DATABASE": "jobs"}
        response = get(METRICS)
        assert (response.status_code, samples(response.content.decode())) == (200, {("jobqueue_database_up",): 0})

    def test_without_the_client_it_says_what_to_type(self, monkeypatch: Any) -> None:
        monkeypatch.delitem(sys.modules, "jobqueue.integrations.prometheus")
        monkeypatch.setitem(sys.modules, "prometheus_client", None)
        response = get(METRICS)
        assert (response.status_code, response.content.decode()) == (
            501,
            'Metrics need prometheus-client: pip install "jobqueue[prometheus]"\n',
        )

    def test_a_project_adds_them_to_its_own(self) -> None:
        own = CollectorRegistry(auto_describe=True)
        collector = Collector()
        own.register(collector)
        assert b"jobqueue_database_up 1.0" in generate_latest(own)
        REGISTRY.register(collector)
        REGISTRY.unregister(collector)


def test_registering_asks_no_database(django_db_blocker: Any) -> None:
    with django_db_blocker.block():
        CollectorRegistry(auto_describe=True).register(Collector())


def test_they_may_be_registered_twice_nowhere() -> None:
    own = CollectorRegistry(auto_describe=True)
    own.register(Collector())
    with pytest.raises(ValueError, match="Duplicated"):
        own.register(Collector())
