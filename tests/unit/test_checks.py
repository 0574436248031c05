"""``manage.py check``: each mistake in the settings has an id, a message and a remedy."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage, run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection, connections
from django.db.utils import ConnectionHandler
from django.test import override_settings

from jobqueue import checks, stores

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "checks.md"
KEY = "k7v!q2m@z9x#p4w$r8t%y1u^i5o&e3a*s6d(f0g)h-j_l=b+"
GOOD_SQLITE = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
}


def found(*ids: str, databases: Sequence[str] = (), **options: Any) -> list[CheckMessage]:
    """The messages of all our checks, or those of a few ids."""
    messages = run_checks(tags=["jobqueue"], databases=databases, **options)
    return [each for each in messages if not ids or each.id in ids]


def ids(**options: Any) -> list[Any]:
    return [each.id for each in found(**options)]


@contextmanager
def database(**entry: Any) -> Any:
    """DATABASES with one more alias, "jobs"; nothing connects to it."""
    connections.settings["jobs"] = ConnectionHandler({"default": {}, "jobs": {"NAME": "jobs", **entry}}).settings[
        "jobs"
    ]
    try:
        with override_settings(JOBQUEUE={"DATABASE": "jobs"}):
            yield
    finally:
        del connections.settings["jobs"]
        stores._made.pop("jobs", None)
        if hasattr(connections._connections, "jobs"):  # type: ignore[attr-defined]
            del connections["jobs"]


@pytest.mark.django_db
def test_the_settings_of_this_suite_have_no_mistake() -> None:
    assert found(databases=["default"]) == []


@pytest.mark.django_db(databases=["default", "other"])
@override_settings(JOBQUEUE=None)
def test_the_checks_run_with_manage_py_check() -> None:
    with pytest.raises(SystemCheckError, match="JOBQUEUE must be a dict"):
        call_command("check")


class TestE001:
    @override_settings(JOBQUEUE={"MAX_ATTEMPT": 3, "LEASE_SECONDS": "30", "POLL_SECONDS": 0})
    def test_every_mistake_is_a_message_of_its_own(self) -> None:
        messages = found("jobqueue.E001")
        assert [(each.msg, each.hint) for each in messages] == [
            ('JOBQUEUE["MAX_ATTEMPT"] is not a setting.', "Did you mean MAX_ATTEMPTS?"),
            ('JOBQUEUE["LEASE_SECONDS"] must be seconds (or timedelta) from 0.3 to 86400.', "It is '30'."),
            ('JOBQUEUE["POLL_SECONDS"] must be seconds (or timedelta) from 0.05 to 3600.', "It is 0."),
        ]

    @override_settings(JOBQUEUE=[("MAX_ATTEMPTS", 3)])
    def test_it_must_be_a_dict(self) -> None:
        [message] = found("jobqueue.E001")
        assert (message.msg, message.hint) == ("JOBQUEUE must be a dict.", "It is list.")

    @override_settings(JOBQUEUE={"ENCRYPTION_KEYS": ["s3cret"], "SIGNING_KEYS": ["s3cret", ""]})
    def test_no_key_is_shown(self) -> None:
        messages = found("jobqueue.E001")
        assert len(messages) == 2
        assert "s3cret" not in str(messages)
        assert (messages[0].msg, messages[0].hint) == (
            'JOBQUEUE["ENCRYPTION_KEYS"] must be a list of Fernet keys; number 1 is none.',
            "Each is 32 bytes as 44 characters of urlsafe base64. It is of type list.",
        )

    @override_settings(JOBQUEUE={"DATABASE": ["default"]})
    def test_the_other_checks_go_on_with_the_default(self) -> None:
        assert ids() == ["jobqueue.E001"]


class TestE002:
    @override_settings(JOBQUEUE={"DATABASE": "defualt"})
    def test_an_unknown_alias_names_the_nearest(self) -> None:
        [message] = found()
        assert message.id == "jobqueue.E002"
        assert message.msg == 'JOBQUEUE["DATABASE"] is "defualt", which DATABASES lacks.'
        assert message.hint == 'Did you mean "default"?'

    @override_settings(JOBQUEUE={"DATABASE": "mysql"})
    def test_without_a_near_one_all_are_listed(self) -> None:
        [message] = found()
        assert message.hint == "DATABASES has: default, other."


class TestE003:
    def test_another_kind_of_database_is_refused(self) -> None:
        with database(ENGINE="django.db.backends.dummy"):
            [message] = found("jobqueue.E003")
        assert message.msg == 'Database "jobs" is unknown; jobs are kept in postgresql or sqlite.'

    def test_an_engine_that_cannot_be_loaded_is_named(self) -> None:
        with database(ENGINE="no.such.engine"):
            [message] = found("jobqueue.E003")
        assert "'no.such.engine' isn't an available database backend" in message.msg

    def test_psycopg_2_alone_is_not_enough(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with database(ENGINE="django.db.backends.postgresql"):
            assert found("jobqueue.E003") == []
            monkeypatch.setitem(sys.modules, "psycopg", None)  # as if it were not installed
            [message] = found("jobqueue.E003")
        assert message.msg == 'Database "jobs" is used through psycopg2; jobqueue needs psycopg 3.'
        assert message.hint == 'pip install "psycopg[binary]"'


class TestW010:
    ENGINE = "django.db.backends.sqlite3"

    def test_what_the_hint_says_is_enough(self) -> None:
        with database(ENGINE=self.ENGINE, OPTIONS=GOOD_SQLITE):
            assert found("jobqueue.W010") == []

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"transaction_mode": None}, "no IMMEDIATE"),
            ({"transaction_mode": "DEFERRED"}, "no IMMEDIATE"),
            ({"timeout": 4.9}, "timeout under 5 s"),
            ({"timeout": None}, "timeout under 5 s"),
            ({"init_command": None}, "no WAL"),
            ({"init_command": "PRAGMA journal_mode=DELETE"}, "no WAL"),
        ],
    )
    def test_each_thing_that_lacks_is_said(self, change: dict[str, Any], said: str) -> None:
        with database(ENGINE=self.ENGINE, OPTIONS={**GOOD_SQLITE, **change}):
            [message] = found("jobqueue.W010")
        assert message.msg == f'SQLite "jobs" will be locked often: {said}.'
        assert 'In DATABASES["jobs"]["OPTIONS"] set "transaction_mode": "IMMEDIATE", "timeout": 20' in str(
            message.hint
        )

    def test_the_plain_entry_of_startproject_lacks_all_but_the_timeout(self) -> None:
        with database(ENGINE=self.ENGINE):
            [message] = found("jobqueue.W010")
        assert "no IMMEDIATE, no WAL" in message.msg

    @pytest.mark.parametrize("command", ["pragma JOURNAL_MODE = wal;", "PRAGMA journal_mode('wal')"])
    def test_other_spellings_of_wal_hold(self, command: str) -> None:
        options = {**GOOD_SQLITE, "transaction_mode": "immediate", "init_command": command}
        with database(ENGINE=self.ENGINE, OPTIONS=options):
            assert found("jobqueue.W010") == []

    @pytest.mark.parametrize("name", [":memory:", "file:jobs?mode=memory&cache=shared"])
    def test_a_database_in_memory_is_exempt(self, name: str) -> None:
        with database(ENGINE=self.ENGINE, NAME=name):
            assert found("jobqueue.W010") == []


class WriteElsewhere:
    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        return "other" if model._meta.app_label == "jobqueue" else None


class MigrateNowhere:
    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return False if app_label == "jobqueue" else None


class NoOpinion:
    def db_for_write(self, model: Any, **hints: Any) -> None:
        return None

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> None:
        return None


class TestRouters:
    @override_settings(DATABASE_ROUTERS=[NoOpinion(), WriteElsewhere()])
    def test_e020_names_the_router_that_sends_jobs_elsewhere(self) -> None:
        [message] = found()
        assert message.id == "jobqueue.E020"
        said = 'writes jobqueue.Job to "other" but JOBQUEUE["DATABASE"] is "default".'
        assert message.msg == f"Router {__name__}.WriteElsewhere {said}"

    @override_settings(DATABASE_ROUTERS=[WriteElsewhere()], JOBQUEUE={"DATABASE": "other"})
    def test_a_router_that_agrees_is_no_mistake(self) -> None:
        assert found() == []

    @override_settings(DATABASE_ROUTERS=[NoOpinion(), MigrateNowhere()])
    def test_e021_names_the_router_that_refuses_the_tables(self) -> None:
        [message] = found()
        assert message.id == "jobqueue.E021"
        refuses = 'refuses to migrate jobqueue on "default", so its tables would never exist.'
        assert message.msg == f"Router {__name__}.MigrateNowhere {refuses}"

    @override_settings(DATABASE_ROUTERS=[NoOpinion()])
    def test_routers_without_an_opinion_leave_the_default(self) -> None:
        assert found() == []

    @override_settings(DATABASE_ROUTERS=[NoOpinion()], JOBQUEUE={"DATABASE": "other"})
    def test_w022_a_database_of_their_own_needs_a_router(self) -> None:
        [message] = found()
        assert message.id == "jobqueue.W022"
        assert message.msg == 'Jobs are in "other", but Job.objects reads "default": no router says otherwise.'

    def test_the_router_on_the_page_is_right(self) -> None:
        [code] = re.findall(r"```python\n(# shop/routers.py.*?)```", PAGE.read_text(), re.DOTALL)
        names: dict[str, Any] = {}
        exec(code, names)
        options = {"ENGINE": "django.db.backends.sqlite3", "OPTIONS": GOOD_SQLITE}
        with database(**options), override_settings(DATABASE_ROUTERS=[names["JobRouter"]()]):
            assert found() == []


class TestDeploy:
    @override_settings(DEBUG=True, SECRET_KEY=KEY)
    def test_w013_debug_is_a_warning_of_deployments_only(self) -> None:
        assert ids() == []
        assert ids(include_deployment_checks=True) == ["jobqueue.W013"]

    @override_settings(DEBUG=False, SECRET_KEY=KEY, JOBQUEUE={"MODE": "inline"})
    def test_w017_the_inline_mode_is_for_development(self) -> None:
        assert ids() == []
        assert ids(include_deployment_checks=True) == ["jobqueue.W017"]
        with override_settings(DEBUG=True):
            assert "jobqueue.W017" not in ids(include_deployment_checks=True)

    @override_settings(DEBUG=False, SECRET_KEY=KEY)
    def test_nothing_is_said_of_a_good_deployment(self) -> None:
        assert ids(include_deployment_checks=True) == []

    @pytest.mark.parametrize(
        "changed",
        [
            {"SECRET_KEY": f"django-insecure-{KEY}", "DEBUG": True},
            {"SECRET_KEY": "short"},
            {"SECRET_KEY": KEY, "SECRET_KEY_FALLBACKS": ["short"]},
            {"SECRET_KEY": KEY, "SECRET_KEY_FALLBACKS": [f"django-insecure-{KEY}"]},
            {"SECRET_KEY": KEY, "JOBQUEUE": {"SIGNING_KEYS": [KEY, "short"]}},
        ],
    )
    def test_w014_a_key_that_can_be_guessed(self, changed: dict[str, Any]) -> None:
        with override_settings(**changed):
            assert ids() == []
            [message] = found("jobqueue.W014", include_deployment_checks=True)
        assert "short" not in str(message)

    @pytest.mark.parametrize(
        ("changed", "name"),
        [
            ({"SECRET_KEY": f"django-insecure-{KEY}"}, "SECRET_KEY"),
            ({"JOBQUEUE": {"SIGNING_KEYS": [f"django-insecure-{KEY}", KEY]}}, 'JOBQUEUE["SIGNING_KEYS"][0]'),
        ],
    )
    def test_e014_a_key_that_stands_in_every_copy_of_the_project(self, changed: dict[str, Any], name: str) -> None:
        with override_settings(**changed):
            assert ids() == []
            [message] = found(include_deployment_checks=True)
        assert (message.id, message.is_serious()) == ("jobqueue.E014", True)
        assert message.msg == f'{name} is "django-insecure-…", so jobs can be forged.'
        assert KEY not in str(message)

    @override_settings(SECRET_KEY=f"django-insecure-{KEY}", SILENCED_SYSTEM_CHECKS=["jobqueue.E014"])
    @pytest.mark.django_db(databases=["default", "other"])
    def test_a_worker_heeds_a_silenced_check(self) -> None:
        call_command("jobworker", "work_off", skip_checks=False, verbosity=0)

    @override_settings(SECRET_KEY="django-insecure-", JOBQUEUE={"SIGNING_KEYS": [KEY]})
    def test_signing_keys_stand_in_for_the_secret_key(self) -> None:
        assert found("jobqueue.W014", include_deployment_checks=True) == []


@pytest.mark.django_db
class TestW015:
    def test_the_database_is_asked_only_when_that_is_wanted(self, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(0):
            found()
            found(databases=["other"])

    @pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no such setting")
    def test_a_database_that_may_lose_commits_is_named(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL synchronous_commit = off")
        [message] = found("jobqueue.W015", databases=["default"])
        assert message.msg == 'Database "default" may lose jobs: synchronous_commit is off.'


def test_w015_says_nothing_of_a_database_that_is_away(django_db_blocker: Any) -> None:
    with django_db_blocker.unblock(), database(ENGINE="django.db.backends.postgresql", HOST="/does/not/exist"):
        assert found("jobqueue.W015", databases=["jobs"]) == []


def test_each_id_has_its_place_on_the_page_and_no_other_has() -> None:
    source = "".join(
        path.read_text() for path in (Path(checks.__file__), Path(checks.__file__).with_name("backends.py"))
    )
    used = set(re.findall(r'id="(jobqueue\.[EW]\d{3})"', source))
    page = PAGE.read_text()
    anchors = {
        anchor.replace("-", ".", 1) for anchor in re.findall(r'^## <a id="(jobqueue-\w+)"', page, re.MULTILINE)
    }
    assert anchors == {name.lower() for name in used}
    assert set(re.findall(r"^\| \[(jobqueue\.\w+)\]", page, re.MULTILINE)) == used
    for name in used:
        assert f'<a id="{name.lower().replace(".", "-")}"></a>{name}\n' in page


def test_the_sqlite_entry_on_the_page_is_right() -> None:
    [code] = re.findall(r"```python\n(DATABASES.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict[str, Any] = {"BASE_DIR": Path("/srv/shop")}
    exec(code, names)
    with database(**names["DATABASES"]["default"]):
        assert found("jobqueue.W010") == []
