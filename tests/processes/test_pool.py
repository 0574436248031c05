"""Pools performing jobs, losing workers, losing everything."""

from __future__ import annotations

import os
import re
import signal
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from jobqueue import enqueue_many
from jobqueue import models as tables
from jobqueue.models import Job
from jobqueue.states import State
from tests.app.models import Document
from tests.processes import jobs
from tests.processes.harness import Journal, Pool, is_running, wait_until

StartPool = Callable[..., Pool]


def states() -> dict[str, int]:
    return dict(Counter(State(state).label for state in Job.objects.values_list("state", flat=True)))


def all_succeeded(count: int) -> bool:
    return states() == {"succeeded": count}


def busy_worker(job_id: int) -> int | None:
    """The pid of the worker that holds a job."""
    locked_by = Job.objects.get(pk=job_id).locked_by
    found = re.search(r"pid:(\d+)$", locked_by or "")
    return int(found[1]) if found else None


def test_two_pools_of_four_perform_each_job_exactly_once(start_pool: StartPool, journal: Journal) -> None:
    pools = [start_pool("-n", "4", "-v", "0") for _ in range(2)]
    wait_until(lambda: tables.Pool.objects.count() == 2, about=lambda: pools[0].text)
    enqueue_many(jobs.note.bind(key) for key in range(2000))
    wait_until(lambda: all_succeeded(2000), about=lambda: f"{states()} {pools[0].text}")
    assert journal.counts() == dict.fromkeys(range(2000), 1)
    assert {pool.stop() for pool in pools} == {0}
    assert not tables.Pool.objects.exists()
    assert not Job.objects.exclude(locked_at=None, pool=None).exists()


def test_a_killed_worker_loses_no_job_and_its_siblings_go_on(start_pool: StartPool, journal: Journal) -> None:
    pool = start_pool("-n", "2")
    [victim] = enqueue_many([jobs.nap.bind(0, 3)], priority=1)
    worker = wait_until(lambda: journal.of(0) and busy_worker(victim), about=lambda: pool.text)
    enqueue_many(jobs.nap.bind(key, 0.01) for key in range(1, 100))
    wait_until(lambda: len(journal.counts()) > 20)
    siblings = set(pool.children()) - {worker}
    os.kill(worker, signal.SIGKILL)
    first, second = wait_until(lambda: (found := journal.of(0)) and len(found) == 2 and found, 10)
    wait_until(lambda: all_succeeded(100), about=lambda: f"{states()} {pool.text}")
    assert journal.counts() == {0: 2, **dict.fromkeys(range(1, 100), 1)}
    assert siblings < set(pool.children())
    row = Job.objects.get(pk=victim)
    assert (row.attempts, row.crashes) == (2, 1)
    assert "was killed by SIGKILL" in str(row.last_error)
    assert first.pid != second.pid
    assert pool.stop() == 0


def test_a_killed_pool_takes_its_children_along_and_another_performs_its_jobs(
    start_pool: StartPool, journal: Journal
) -> None:
    doomed = start_pool("-n", "2")
    ids = enqueue_many(jobs.nap_until.bind(key, "free") for key in range(2))
    wait_until(lambda: len(journal.entries()) == 2, about=lambda: doomed.text)
    survivor = start_pool("-n", "1")
    wait_until(lambda: tables.Pool.objects.count() == 2)
    children = doomed.children()
    doomed.signal(signal.SIGKILL)
    doomed.wait()
    wait_until(lambda: not any(map(is_running, children)))
    Document.objects.create(text="free")
    wait_until(lambda: all_succeeded(2), about=lambda: f"{states()} {survivor.text}")
    assert journal.counts() == {0: 2, 1: 2}
    assert set(Job.objects.filter(pk__in=ids).values_list("attempts", "crashes")) == {(2, 1)}
    assert survivor.stop() == 0


def test_a_poison_job_is_parked_and_the_queue_flows(start_pool: StartPool, journal: Journal) -> None:
    [poison] = enqueue_many([jobs.die.bind(-1)])
    enqueue_many(jobs.note.bind(key) for key in range(200))
    pool = start_pool("-n", "2", "-v", "0")
    wait_until(lambda: states() == {"succeeded": 200, "failed": 1}, about=lambda: f"{states()} {pool.text}")
    row = Job.objects.get(pk=poison)
    assert (row.attempts, row.crashes) == (3, 3)
    assert "Poison" in str(row.last_error)
    assert journal.counts() == {-1: 3, **dict.fromkeys(range(200), 1)}


def test_a_job_that_must_not_be_repeated_is_not(start_pool: StartPool, journal: Journal) -> None:
    jobs.die_once.enqueue(1)
    pool = start_pool()
    wait_until(lambda: states() == {"failed": 1}, about=lambda: pool.text)
    assert journal.counts() == {1: 1}
    assert "exit status 7" in str(Job.objects.get().last_error)


def test_jobs_do_not_wait_behind_a_slow_one(start_pool: StartPool, journal: Journal) -> None:
    """What a worker holds unstarted while it is busy for long goes to the others."""
    quick = enqueue_many(jobs.note.bind(key) for key in range(300))
    enqueue_many([jobs.nap.bind(-1, 6)], priority=-1)
    enqueue_many((jobs.note.bind(key) for key in range(300, 400)), priority=-2)
    pool = start_pool("-n", "2", "-v", "0")
    wait_until(lambda: len(journal.counts()) == 401, 5, about=lambda: f"{len(quick)} {states()} {pool.text}")
    assert not journal.of(-1, "end")
    wait_until(lambda: all_succeeded(401))
    assert set(journal.counts().values()) == {1}


def test_a_due_job_runs_at_its_time_and_not_before(start_pool: StartPool, journal: Journal) -> None:
    pool = start_pool(POLL_SECONDS=0.2)
    wait_until(lambda: tables.Pool.objects.exists(), about=lambda: pool.text)
    row = jobs.note.using(run_at=timezone.now() + timedelta(seconds=1)).enqueue(1)
    wait_until(lambda: all_succeeded(1), about=lambda: pool.text)
    started_at = Job.objects.get(pk=row.pk).started_at
    assert started_at is not None
    assert started_at >= row.run_at


@pytest.mark.parametrize(
    ("option", "count", "job", "seconds"), [("--threads", 10, jobs.nap, 0.5), ("--async", 20, jobs.async_nap, 1.0)]
)
def test_jobs_are_performed_side_by_side_in_one_process(
    start_pool: StartPool, journal: Journal, option: str, count: int, job: Any, seconds: float
) -> None:
    pool = start_pool(option, str(count), "-v", "0")
    enqueue_many(job.bind(key, seconds) for key in range(count))
    wait_until(lambda: len(journal.counts("end")) == count, about=lambda: pool.text)
    starts, ends = journal.entries("start"), journal.entries("end")
    assert max(entry.at for entry in starts) < min(entry.at for entry in ends)
    assert len({entry.pid for entry in starts}) == 1
    wait_until(lambda: all_succeeded(count))
    assert pool.stop() == 0


def test_async_jobs_are_performed(start_pool: StartPool, journal: Journal) -> None:
    pool = start_pool()
    jobs.async_nap.enqueue(1, 0.05)
    jobs.async_nap.using(max_run_time=0.2, max_attempts=1).enqueue(2, 60)
    wait_until(lambda: states() == {"succeeded": 1, "failed": 1}, about=lambda: pool.text)
    assert "JobTimeout" in str(Job.objects.failed().get().last_error)


def test_an_atomic_job_commits_its_effects_with_its_end(start_pool: StartPool) -> None:
    document = Document.objects.create()
    jobs.append_atomically.enqueue(document, "once")
    pool = start_pool()
    wait_until(lambda: all_succeeded(1), about=lambda: pool.text)
    document.refresh_from_db()
    assert document.text == "once"


def test_a_snoozed_job_is_not_charged(start_pool: StartPool, journal: Journal) -> None:
    pool = start_pool()
    jobs.snooze_once.enqueue(1)
    wait_until(lambda: all_succeeded(1), about=lambda: pool.text)
    assert len(journal.of(1, "attempt1")) == 1
    assert Job.objects.get().attempts == 1


@pytest.mark.parametrize("words", [("--max-jobs", "5"), ("--max-memory", "150")], ids=["jobs", "memory"])
def test_a_worn_out_worker_is_replaced(start_pool: StartPool, journal: Journal, words: tuple[str, str]) -> None:
    pool = start_pool(*words, "-v", "0")
    enqueue_many(jobs.grow.bind(key, 20) for key in range(20))
    wait_until(lambda: all_succeeded(20), about=lambda: f"{states()} {pool.text}")
    assert len({entry.pid for entry in journal.entries()}) > 1
    assert set(journal.counts().values()) == {1}
    assert set(Job.objects.values_list("attempts", flat=True)) == {1}


def test_signals_tell_when_workers_come_and_go(start_pool: StartPool, journal: Journal) -> None:
    pool = start_pool("-n", "2", "--app-name", "mailer")
    started = wait_until(lambda: len(found := journal.entries("worker_started")) == 2 and found)
    assert {entry.key.partition("_")[0] for entry in started} == {"mailer"}
    assert pool.stop() == 0
    assert {entry.pid for entry in journal.entries("worker_stopping")} == {entry.pid for entry in started}


def test_only_the_asked_queues_and_priorities(start_pool: StartPool, journal: Journal) -> None:
    for key, (queue, priority) in enumerate([("mail", 0), ("mail", 9), ("video", 5), ("other", 5)]):
        jobs.note.using(queue=queue, priority=priority).enqueue(key)
    pool = start_pool("--queue", "mail,video", "--min-priority", "1", "--max-priority", "9")
    wait_until(lambda: states() == {"succeeded": 2, "ready": 2}, about=lambda: pool.text)
    assert set(journal.counts()) == {1, 2}
    assert pool.stop() == 0


def test_a_restarted_maintenance_goes_on_with_the_same_lease(start_pool: StartPool, journal: Journal) -> None:
    pool = start_pool("-n", "1")
    row = wait_until(lambda: tables.Pool.objects.first(), about=lambda: pool.text)
    jobs.nap.enqueue(0, 4)
    worker = wait_until(lambda: [entry.pid for entry in journal.of(0)], about=lambda: pool.text)[0]
    [maintenance] = set(pool.children()) - {worker}
    os.kill(maintenance, signal.SIGKILL)
    wait_until(lambda: tables.Pool.objects.get().beats > row.beats + 3)
    wait_until(lambda: all_succeeded(1), about=lambda: pool.text)
    assert tables.Pool.objects.get().pk == row.pk
    assert journal.counts() == {0: 1}
    assert pool.stop() == 0


def test_a_pool_stopped_beyond_its_lease_takes_a_new_identity(start_pool: StartPool, journal: Journal) -> None:
    frozen = start_pool("-n", "1")
    old = wait_until(lambda: tables.Pool.objects.first(), about=lambda: frozen.text)
    jobs.nap.enqueue(0, 1)
    wait_until(lambda: journal.of(0))
    group = [frozen.pid, *frozen.children()]
    for pid in group:
        os.kill(pid, signal.SIGSTOP)
    survivor = start_pool("-n", "1")
    wait_until(lambda: all_succeeded(1), about=lambda: survivor.text)
    for pid in group:
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: tables.Pool.objects.filter(host=old.host, pid=frozen.pid, alive=True).exists())
    assert tables.Pool.objects.get(pid=frozen.pid, alive=True).pk != old.pk
    row = Job.objects.get()
    assert (row.state, row.attempts) == (State.SUCCEEDED, 2)
    jobs.note.enqueue(1)
    assert survivor.stop() == 0
    jobs.note.enqueue(2)
    wait_until(lambda: all_succeeded(3), about=lambda: frozen.text)
    assert frozen.stop() == 0


@pytest.mark.usefixtures("unpooled")
def test_a_pool_that_starts_before_the_jobs_is_woken(start_pool: StartPool, journal: Journal) -> None:
    pool = start_pool(POLL_SECONDS=60)
    wait_until(lambda: tables.Pool.objects.exists(), about=lambda: pool.text)
    for key in range(20):
        jobs.note.enqueue(key)
        wait_until(partial(journal.of, key), 10, about=lambda: pool.text)
    assert pool.stop() == 0


def test_without_listening_polling_finds_the_jobs(start_pool: StartPool, journal: Journal) -> None:
    pool = start_pool("--no-listen", "--sleep", "0.2")
    wait_until(lambda: tables.Pool.objects.exists(), about=lambda: pool.text)
    jobs.note.enqueue(1)
    wait_until(lambda: all_succeeded(1), about=lambda: pool.text)


def test_neighbours_of_a_job_that_takes_its_pool_along_are_blamed_once(
    start_pool: StartPool, journal: Journal
) -> None:
    """Three pools vanish over the same job, as when a container has no memory left for it."""
    enqueue_many(jobs.note.bind(key) for key in range(50))
    jobs.take_the_pool_along.enqueue(1000)
    enqueue_many(jobs.note.bind(key) for key in range(100, 400))
    for _ in range(3):
        pool = start_pool("-v", "0")
        assert pool.wait() == -signal.SIGKILL
    pool = start_pool("-v", "0")
    wait_until(lambda: states() == {"succeeded": 350, "failed": 1}, about=lambda: f"{states()} {pool.text}")
    [failed] = Job.objects.failed()
    assert "Poison" in str(failed.last_error)
    assert journal.counts()[1000] == 3
    assert max(Job.objects.succeeded().values_list("crashes", flat=True)) <= 1
    assert pool.stop() == 0


def test_its_processes_can_be_told_apart(start_pool: StartPool) -> None:
    pool = start_pool("-n", "2")
    wait_until(lambda: tables.Pool.objects.exists(), about=lambda: pool.text)
    names = Counter(Path(f"/proc/{pid}/comm").read_text().strip() for pid in pool.children())
    assert names == {"job-maintenance": 1, "job-worker": 2}
