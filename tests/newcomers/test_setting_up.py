"""Mistakes between ``pip install`` and the first job: what commands and system checks say."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.sites import all_sites
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.checks import run_checks
from django.db import connections
from django.db.utils import load_backend
from django.test import override_settings

from jobqueue import models as tables
from jobqueue.admin import register
from jobqueue.conf import get_settings
from jobqueue.doctor import Site, queues, rights, workers
from jobqueue.models import Job
from jobqueue.pool import preflight
from jobqueue.stores import get_store
from tests.newcomers.conftest import Newcomer
from tests.stores.shelf import new

NOT_INSTALLED = 'Add "jobqueue" to INSTALLED_APPS in settings.py, then run: python manage.py migrate'
NO_TABLE = 'The table jobqueue_job is missing in database "default". Run: python manage.py migrate jobqueue'
ROUTER = """\
class Main:
    def db_for_write(self, model, **hints):
        return "replica" if model._meta.app_label == "jobqueue" else None

    def allow_migrate(self, db, app_label, **hints):
        return False if app_label == "jobqueue" else None
"""
ROUTED = """\
DATABASES["replica"] = {**DATABASES["default"], "NAME": BASE_DIR / "replica.sqlite3"}
DATABASE_ROUTERS = ["shop.routers.Main"]
"""
TASKS = """\
from {framework} import task


@task
def send_receipt(order_id): ...
"""


@pytest.mark.parametrize(
    "code",
    [
        "send_receipt.enqueue(1)",
        "from jobqueue.models import Job",
        "send_receipt.jobs",
        "from jobqueue.testing import work_off; work_off()",
        "retry(1)",
    ],
)
def test_01_the_app_is_not_installed(empty: Newcomer, code: str) -> None:
    empty.set('INSTALLED_APPS += ["shop"]\n')
    assert empty.raised(code) == NOT_INSTALLED


def test_02_the_tables_were_not_made(installed: Newcomer) -> None:
    assert installed.raised("send_receipt.enqueue(1)") == NO_TABLE
    for words in (["jobworker"], ["jobworker", "work_off"]):
        assert f"CommandError: {NO_TABLE}\n" in installed.manage(*words, status=1)
    for words in (["jobs", "status"], ["jobs", "list"]):
        assert installed.manage(*words, status=1) == f"CommandError: {NO_TABLE}\n"
    doctor = installed.manage("jobs", "doctor", status=3)
    assert "✗ migrations  " + NO_TABLE.replace(" Run: ", "\n              Run: ") in doctor


@pytest.mark.django_db
def test_04_nobody_works_a_queue() -> None:
    store = get_store()
    store.insert_many([new(queue="mail") for _ in range(1204)])
    Job.objects.update(run_at=store.now() - timedelta(minutes=14))
    tables.Pool.objects.create(host="atlas", pid=1, queues=["default"], beat_at=store.now())
    site = Site(get_settings())
    [finding] = queues.queues(site)
    assert finding.message == '1,204 jobs wait in "mail", the oldest for 14 min; living workers take: default'
    assert finding.remedy == "Start one: python manage.py jobworker --queue mail"


def test_05_a_setting_is_misspelt(installed: Newcomer) -> None:
    installed.set('JOBQUEUE = {"MAX_ATTEMPT": 3}\n')
    for words in (["check"], ["migrate"]):
        said = installed.manage(*words, status=1)
        assert '?: (jobqueue.E001) JOBQUEUE["MAX_ATTEMPT"] is not a setting.\n' in said
        assert "\tHINT: Did you mean MAX_ATTEMPTS?\n" in said
        assert "Traceback" not in said
    told = 'JOBQUEUE["MAX_ATTEMPT"] is not a setting. Did you mean MAX_ATTEMPTS?'
    assert installed.manage("jobworker", status=1) == f"CommandError: {told}\n"
    assert installed.raised("send_receipt.enqueue(1)") == told


@pytest.mark.django_db
def test_14_a_worker_is_older_than_the_code() -> None:
    tables.Pool.objects.create(host="atlas", pid=1, release="4f2a", beat_at=get_store().now())
    *_, finding = workers.workers(Site(get_settings(), release="9c1e"))
    assert re.fullmatch(r"host:atlas pid:1 runs release 4f2a since [\d:]+; the site runs 9c1e", finding.message)
    assert finding.remedy.endswith("python manage.py jobworker restart")


def test_18_sqlite_as_startproject_sets_it_up(installed: Newcomer) -> None:
    said = installed.run("python", "-W", "ignore", "manage.py", "check", "--fail-level", "WARNING", status=1)
    assert '?: (jobqueue.W010) SQLite "default" will be locked often: no IMMEDIATE, no WAL.\n' in said
    assert 'In DATABASES["default"]["OPTIONS"] set "transaction_mode": "IMMEDIATE", "timeout": 20, ' in said
    assert "For more than about 4 workers use PostgreSQL.\n" in said


def test_19_a_router_sends_jobs_elsewhere(installed: Newcomer) -> None:
    installed.write("shop/routers.py", ROUTER)
    installed.set(ROUTED)
    said = installed.manage("check", status=1)
    assert (
        'Router shop.routers.Main writes jobqueue.Job to "replica" but JOBQUEUE["DATABASE"] is "default".' in said
    )
    assert (
        'Router shop.routers.Main refuses to migrate jobqueue on "default", so its tables would never exist.'
        in said
    )
    assert "jobqueue.E020" in said
    assert "jobqueue.E021" in said


@pytest.fixture
def jobs_on_postgresql() -> Iterator[None]:
    """The settings of somebody whose jobs are to be on PostgreSQL."""
    configured = connections.configure_settings(
        {"default": {}, "jobs": {"ENGINE": "django.db.backends.postgresql", "NAME": "jobs"}}
    )
    connections.settings["jobs"] = configured["jobs"]
    with override_settings(JOBQUEUE={"DATABASE": "jobs"}):
        yield
    del connections.settings["jobs"]
    if hasattr(connections._connections, "jobs"):  # type: ignore[attr-defined]
        del connections["jobs"]


@pytest.mark.usefixtures("jobs_on_postgresql")
def test_20_psycopg_3_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    load_backend("django.db.backends.postgresql")

    def told() -> list[tuple[str, str | None]]:
        return [
            (each.msg, each.hint)
            for each in run_checks(tags=["jobqueue"], databases=[])
            if each.id == "jobqueue.E003"
        ]

    monkeypatch.setitem(sys.modules, "psycopg", None)  # as if it were not installed
    install = 'pip install "psycopg[binary]"'
    assert told() == [('Database "jobs" is used through psycopg2; jobqueue needs psycopg 3.', install)]
    for name in [each for each in sys.modules if each.startswith("django.db.backends.postgresql")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    del connections["jobs"]
    assert told() == [("Error loading psycopg2 or psycopg module", install)]


@pytest.mark.parametrize(
    ("backend", "fate"),
    [
        (None, "runs tasks inside the request"),
        ("immediate.ImmediateBackend", "runs tasks inside the request"),
        ("dummy.DummyBackend", "runs no task at all"),
    ],
)
def test_27_tasks_are_left_on_a_backend_without_workers(
    installed: Newcomer, backend: str | None, fate: str
) -> None:
    framework = _framework()
    if backend:
        installed.set(f'TASKS = {{"default": {{"BACKEND": "{framework}.backends.{backend}"}}}}\n')
    silent = installed.manage("check", "--tag", "jobqueue")
    installed.write("shop/tasks.py", TASKS.format(framework=framework))
    said = installed.manage("check", "--tag", "jobqueue", "--fail-level", "WARNING", status=1)
    assert "W012" not in silent
    assert f'?: (jobqueue.W012) TASKS["default"] {fate}.\n' in said
    assert '\tHINT: To use workers: "BACKEND": "jobqueue.backends.DatabaseBackend".\n' in said


def _framework() -> str:
    try:
        import django.tasks  # noqa: F401
    except ImportError:
        return "django_tasks"
    return "django.tasks"


@pytest.mark.django_db
def test_29_staff_have_no_right_to_see_jobs() -> None:
    users: Any = get_user_model().objects
    ana = users.create_user("ana", is_staff=True)
    users.create_superuser("root")
    users.create_user("customer")
    [finding] = rights.rights(Site(get_settings()))
    assert finding.message == "user ana is staff but has no jobqueue right"
    assert 'to group "Job viewers"' in finding.remedy
    ana.user_permissions.add(Permission.objects.get(codename="view_job"))
    assert [each.message for each in rights.rights(Site(get_settings()))] == [
        "the staff may see jobs in the admin"
    ]


@pytest.fixture
def admin_without_jobs() -> Iterator[None]:
    sites = list(all_sites)  # other tests may have made some
    for site in sites:
        site.unregister([model for model in site._registry if model._meta.app_label == "jobqueue"])
    yield
    for site in sites:
        register(site)


@pytest.mark.usefixtures("admin_without_jobs")
def test_29_nothing_is_said_where_the_admin_shows_no_jobs() -> None:
    assert list(rights.rights(Site(get_settings()))) == []


def test_30_debug_is_on(installed: Newcomer) -> None:
    said = installed.manage("check", "--deploy", "--tag", "jobqueue", "--fail-level", "WARNING", status=1)
    assert "(jobqueue.W013) DEBUG is on: workers record every SQL query and become slow and large.\n" in said
    assert "\tHINT: Set DEBUG = False where workers run.\n" in said


@pytest.mark.django_db(transaction=True)
class TestRow30:
    """Two workers of one name."""

    @pytest.fixture
    def start(self, refusal: Callable[..., str]) -> Callable[[], str]:
        return lambda: refusal(lambda: preflight.check("default", forks=True, waits=True, name="mailer"))

    def peer(self, **fields: Any) -> tables.Pool:
        about = {"name": "mailer", "host": socket.gethostname(), "pid": os.getppid(), "beat_at": get_store().now()}
        return tables.Pool.objects.create(**{**about, **fields})

    def test_30_a_name_is_taken(self, start: Callable[[], str]) -> None:
        peer = self.peer()
        said = start()
        taken = f'Worker name "mailer" is taken by {str(peer).removeprefix("mailer ")} (alive '
        assert said.startswith(taken)
        assert said.endswith(" s ago). Give this one another --app-name, or stop that one.")

    @pytest.mark.parametrize(
        "fields",
        [
            {"name": "other"},
            {"host": "another"},
            {"alive": False},
            {"pid": os.getpid()},
            {"pid": 2**22 - 1},
        ],
        ids=["another name", "a copy on another host", "declared dead", "this process before", "killed"],
    )
    def test_30_a_name_is_free(self, fields: dict[str, Any]) -> None:
        self.peer(**fields)
        preflight.check("default", forks=True, waits=True, name="mailer")


def test_30_the_command_leaves_with_exit_status_1(project: Newcomer) -> None:
    project.said(
        "import os, socket\nfrom jobqueue.models import Pool\n"
        f"Pool.objects.create(name='mailer', host=socket.gethostname(), pid={os.getpid()})"
    )
    said = project.manage("jobworker", "--app-name", "mailer", status=1)
    peer = f"host:{socket.gethostname()} pid:{os.getpid()}"
    assert f'CommandError: Worker name "mailer" is taken by {peer} (alive ' in said
    assert "Traceback" not in said
