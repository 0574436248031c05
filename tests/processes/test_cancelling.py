"""Running jobs that somebody cancels: asked to end, and ended with their process if they do not."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections, transaction

from jobqueue import cancel, enqueue_many, retry
from jobqueue.models import Cancellation, Job, Report
from jobqueue.states import State
from tests.app.models import Document
from tests.processes import jobs
from tests.processes.harness import Journal, Pool, wait_until

StartPool = Callable[..., Pool]

#: What it takes at most until a job is told: a job's first second, a look, a tick, and a slow machine.
SOON = 8.0


def wait_for_start(journal: Journal, pool: Pool, key: int = 1) -> None:
    wait_until(lambda: journal.of(key), about=lambda: pool.text)


def wait_for_state(job_id: int, state: State, pool: Pool, seconds: float = SOON) -> Job:
    def found() -> Job | None:
        return Job.objects.filter(pk=job_id, state=state).first()

    row: Job = wait_until(found, seconds, lambda: f"{Job.objects.filter(pk=job_id).values()}\n{pool.text}")
    return row


@pytest.mark.parametrize("word", ["sleep_for_ever", "spin", "clean_up"])
def test_a_running_job_is_ended_and_its_worker_goes_on(start_pool: StartPool, journal: Journal, word: str) -> None:
    row = getattr(jobs, word).enqueue(1)
    pool = start_pool()
    wait_for_start(journal, pool)
    assert cancel(row, by="bob") is False
    found = wait_for_state(row.pk, State.CANCELLED, pool)
    assert (found.error, found.attempts, found.crashes, found.locked_by) == ("cancelled by bob", 1, 0, None)
    jobs.note.enqueue(2)
    wait_for_start(journal, pool, 2)
    assert {entry.pid for entry in journal.entries()} == {journal.of(1)[0].pid}, "in the same process"
    assert not found.tries.exists()
    wait_until(lambda: not Cancellation.objects.exists())
    assert bool(journal.of(1, "clean")) == (word == "clean_up")
    assert pool.stop() == 0
    assert len(journal.of(1)) == 1


@pytest.mark.parametrize("word", ["ignore_everything", "block_signals"])
def test_one_that_does_not_heed_it_is_ended_with_its_process(
    start_pool: StartPool, journal: Journal, word: str
) -> None:
    row = getattr(jobs, word).enqueue(1)
    pool = start_pool(KILL_SECONDS=1)
    wait_for_start(journal, pool)
    cancel(row, by="bob")
    found = wait_for_state(row.pk, State.CANCELLED, pool, SOON + 4)
    assert (found.error, found.attempts, found.crashes) == ("cancelled by bob", 1, 0)
    assert "was killed" in pool.text
    jobs.note.enqueue(2)
    wait_for_start(journal, pool, 2)
    assert journal.of(1)[0].pid != journal.of(2)[0].pid
    assert pool.stop() == 0
    assert len(journal.of(1)) == 1


def test_an_atomic_job_is_ended_although_its_row_is_locked(start_pool: StartPool, journal: Journal) -> None:
    document = Document.objects.create(text="")
    row = jobs.nap_atomically.enqueue(1, document, 60)
    pool = start_pool()
    wait_for_start(journal, pool)
    if connections["default"].vendor == "sqlite":
        # The job's transaction holds the whole file: whoever cancels waits for it, and so the wish comes too late.
        pool.signal(signal.SIGQUIT)
        pool.wait()
        assert cancel(row) is True
        return
    wait_until(lambda: Report.objects.filter(done=1.0).exists())
    assert cancel(row) is False
    found = wait_for_state(row.pk, State.CANCELLED, pool)
    assert found.error == "cancelled while it was running"
    document.refresh_from_db()
    assert document.text == "", "its transaction was rolled back"


@pytest.mark.parametrize("word", ["async_clean_up", "async_deaf"])
@pytest.mark.parametrize("words", [(), ("--async", "4")], ids=["alone", "beside others"])
def test_a_coroutine_is_cancelled_and_the_others_are_not(
    start_pool: StartPool, journal: Journal, words: tuple[str, ...], word: str
) -> None:
    limit = {"max_run_time": 60} if word == "async_deaf" else {}
    row = getattr(jobs, word).using(**limit).enqueue(1)
    pool = start_pool(*words, KILL_SECONDS=1)
    wait_until(lambda: journal.of(1) or journal.of(1, "tick"), about=lambda: pool.text)
    neighbour = jobs.async_nap.enqueue(2, 8) if words else None
    if neighbour:
        wait_for_start(journal, pool, 2)
    cancel(row)
    wait_for_state(row.pk, State.CANCELLED, pool, SOON + 4)
    assert len(journal.of(1, "clean")) == (word == "async_clean_up")
    if neighbour:
        found = wait_for_state(neighbour.pk, State.SUCCEEDED, pool, SOON + 12)
        assert (found.attempts, found.crashes) == (1, 0)
        assert len(journal.of(2)) == (1 if word == "async_clean_up" else 2), "released uncharged"


def test_on_threads_a_job_that_asks_is_ended_and_its_neighbour_is_not(
    start_pool: StartPool, journal: Journal
) -> None:
    row, neighbour = jobs.heed.enqueue(1), jobs.nap.enqueue(2, 5)
    pool = start_pool("--threads", "2")
    wait_for_start(journal, pool)
    wait_for_start(journal, pool, 2)
    cancel(row)
    wait_for_state(row.pk, State.CANCELLED, pool)
    wait_for_state(neighbour.pk, State.SUCCEEDED, pool)
    assert len(journal.of(2)) == 1
    assert Report.objects.get(pk=row.pk).text == "steps"


def test_on_threads_one_that_does_not_ask_is_ended_with_the_process_and_its_neighbours_are_not_charged(
    start_pool: StartPool, journal: Journal
) -> None:
    row, neighbour = jobs.sleep_for_ever.enqueue(1), jobs.nap.enqueue(2, 60)
    pool = start_pool("--threads", "2", KILL_SECONDS=1)
    wait_for_start(journal, pool)
    wait_for_start(journal, pool, 2)
    cancel(row)
    wait_for_state(row.pk, State.CANCELLED, pool, SOON + 4)
    wait_until(lambda: len(journal.of(2)) == 2, about=lambda: pool.text)
    found = Job.objects.get(pk=neighbour.pk)
    assert (found.attempts, found.crashes) == (1, 0)


def test_success_stays_success(start_pool: StartPool, journal: Journal) -> None:
    row = jobs.end_well.enqueue(1, 4)
    pool = start_pool()
    wait_for_start(journal, pool)
    cancel(row)
    assert row.wait(SOON) == "done all the same"
    wait_until(lambda: not Cancellation.objects.exists(), about=lambda: pool.text)


def test_what_would_be_tried_again_is_cancelled_instead(start_pool: StartPool, journal: Journal) -> None:
    row = jobs.fail_late.enqueue(1, 4)
    pool = start_pool()
    wait_for_start(journal, pool)
    cancel(row)
    found = wait_for_state(row.pk, State.CANCELLED, pool)
    assert str(found.error).startswith("ValueError: job 1 fails")
    assert [each.outcome for each in found.tries.all()] == ["failed"]
    assert len(journal.of(1)) == 1


def test_cancelled_and_retried_by_hand_it_is_performed_to_its_end(start_pool: StartPool, journal: Journal) -> None:
    row = jobs.nap_twice.enqueue(1, 60)
    pool = start_pool()
    wait_for_start(journal, pool)
    cancel(row)
    wait_for_state(row.pk, State.CANCELLED, pool)
    Document.objects.create(text="second 1")
    Cancellation.objects.get_or_create(job=row)  # as if it had been left behind
    retry(row)
    wait_for_state(row.pk, State.SUCCEEDED, pool)
    assert len(journal.of(1, "again")) == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGQUIT], ids=str)
def test_a_wish_outlives_the_pool(start_pool: StartPool, journal: Journal, number: signal.Signals) -> None:
    row = jobs.nap.enqueue(1, 60)
    pool = start_pool()
    wait_for_start(journal, pool)
    pool.signal(signal.SIGSTOP)
    cancel(row, by="bob")
    pool.signal(number)
    pool.signal(signal.SIGCONT)
    pool.wait()
    other = start_pool()
    found = wait_for_state(row.pk, State.CANCELLED, other, 20)
    assert str(found.error).startswith(("cancelled by bob", "Crashed"))
    jobs.note.enqueue(2)
    wait_for_start(journal, other, 2)
    assert len(journal.of(1)) == 1
    wait_until(lambda: not Cancellation.objects.exists(), about=lambda: other.text)


def test_a_wish_that_is_committed_when_the_job_waits_again_is_heeded(
    start_pool: StartPool, journal: Journal
) -> None:
    if connections["default"].vendor == "sqlite":
        pytest.skip("SQLite has one writer: the job cannot be put back before the wish is committed")
    row = jobs.fail.using(max_attempts=5).enqueue(1)
    committed, looked = threading.Event(), threading.Event()
    jobs.fail_late.enqueue(2, 0)

    def wish_slowly() -> None:
        with transaction.atomic():
            Cancellation.objects.create(job_id=row.pk, requested_by="bob")
            looked.set()
            committed.wait(30)
        connections.close_all()

    thread = threading.Thread(target=wish_slowly)
    thread.start()
    looked.wait(30)
    pool = start_pool()
    wait_for_start(journal, pool)
    wait_for_state(row.pk, State.SCHEDULED, pool)
    committed.set()
    thread.join()
    found = wait_for_state(row.pk, State.CANCELLED, pool)
    assert found.error == "cancelled by bob"
    assert len(journal.of(1)) == 1


def test_many_at_once_beside_quick_jobs(start_pool: StartPool, journal: Journal) -> None:
    rows = [jobs.sleep_for_ever.enqueue(key) for key in range(2)]
    enqueue_many(jobs.note.bind(key) for key in range(100, 600))
    pool = start_pool("-n", "3")
    for key in range(2):
        wait_for_start(journal, pool, key)
    for row in rows:
        cancel(row)
    for row in rows:
        wait_for_state(row.pk, State.CANCELLED, pool)
    wait_until(lambda: Job.objects.succeeded().count() == 500, about=lambda: pool.text)
    assert set(journal.counts().values()) == {1}


def test_progress_and_log_are_seen_while_it_runs_and_kept(start_pool: StartPool, journal: Journal) -> None:
    row = jobs.tell.enqueue(1, 2)
    pool = start_pool()
    wait_for_start(journal, pool)
    report: Report = wait_until(lambda: Report.objects.filter(pk=row.pk).first(), about=lambda: pool.text)
    assert (report.done, report.total, report.text) == (0, 3, "beginning")
    log = wait_until(lambda: Report.objects.get(pk=row.pk).log, about=lambda: pool.text)
    assert "WARNING tests.processes.jobs.tell begun 1" in log
    assert row.wait(SOON) is None
    report.refresh_from_db()
    assert (report.done, report.total, report.text) == (3, 3, "done")


def test_the_log_is_kept_when_its_worker_must_leave(start_pool: StartPool, journal: Journal) -> None:
    row = jobs.tell.enqueue(1, 60)
    pool = start_pool()
    wait_for_start(journal, pool)
    pool.signal(signal.SIGQUIT)
    assert pool.wait() == 4
    assert "begun 1" in Report.objects.get(pk=row.pk).log
    again = start_pool()
    wait_until(lambda: len(journal.of(1)) == 2, about=lambda: again.text)
    wait_until(lambda: Report.objects.get(pk=row.pk).log.count("begun 1") == 2, about=lambda: again.text)
    assert Report.objects.get(pk=row.pk).log.count("--- attempt 1, ") == 2


def test_waiting_for_jobs_of_a_pool(start_pool: StartPool) -> None:
    row = jobs.answer.enqueue("42")
    pool = start_pool()

    async def wait() -> Any:
        try:
            return await row.aresult(SOON)
        finally:
            await sync_to_async(connections.close_all)()

    assert asyncio.run(wait()) == "42"
    began = time.monotonic()
    assert row.wait() == "42"
    assert time.monotonic() - began < 1, pool.text
