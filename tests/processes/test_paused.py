"""Real pools beside classes that rest: they go on with the rest, and are no busier for it than an idle pool."""

from __future__ import annotations

import time
from collections.abc import Callable

from jobqueue import enqueue_many, pause_class, resume_class
from jobqueue.models import Job
from tests.processes import jobs
from tests.processes.garage import family
from tests.processes.harness import Journal, Pool, wait_until
from tests.processes.test_idle import wake_ups

StartPool = Callable[..., Pool]
RESTS = "tests.processes.jobs.nap"
SECONDS = 4


def woken(pool: Pool) -> float:
    """How often a second the pool's threads wake up."""
    pids = [pool.pid, *family(pool.pid)]
    before, began = wake_ups(pids), time.monotonic()
    time.sleep(SECONDS)
    return (wake_ups(pids) - before) / (time.monotonic() - began)


def test_jobs_behind_a_class_that_rests_are_performed_and_its_own_when_it_goes_on(
    start_pool: StartPool, journal: Journal
) -> None:
    pause_class(RESTS)
    enqueue_many(jobs.nap.bind(key, 0) for key in range(200))
    pool = start_pool("-n", "2")
    enqueue_many(jobs.note.bind(key) for key in range(1000, 1050))
    wait_until(lambda: Job.objects.succeeded().count() == 50, about=lambda: pool.text)
    assert set(journal.counts()) == set(range(1000, 1050))
    resume_class(RESTS)
    wait_until(lambda: Job.objects.succeeded().count() == 250, about=lambda: pool.text)
    assert set(journal.counts().values()) == {1}
    assert pool.stop() == 0


def test_a_backlog_that_rests_keeps_nobody_busy(start_pool: StartPool, journal: Journal) -> None:
    pool = start_pool("-n", "2")
    jobs.note.enqueue(1)
    wait_until(lambda: journal.of(1), about=lambda: pool.text)
    time.sleep(1)
    idle = woken(pool)
    pause_class(RESTS)
    enqueue_many(jobs.nap.bind(key, 0) for key in range(200))
    time.sleep(2)
    resting = woken(pool)
    print(f"woken {idle:.1f} times a second, beside a backlog that rests {resting:.1f}")
    assert resting < idle + 10
    assert not journal.of(0)
    assert pool.stop() == 0
