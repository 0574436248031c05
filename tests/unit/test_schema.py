"""Tables that are not those of this release, and workers that do not start on them."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder
from django.test import override_settings

from jobqueue.pool import preflight
from jobqueue.pool.schema import read_schema

FIRST = "0001_initial"
NEWER = "0007_of_tomorrow"
pytestmark = pytest.mark.django_db(databases=["default", "other"])


def recorder(alias: str = "default") -> MigrationRecorder:
    return MigrationRecorder(connections[alias])


def test_tables_of_this_release_are_no_trouble() -> None:
    schema = read_schema("default")
    assert schema.known == (FIRST,)
    assert (schema.missing, schema.newer, schema.exists, schema.trouble) == ((), (), True, None)
    preflight.check("default", forks=False, waits=True)


def test_tables_of_a_newer_release_stop_a_worker() -> None:
    recorder().record_applied("jobqueue", NEWER)
    with pytest.raises(CommandError) as raised:
        call_command("jobworker", "work_off", verbosity=0)
    assert raised.value.returncode == 1
    assert str(raised.value) == (
        'The tables of jobqueue in database "default" are of a newer release (0007_of_tomorrow). Upgrade jobqueue '
        "here, or go back with the newer one: python manage.py migrate jobqueue 0001_initial"
    )


def test_tables_that_are_out_of_date_stop_a_worker() -> None:
    recorder().record_unapplied("jobqueue", FIRST)
    with pytest.raises(CommandError, match=r"are out of date\. Run: python manage\.py migrate jobqueue$"):
        call_command("jobworker", "work_off", verbosity=0)


def test_the_remedy_names_the_database() -> None:
    recorder("other").record_applied("jobqueue", NEWER)
    with pytest.raises(preflight.NotReady, match=r"migrate jobqueue 0001_initial --database other$"):
        preflight.check("other", forks=False, waits=True)


def test_other_apps_may_have_migrations_that_are_unknown_here() -> None:
    recorder().record_applied("shop", NEWER)
    assert read_schema("default").trouble is None


def test_what_a_squashed_migration_replaces_is_not_newer(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db.migrations.loader import MigrationLoader

    load = MigrationLoader.load_disk

    def squashed(loader: Any) -> None:
        load(loader)
        loader.disk_migrations["jobqueue", FIRST].replaces = [("jobqueue", "0002_earlier")]

    monkeypatch.setattr(MigrationLoader, "load_disk", squashed)
    recorder().record_applied("jobqueue", "0002_earlier")
    assert read_schema("default").newer == ()


@override_settings(MIGRATION_MODULES={"jobqueue": None})
def test_without_migrations_nothing_is_newer() -> None:
    assert read_schema("default").trouble is None
