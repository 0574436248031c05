"""Sites for the doctor: the database of this run, and a SQLite file of one's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from jobqueue.conf import Settings
from jobqueue.doctor import Finding, Level, Site
from jobqueue.models import Pool
from tests.processes.conftest import journal, start_pool
from tests.unit.test_checks import GOOD_SQLITE, database

__all__ = ["journal", "start_pool"]

#: Of the machine and of this suite's settings, not of what a test has made.
USUAL = {"jobqueue.W014", "jobqueue.W022", "session.idle", "sqlite.library", "file.readable", "file.folder"}


@pytest.fixture
def site(db: None) -> Site:
    return Site(Settings())


@pytest.fixture
def sqlite_site(tmp_path: Path, django_db_blocker: Any) -> Iterator[Site]:
    """A migrated SQLite file, whatever database this run is on."""
    with django_db_blocker.unblock(), sqlite_at(tmp_path / "jobs.sqlite3") as own:
        call_command("migrate", "jobqueue", database="jobs", verbosity=0)
        yield own


@contextmanager
def sqlite_at(path: Path, **options: Any) -> Iterator[Site]:
    """The site of a SQLite file, with options other than the good ones."""
    entry = {"ENGINE": "django.db.backends.sqlite3", "NAME": path, "OPTIONS": {**GOOD_SQLITE, **options}}
    with database(**entry):
        site = Site(Settings(database="jobs"))
        yield site
        site.connection.close()


def problems(findings: Iterable[Finding]) -> list[str]:
    """The ids of what is not well."""
    return [each.id for each in findings if each.level > Level.OK and each.id not in USUAL]


def one(findings: Iterable[Finding], id: str) -> Finding:
    """The only finding of an id."""
    [found] = [each for each in findings if each.id == id]
    return found


def pool(*, beat: float = 0, **fields: Any) -> Pool:
    """A pool whose last heartbeat is so many seconds ago."""
    given = {"host": "atlas", "pid": 4120, "beat_at": timezone.now() - timedelta(seconds=beat)}
    return Pool.objects.create(**{**given, **fields})
