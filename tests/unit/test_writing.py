"""What the database says against a write is told with the alias and with what to type."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured, SynchronousOnlyOperation
from django.db import DatabaseError, OperationalError, connection, transaction
from django.db.transaction import TransactionManagementError
from django.test import override_settings

from jobqueue import cancel, enqueue, enqueue_many, retry, run_now, send_later
from jobqueue.models import Job
from tests.app import jobs
from tests.unit.test_checks import database


@pytest.fixture
def hidden_table(db: None) -> Iterator[None]:
    """The table under another name."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE jobqueue_job RENAME TO hidden")
    yield
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE hidden RENAME TO jobqueue_job")


WRITES: dict[str, Callable[[], Any]] = {
    "enqueue": lambda: enqueue(jobs.add.bind(1)),
    "enqueue_many": lambda: enqueue_many([jobs.add.bind(1)]),
    "with a hook": lambda: enqueue(jobs.PlainWorker(1)),
    "send_later": lambda: send_later(jobs.Mailer("me"), "deliver", args=["you"]),
    "retry": lambda: retry(1),
    "cancel": lambda: cancel(1),
    "run_now": lambda: run_now(1),
}
every_write = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)


@pytest.mark.django_db
class TestDatabase:
    @every_write
    def test_a_missing_table_says_what_to_type(self, hidden_table: None, write: Callable[[], Any]) -> None:
        with pytest.raises(ImproperlyConfigured) as caught, transaction.atomic():
            write()
        assert str(caught.value) == (
            'The table jobqueue_job is missing in database "default". Run: python manage.py migrate jobqueue'
        )

    def test_a_table_of_another_release_says_so(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE jobqueue_job RENAME COLUMN name TO old_name")
        try:
            with (
                pytest.raises(ImproperlyConfigured, match="jobqueue_job is out of date in database"),
                transaction.atomic(),
            ):
                enqueue(jobs.add.bind(1))
        finally:
            with connection.cursor() as cursor:
                cursor.execute("ALTER TABLE jobqueue_job RENAME COLUMN old_name TO name")

    @every_write
    @override_settings(JOBQUEUE={"DATABASE": "nowhere"})
    def test_an_unknown_alias_is_named(self, write: Callable[[], Any]) -> None:
        with pytest.raises(
            ImproperlyConfigured, match='JOBQUEUE\\["DATABASE"\\] is "nowhere", which DATABASES lacks'
        ):
            write()

    @every_write
    def test_a_broken_transaction_is_named(self, write: Callable[[], Any]) -> None:
        def after_an_error() -> None:
            with pytest.raises(ZeroDivisionError), transaction.atomic(savepoint=False):
                raise ZeroDivisionError
            write()

        with pytest.raises(TransactionManagementError) as caught, transaction.atomic():
            after_an_error()
        assert str(caught.value) == BROKEN

    @every_write
    @pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite goes on after an error")
    def test_a_transaction_that_the_server_has_given_up_is_named(self, write: Callable[[], Any]) -> None:
        def after_an_error() -> None:
            with pytest.raises(DatabaseError), connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM no_such_table")
            write()

        with pytest.raises(TransactionManagementError) as caught, transaction.atomic():
            after_an_error()
        assert str(caught.value) == BROKEN

    @every_write
    def test_an_event_loop_is_told_the_twin(self, write: Callable[[], Any]) -> None:
        async def on_a_loop() -> None:
            write()

        with pytest.raises(SynchronousOnlyOperation, match=r"An event loop is running here. Use: await \S+\(…\)"):
            asyncio.run(on_a_loop())
        assert not Job.objects.exists()


BROKEN = (
    'The transaction on "default" is broken by an earlier error, so nothing more can be written in it. '
    "Leave its atomic() block first."
)


@every_write
@pytest.mark.parametrize(
    "entry",
    [
        {"ENGINE": "django.db.backends.sqlite3", "NAME": "/no/such/folder/db.sqlite3"},
        {"ENGINE": "django.db.backends.postgresql", "HOST": "/no/such/folder"},
    ],
    ids=["sqlite", "postgresql"],
)
def test_a_database_that_is_away_is_named(
    django_db_blocker: Any, monkeypatch: pytest.MonkeyPatch, entry: dict[str, Any], write: Callable[[], Any]
) -> None:
    monkeypatch.setattr("jobqueue.stores._made", {})
    with django_db_blocker.unblock(), database(**entry), pytest.raises(OperationalError) as caught:
        write()
    assert str(caught.value).startswith('Database "jobs": ')
    assert caught.value.__cause__ is not None, "the driver's error is still there for those who look for it"
