"""Atomic jobs beside others that change what they read, or keep their row."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from jobqueue import current_job, job
from jobqueue.conf import get_settings
from jobqueue.models import Job
from jobqueue.outcomes import Snoozed
from jobqueue.performing.executor import Executor
from jobqueue.states import State
from jobqueue.stores import get_store
from jobqueue.stores.pools import PoolRegistry
from jobqueue.testing import work_off
from tests.app import scripted
from tests.app.models import Document
from tests.stores.shelf import claim
from tests.stores.test_plans import only_on

pytestmark = [pytest.mark.django_db(transaction=True), only_on("postgresql")]


def elsewhere(step: Callable[[], Any]) -> None:
    """Take a step in a serializable transaction on another thread's connection."""

    def run() -> None:
        try:
            with transaction.atomic():
                become_serializable()
                step()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(run).result()


def become_serializable() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")


@pytest.fixture
def _serializable() -> Iterator[None]:
    """A project that has chosen isolation_level=SERIALIZABLE."""
    from psycopg import IsolationLevel

    connection.ensure_connection()
    connection.connection.isolation_level = IsolationLevel.SERIALIZABLE
    yield
    connection.close()


@job(atomic=True)
def append_too_late(document: Document) -> None:
    """Write what somebody else has changed since it was read; only the first time."""
    if current_job().attempts == 1:  # type: ignore[union-attr]
        elsewhere(lambda: Document.objects.filter(pk=document.pk).update(text="theirs "))
    document.append("ours")


@job(atomic=True)
def copy_each_other(mine: Document, theirs: Document) -> None:
    """Write one and read the other, while somebody does it the other way round; only the first time."""
    text = Document.objects.get(pk=theirs.pk).text
    Document.objects.filter(pk=mine.pk).update(text=text)
    if current_job().attempts == 1:  # type: ignore[union-attr]
        elsewhere(lambda: swap(mine, theirs))


def swap(mine: Document, theirs: Document) -> None:
    text = Document.objects.get(pk=mine.pk).text
    Document.objects.filter(pk=theirs.pk).update(text=text)


def perform_twice(reason: str) -> None:
    tally = work_off()
    assert (tally.performed, tally.failed) == (1, 1)
    row = Job.objects.get()
    assert (row.state, row.attempts, row.crashes) == (State.SCHEDULED, 1, 0)
    assert reason in str(row.last_error)
    Job.objects.update(run_at=timezone.now() - timedelta(seconds=1))
    assert work_off().failed == 0
    row.refresh_from_db()
    assert (row.state, row.attempts) == (State.SUCCEEDED, 2)


@pytest.mark.usefixtures("_serializable")
class TestSerializationFailures:
    """An ordinary failure of the attempt, of which nothing stays."""

    def test_at_a_write(self) -> None:
        document = Document.objects.create()
        append_too_late.enqueue(document)
        perform_twice("could not serialize access due to concurrent update")
        document.refresh_from_db()
        assert document.text == "theirs ours"

    def test_at_the_commit(self) -> None:
        one, two = Document.objects.create(text="one"), Document.objects.create(text="two")
        copy_each_other.enqueue(one, two)
        perform_twice("could not serialize access due to read/write dependencies")
        texts = set(Document.objects.values_list("text", flat=True))
        assert len(texts) == 1, "no order of the two explains that"


def test_an_atomic_job_whose_row_somebody_keeps_locked_waits_for_nobody() -> None:
    document = Document.objects.create()
    scripted.write_then.enqueue(document, "written", fails=False)
    store = get_store()
    [claimed] = claim(store, PoolRegistry(store).register(host="here", pid=1))
    somebody = connection.copy()
    somebody.set_autocommit(False)
    try:
        with somebody.cursor() as cursor:
            cursor.execute("SELECT FROM jobqueue_job FOR UPDATE")
        began = time.monotonic()
        ended = Executor(store, get_settings()).perform(claimed)
        assert time.monotonic() - began < 2
    finally:
        somebody.rollback()
        somebody.close()
    assert isinstance(ended.outcome, Snoozed)
    assert not ended.written
    assert store.finish([ended.finish]) == []
    row = Job.objects.get()
    assert (row.state, row.attempts) == (State.SCHEDULED, 0)
    document.refresh_from_db()
    assert document.text == ""
