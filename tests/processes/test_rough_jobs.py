"""Jobs that leave more behind than they should, and ends that come at a bad moment."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from jobqueue import enqueue_many
from jobqueue.models import Job
from tests.app.models import Document
from tests.processes import jobs
from tests.processes.harness import Journal, Pool, is_running, wait_until
from tests.processes.test_pool import all_succeeded, states

StartPool = Callable[..., Pool]
needs_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="needs a server")


def test_workers_that_leave_at_the_same_moment_are_all_replaced(start_pool: StartPool, journal: Journal) -> None:
    enqueue_many(jobs.note.bind(key) for key in range(160))
    pool = start_pool("-n", "8", "--max-jobs", "1", "-v", "0")
    wait_until(lambda: all_succeeded(160), about=lambda: f"{states()} {pool.text}")
    assert journal.counts() == dict.fromkeys(range(160), 1)
    assert pool.stop() == 0


def test_an_async_job_knows_itself(start_pool: StartPool, journal: Journal) -> None:
    ids = enqueue_many(jobs.async_identity.bind(key) for key in range(3))
    pool = start_pool()
    wait_until(lambda: all_succeeded(3), about=lambda: pool.text)
    assert all(journal.of(key, f"job{job_id}") for key, job_id in enumerate(ids))


def test_a_coroutine_that_heeds_no_limit_is_not_resumed(start_pool: StartPool, journal: Journal) -> None:
    enqueue_many([jobs.async_deaf.bind(0)], priority=1)
    jobs.async_nap.enqueue(1, 1)
    pool = start_pool(MAX_ATTEMPTS=1)
    wait_until(lambda: states() == {"succeeded": 1, "failed": 1}, about=lambda: pool.text)
    [began] = journal.of(1)
    assert not [tick for tick in journal.entries("tick") if tick.at > began.at]


@needs_postgresql
def test_the_query_of_a_job_over_its_time_ends_with_it(start_pool: StartPool, journal: Journal) -> None:
    jobs.query_atomically.using(max_run_time=0.5, max_attempts=1).enqueue(0, 20)
    pool = start_pool()
    wait_until(lambda: journal.of(0), about=lambda: pool.text)
    jobs.note.enqueue(1)
    wait_until(lambda: states() == {"succeeded": 1, "failed": 1}, 6, about=lambda: f"{states()} {pool.text}")
    assert "JobTimeout" in str(Job.objects.failed().get().last_error)


@needs_postgresql
def test_a_row_that_a_dead_workers_query_still_locks_stops_nobody(start_pool: StartPool, journal: Journal) -> None:
    jobs.query_atomically.using(max_attempts=1).enqueue(0, 12)
    pool = start_pool("-n", "2", "-v", "0")
    wait_until(lambda: journal.of(0), about=lambda: pool.text)
    os.kill(journal.of(0)[0].pid, signal.SIGKILL)
    jobs.note.using(run_at=timezone.now() + timedelta(seconds=1)).enqueue(1)
    wait_until(lambda: journal.of(1), 6, about=lambda: f"{states()} {pool.text}")
    wait_until(lambda: states() == {"succeeded": 1, "failed": 1}, 20, about=lambda: f"{states()} {pool.text}")


def test_a_thread_left_behind_keeps_no_worker_from_leaving(start_pool: StartPool, journal: Journal) -> None:
    enqueue_many(jobs.leave_a_thread.bind(key) for key in range(2))
    pool = start_pool("--max-jobs", "1")
    wait_until(lambda: all_succeeded(2), 15, about=lambda: f"{states()} {pool.text}")
    first, second = journal.entries()
    assert first.pid != second.pid
    wait_until(lambda: not is_running(first.pid))


def test_a_transaction_left_open_swallows_no_other_jobs_work(start_pool: StartPool, journal: Journal) -> None:
    enqueue_many([jobs.leave_a_transaction.bind(0)], priority=1)
    jobs.write.enqueue("kept")
    pool = start_pool()
    wait_until(lambda: all_succeeded(2), about=lambda: f"{states()} {pool.text}")
    assert Document.objects.get().text == "kept"


def test_a_jobs_own_child_process_performs_nothing(start_pool: StartPool, journal: Journal) -> None:
    enqueue_many(jobs.note.bind(key) for key in range(50))
    enqueue_many([jobs.fork_and_exit.bind(-1)], priority=-1)
    enqueue_many((jobs.note.bind(key) for key in range(50, 100)), priority=-2)
    pool = start_pool("-v", "0")
    wait_until(lambda: all_succeeded(101), about=lambda: f"{states()} {pool.text}")
    assert journal.counts() == dict.fromkeys(range(-1, 100), 1)
    assert pool.stop() == 0
    assert not [child for child in journal.entries("child") if is_running(child.pid)]


@needs_postgresql
def test_with_psycopgs_pool_no_two_processes_share_a_connection(start_pool: StartPool, journal: Journal) -> None:
    enqueue_many(jobs.write.bind(str(key)) for key in range(200))
    pool = start_pool("-n", "3", "-v", "0", "-e", "pooled")
    wait_until(lambda: all_succeeded(200), about=lambda: f"{states()} {pool.text}")
    assert Document.objects.count() == 200
    assert set(Job.objects.values_list("attempts", flat=True)) == {1}
    assert pool.stop() == 0


def test_threads_that_come_back_together_start_nothing_that_was_given_away(
    start_pool: StartPool, journal: Journal
) -> None:
    enqueue_many((jobs.note.bind(key) for key in range(300)), priority=3)
    enqueue_many((jobs.nap_until.bind(key, "free") for key in range(300, 316)), priority=2)
    enqueue_many((jobs.note.bind(key) for key in range(316, 380)), priority=1)
    busy = start_pool("--threads", "16", "-v", "0")
    wait_until(lambda: len(journal.counts()) == 316, about=lambda: f"{states()} {busy.text}")
    helper = start_pool("-v", "0")
    wait_until(lambda: len(journal.counts()) == 380, about=lambda: f"{states()} {helper.text}")
    Document.objects.create(text="free")
    wait_until(lambda: all_succeeded(380), about=lambda: f"{states()} {busy.text}")
    assert journal.counts() == dict.fromkeys(range(380), 1)
    assert (busy.stop(), helper.stop()) == (0, 0)


def test_a_job_that_takes_the_alarm_costs_no_other_job_its_limit(start_pool: StartPool, journal: Journal) -> None:
    jobs.take_the_alarm.using(priority=1).enqueue(0)
    jobs.sleep_for_ever.using(max_run_time=0.3, max_attempts=1).enqueue(1)
    pool = start_pool()
    wait_until(lambda: states() == {"succeeded": 1, "failed": 1}, about=lambda: f"{states()} {pool.text}")
    row = Job.objects.failed().get()
    assert (row.attempts, row.crashes) == (1, 0)
    assert "JobTimeout" in str(row.last_error)


def test_an_end_that_the_database_refuses_parks_its_job_and_holds_up_no_other(
    start_pool: StartPool, journal: Journal
) -> None:
    """A rule of the project's own on the table, which some results break."""
    with connection.cursor() as cursor:
        cursor.execute(REFUSE_LONG_RESULTS[connection.vendor])
    try:
        pool = start_pool("-v", "0")
        refused = jobs.answer.using(priority=1).enqueue("x" * 100)
        enqueue_many(jobs.note.bind(key) for key in range(100))
        wait_until(lambda: states() == {"succeeded": 100, "failed": 1}, about=lambda: f"{states()} {pool.text}")
        assert "could not be written" in str(Job.objects.get(pk=refused.pk).last_error)
        assert journal.counts() == dict.fromkeys(range(100), 1)
        assert pool.stop() == 0
    finally:
        with connection.cursor() as cursor:
            cursor.execute(ALLOW_LONG_RESULTS[connection.vendor])


REFUSE_LONG_RESULTS = {
    "postgresql": "ALTER TABLE jobqueue_job ADD CONSTRAINT short CHECK (length(result) < 50)",
    "sqlite": (
        "CREATE TRIGGER short BEFORE UPDATE ON jobqueue_job WHEN length(NEW.result) >= 50 "
        "BEGIN SELECT RAISE(ABORT, 'too long'); END"
    ),
}
ALLOW_LONG_RESULTS = {
    "postgresql": "ALTER TABLE jobqueue_job DROP CONSTRAINT short",
    "sqlite": "DROP TRIGGER short",
}
