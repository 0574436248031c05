"""Waiting until a job has ended."""

from __future__ import annotations

import asyncio
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections, transaction
from django.db.transaction import TransactionManagementError
from django.test import override_settings

from jobqueue import cancel, job
from jobqueue.exceptions import JobCancelled, JobFailed, JobGone, JobNotStored
from jobqueue.models import Job
from jobqueue.pending import PendingJob
from jobqueue.states import State
from jobqueue.testing import work_off

MOMENT = datetime(2026, 11, 21, 12, tzinfo=UTC)


@job
def give(what: str) -> Any:
    """Return something."""
    return {"plain": [1, "two"], "typed": (MOMENT, Decimal("1.50"), timedelta(2))}[what]


@job(max_attempts=1)
def fail() -> None:
    """Raise."""
    raise ValueError("no\nreally")


@contextmanager
def meanwhile(act: Callable[[], object], seconds: float = 0.1) -> Iterator[None]:
    """Have something happen on another thread a moment later."""

    def run() -> None:
        time.sleep(seconds)
        act()
        connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join()


@pytest.mark.django_db(transaction=True)
class TestOutsideOfTransactions:
    @pytest.mark.parametrize(
        ("what", "result"), [("plain", [1, "two"]), ("typed", [MOMENT, Decimal("1.50"), timedelta(2)])]
    )
    def test_it_waits_for_the_result(self, what: str, result: Any) -> None:
        row = give.enqueue(what)
        with meanwhile(work_off):
            assert row.wait(30) == result
        assert (row.state, row.result) == (State.SUCCEEDED, result), "the row is read anew"
        assert row.wait() == result

    def test_async_code_awaits_it(self) -> None:
        row = give.enqueue("plain")
        with meanwhile(work_off):
            assert asyncio.run(row.aresult(30)) == [1, "two"]

    def test_a_failure_is_raised_with_its_error(self) -> None:
        row = fail.enqueue()
        with meanwhile(work_off), pytest.raises(JobFailed) as caught:
            row.wait(30)
        assert str(caught.value) == f"Job #{row.pk} {row.name} has failed: ValueError: no"
        assert caught.value.job_id == row.pk
        assert "Traceback" in caught.value.error
        again = pickle.loads(pickle.dumps(caught.value))
        assert (str(again), again.job_id, again.error) == (str(caught.value), row.pk, caught.value.error)

    def test_a_cancelled_one_is_told(self) -> None:
        row = give.enqueue("plain")
        with (
            meanwhile(lambda: cancel(row)),
            pytest.raises(JobCancelled, match=f"^Job #{row.pk} .* was cancelled$"),
        ):
            row.wait(30)

    def test_it_gives_up_in_time(self) -> None:
        row = give.enqueue("plain")
        began = time.monotonic()
        with pytest.raises(TimeoutError, match=r"has not ended within 0.2 s. If .*: python manage.py jobworker"):
            row.wait(0.2)
        assert 0.2 <= time.monotonic() - began < 2
        with pytest.raises(TimeoutError):
            row.wait(0)

    @override_settings(JOBQUEUE={"KEEP_SUCCEEDED": 0})
    def test_where_nothing_is_kept_it_says_so(self) -> None:
        row = give.enqueue("plain")
        with meanwhile(work_off), pytest.raises(JobGone, match=r'JOBQUEUE\["KEEP_SUCCEEDED"\] is 0'):
            row.wait(30)

    def test_a_row_that_was_deleted_is_gone(self) -> None:
        row = give.enqueue("plain")
        Job.objects.all().delete()
        with pytest.raises(JobGone, match="it was deleted, or rolled back"):
            Job(pk=row.pk or 7, name="x").wait(30)

    def test_in_a_transaction_it_refuses_what_could_never_start(self) -> None:
        with transaction.atomic():
            row = give.enqueue("plain")
            with pytest.raises(
                TransactionManagementError, match=r"Leave the atomic\(\) block first; in a TestCase"
            ):
                row.wait(30)
        work_off()
        with transaction.atomic():
            assert row.wait(30) == [1, "two"]


@pytest.mark.django_db
def test_in_a_test_case_it_gives_what_was_worked_off() -> None:
    row = give.enqueue("plain")
    work_off()
    assert row.wait(0) == [1, "two"]


@pytest.mark.parametrize("word", ["wait", "aresult", "result", "report"])
def test_one_that_waits_for_another_commit_says_so(word: str) -> None:
    with pytest.raises(JobNotStored, match="is still open"):
        getattr(PendingJob("default"), word)
