"""Many coroutines at a time on one event loop, beside jobs that block."""

from __future__ import annotations

from jobqueue import enqueue_many
from jobqueue.models import Job
from jobqueue.states import State
from tests.processes import jobs
from tests.processes.harness import Journal, wait_until
from tests.processes.test_pool import StartPool, all_succeeded, states


def test_jobs_that_block_are_performed_one_at_a_time_beside_them(start_pool: StartPool, journal: Journal) -> None:
    pool = start_pool("--async", "10", "-v", "0")
    enqueue_many(jobs.nap.bind(key, 0.5) for key in range(4))
    jobs.async_nap.enqueue(10, 3.0)
    wait_until(lambda: all_succeeded(5), about=lambda: pool.text)
    naps = sorted(entry.at for entry in journal.entries("start") if entry.key != "10")
    wakes = sorted(entry.at for entry in journal.entries("end") if entry.key != "10")
    assert all(wake < nap for wake, nap in zip(wakes, naps[1:], strict=False))
    [begin], [end] = journal.of(10), journal.of(10, "end")
    assert begin.at < wakes[-1]
    assert naps[0] < end.at


def test_a_time_limit_ends_its_own_coroutine_alone(start_pool: StartPool, journal: Journal) -> None:
    pool = start_pool("--async", "10")
    jobs.async_nap.using(max_run_time=0.3, max_attempts=1).enqueue(1, 60)
    jobs.async_nap.enqueue(2, 1.0)
    wait_until(lambda: states() == {"succeeded": 1, "failed": 1}, about=lambda: pool.text)
    assert "JobTimeout" in str(Job.objects.failed().get().last_error)
    assert journal.counts("end") == {2: 1}


def test_each_coroutine_knows_its_own_job(start_pool: StartPool, journal: Journal) -> None:
    pool = start_pool("--async", "10", "-v", "0")
    ids = enqueue_many(jobs.async_who.bind() for _ in range(10))
    wait_until(lambda: all_succeeded(10), about=lambda: pool.text)
    assert {int(entry.key) for entry in journal.entries("who")} == set(ids)


def test_stopping_puts_back_what_waits_for_a_place(start_pool: StartPool, journal: Journal) -> None:
    pool = start_pool("--async", "10", "-v", "0")
    enqueue_many(jobs.nap.bind(key, 2.0) for key in range(5))
    wait_until(lambda: journal.counts("start"), about=lambda: pool.text)
    assert pool.stop() == 0
    assert Job.objects.filter(state=State.READY, attempts=0).count() == 4
    assert Job.objects.succeeded().count() == 1
