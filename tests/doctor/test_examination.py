"""The whole examination: what is well is said to be, and what keeps it from looking is a finding."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.backends.base import base
from django.db.migrations.recorder import MigrationRecorder
from django.test import override_settings

from jobqueue import doctor
from jobqueue.conf import Settings
from jobqueue.doctor import Finding, Level, Site, examine
from jobqueue.doctor.database import answered
from tests.doctor.conftest import USUAL, one, pool, problems, sqlite_at
from tests.unit.test_checks import KEY, database


def test_where_all_is_well_each_topic_says_so(site: Site) -> None:
    pool()
    with override_settings(SECRET_KEY=KEY):
        findings = examine(site)
    assert problems(findings) == []
    said = {each.id for each in findings} - USUAL
    assert {"settings", "database", "migrations", "ids", "workers", "queues", "jobs"} < said


def test_it_changes_nothing_and_asks_few_questions(site: Site, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(60) as asked:
        examine(site)
    changes = ("INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP")
    assert [each["sql"] for each in asked if each["sql"].lstrip().upper().startswith(changes)] == []


def test_every_problem_has_a_remedy(site: Site) -> None:
    findings = examine(site)
    assert [each.id for each in findings if each.level > Level.OK and not each.remedy] == []


class TestDatabase:
    def test_one_that_is_away_is_the_last_word(self, django_db_blocker: Any) -> None:
        away = database(ENGINE="django.db.backends.postgresql", HOST="/does/not/exist")
        with django_db_blocker.unblock(), away:
            findings = examine(Site(Settings(database="jobs")))
        assert findings[-1].id == "database.unreachable"
        assert findings[-1].message.startswith('cannot reach "jobs": connection ')
        assert findings[-1].remedy == "Try it by hand: python manage.py dbshell --database jobs"

    def test_one_that_does_not_answer_is_not_waited_for_for_ever(
        self, django_db_blocker: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PGCONNECT_TIMEOUT", "2")
        with socket.create_server(("127.0.0.1", 0)) as mute:
            entry = {"HOST": "127.0.0.1", "PORT": mute.getsockname()[1]}
            with django_db_blocker.unblock(), database(ENGINE="django.db.backends.postgresql", **entry):
                findings = examine(Site(Settings(database="jobs")))
        assert "timeout" in one(findings, "database.unreachable").message

    def test_a_file_that_cannot_be_opened(self, tmp_path: Path, django_db_blocker: Any) -> None:
        with django_db_blocker.unblock(), sqlite_at(tmp_path / "no" / "jobs.sqlite3") as site:
            findings = examine(site)
        assert "unable to open database file" in one(findings, "database.unreachable").message

    def test_one_without_a_name(self, django_db_blocker: Any) -> None:
        with django_db_blocker.unblock(), database(ENGINE="django.db.backends.sqlite3", NAME=""):
            findings = examine(Site(Settings(database="jobs")))
        assert "supply the NAME value" in one(findings, "database.unreachable").message

    @pytest.mark.parametrize(
        ("vendor", "version", "seconds", "id"),
        [
            ("postgresql", (18, 4), 0.0003, "database"),
            ("postgresql", (13, 9), 0.0003, "database.version"),
            ("sqlite", (3, 34, 1), 0.0003, "database.version"),
            ("postgresql", (14, 0), 0.08, "database.slow"),
        ],
    )
    def test_an_old_or_a_slow_one_is_told(
        self, vendor: str, version: tuple[int, ...], seconds: float, id: str
    ) -> None:
        [finding] = answered("it", vendor, version, seconds)
        assert finding.id == id

    def test_what_django_refuses_is_too_old(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, django_db_blocker: Any
    ) -> None:
        with django_db_blocker.unblock(), sqlite_at(tmp_path / "jobs.sqlite3") as site:
            monkeypatch.setattr(base, "RAN_DB_VERSION_CHECK", set())  # Django asks once for each alias
            monkeypatch.setattr(site.connection.features, "minimum_database_version", (99,))
            finding = examine(site)[-1]
        assert finding.id == "database.version"
        assert finding.message.startswith("SQLite 99 or later is required")


class TestSettings:
    def test_an_unknown_alias_is_the_last_word(self) -> None:
        with override_settings(JOBQUEUE={"DATABASE": "defualt"}):
            findings = examine(Site(Settings(database="defualt")))
        assert one(findings, "jobqueue.E002").remedy == 'Did you mean "default"?'
        assert {each.title for each in findings} == {"settings"}

    def test_another_kind_of_database_is_the_last_word(self) -> None:
        with database(ENGINE="django.db.backends.dummy"):
            findings = examine(Site(Settings(database="jobs")))
        assert one(findings, "jobqueue.E003").level is Level.ERROR
        assert {each.title for each in findings} == {"settings"}

    @override_settings(JOBQUEUE={"MAX_ATTEMPT": 3})
    def test_a_mistake_is_told_and_the_rest_is_examined(self, site: Site) -> None:
        findings = examine(site)
        assert one(findings, "jobqueue.E001").level is Level.ERROR
        assert "jobs" in {each.id for each in findings}

    @override_settings(SILENCED_SYSTEM_CHECKS=["jobqueue.W014"], DEBUG=False)
    def test_silenced_checks_stay_silent(self, site: Site) -> None:
        assert one(examine(site), "settings").level is Level.OK


class TestMigrations:
    def test_a_missing_one_is_the_last_word(self, site: Site) -> None:
        MigrationRecorder(connection).record_unapplied("jobqueue", "0001_initial")
        finding = examine(site)[-1]
        assert (finding.id, finding.level) == ("migrations.missing", Level.ERROR)
        assert finding.remedy == "Run: python manage.py migrate jobqueue"

    def test_a_newer_one_is_the_last_word(self, site: Site) -> None:
        MigrationRecorder(connection).record_applied("jobqueue", "0007_of_tomorrow")
        finding = examine(site)[-1]
        assert (finding.id, finding.level) == ("migrations.newer", Level.ERROR)
        assert "0007_of_tomorrow" in finding.message

    def test_an_empty_database_is_no_traceback(self, tmp_path: Path, django_db_blocker: Any) -> None:
        with django_db_blocker.unblock(), sqlite_at(tmp_path / "empty.sqlite3") as site:
            finding = examine(site)[-1]
        assert finding.id == "migrations.missing"
        assert finding.message == 'The table jobqueue_job is missing in database "jobs".'
        assert finding.remedy == "Run: python manage.py migrate jobqueue --database jobs"


class TestATopicThatCannotLook:
    @pytest.fixture
    def broken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def weather(site: Site) -> Iterator[Finding]:
            site.row("SELECT sunny FROM jobqueue_weather")
            yield from ()

        monkeypatch.setattr(doctor, "JOBS", (weather, *doctor.JOBS))

    def test_is_told_and_the_others_go_on(self, site: Site, broken: None) -> None:
        pool()
        findings = examine(site)
        finding = one(findings, "weather.unknown")
        assert finding.message.startswith(
            ("could not be examined: ProgrammingError:", "could not be examined: Oper")
        )
        assert one(findings, "workers").level is Level.OK

    def test_is_raised_on_request(self, db: None, broken: None) -> None:
        with pytest.raises(Exception, match="jobqueue_weather"):
            examine(Site(Settings(), strict=True))

    def test_does_not_look_for_ever(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        endless = """WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers)
                     SELECT max(n) FROM numbers"""

        def count(site: Site) -> Iterator[Finding]:
            site.row(endless)
            yield from ()

        monkeypatch.setattr(doctor, "SECONDS", 0.1)
        monkeypatch.setattr(doctor, "JOBS", (count,))
        assert one(examine(site), "count.unknown").level is Level.ERROR
