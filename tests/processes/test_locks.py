"""Others at the rows of a real pool: they lock them and go to lunch, or act on them all the time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from jobqueue import enqueue_many
from jobqueue import models as tables
from jobqueue.models import Job
from jobqueue.states import State
from tests.processes import jobs
from tests.processes.conftest import QUICK
from tests.processes.harness import MANAGE, Journal, Pool, environment, wait_until
from tests.processes.test_pool import all_succeeded, states
from tests.stores.test_races import Race, deadlocks, race  # noqa: F401 (a fixture)

StartPool = Callable[..., Pool]
Lock = Callable[[int], None]

pytestmark = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one lock for all")


class Somebody:
    """A person at a prompt, who says BEGIN and SELECT … FOR UPDATE."""

    def __init__(self) -> None:
        self._connection = connection.copy()

    def lock(self, job_id: int) -> None:
        self.run("SELECT FROM jobqueue_job WHERE id = %s FOR UPDATE", job_id)

    def run(self, statement: str, *parameters: int) -> None:
        self._connection.set_autocommit(False)
        with self._connection.cursor() as cursor:
            cursor.execute(statement, parameters)

    def let_go(self) -> None:
        self._connection.rollback()
        self._connection.close()


@pytest.fixture
def somebody(transactional_db: None) -> Iterator[Somebody]:
    somebody = Somebody()
    yield somebody
    somebody.let_go()


def test_the_ends_of_others_are_written_while_one_row_is_locked(
    start_pool: StartPool, journal: Journal, somebody: Somebody
) -> None:
    pool = start_pool("-v", "0")
    locked = jobs.nap.using(priority=1).enqueue(-1, 1)
    wait_until(lambda: journal.of(-1), about=lambda: pool.text)
    somebody.lock(locked.pk)
    enqueue_many(jobs.note.bind(key) for key in range(200))
    wait_until(lambda: journal.of(-1, "end"), about=lambda: pool.text)
    began = time.monotonic()
    wait_until(lambda: states() == {"running": 1, "succeeded": 200}, about=lambda: f"{states()} {pool.text}")
    assert time.monotonic() - began < 3, "they waited for the lock's time-out"
    somebody.let_go()
    wait_until(lambda: all_succeeded(201), about=lambda: f"{states()} {pool.text}")
    assert journal.counts() == dict.fromkeys(range(-1, 200), 1)
    assert set(Job.objects.values_list("attempts", "crashes")) == {(1, 0)}
    assert pool.stop() == 0
    assert "Cannot reach" not in pool.text


def test_a_worker_that_dies_meanwhile_makes_no_job_run_again_that_had_ended(
    start_pool: StartPool, journal: Journal, somebody: Somebody
) -> None:
    pool = start_pool()
    locked = jobs.nap.using(priority=1).enqueue(-1, 1)
    wait_until(lambda: journal.of(-1), about=lambda: pool.text)
    somebody.lock(locked.pk)
    enqueue_many(jobs.note.bind(key) for key in range(100))
    wait_until(lambda: states() == {"running": 1, "succeeded": 100}, about=lambda: f"{states()} {pool.text}")
    os.kill(journal.of(-1)[0].pid, signal.SIGKILL)
    wait_until(lambda: "was killed by SIGKILL" in pool.text, about=lambda: pool.text)
    somebody.let_go()
    wait_until(lambda: all_succeeded(101), about=lambda: f"{states()} {pool.text}")
    assert journal.counts() == dict.fromkeys(range(-1, 100), 1)
    assert set(Job.objects.values_list("attempts", "crashes")) == {(1, 0)}


def test_a_job_that_waits_in_a_workers_hands_is_performed_when_its_row_is_free(
    start_pool: StartPool, journal: Journal, somebody: Somebody
) -> None:
    enqueue_many((jobs.note.bind(key) for key in range(300)), priority=2)
    enqueue_many([jobs.nap.bind(-1, 1.5)], priority=1)
    enqueue_many(jobs.note.bind(key) for key in range(300, 350))
    pool = start_pool("-v", "0")
    wait_until(lambda: journal.of(-1), about=lambda: pool.text)
    held = Job.objects.running().filter(priority=0).values_list("pk", flat=True).first()
    assert held is not None
    somebody.lock(held)
    wait_until(lambda: len(journal.counts()) == 350, about=lambda: f"{states()} {pool.text}")
    somebody.let_go()
    wait_until(lambda: all_succeeded(351), about=lambda: f"{states()} {pool.text}")
    assert journal.counts() == dict.fromkeys(range(-1, 350), 1)
    assert set(Job.objects.values_list("attempts", "crashes")) == {(1, 0)}
    assert pool.stop() == 0


def test_a_lock_on_the_whole_table_is_no_outage(
    start_pool: StartPool, journal: Journal, somebody: Somebody
) -> None:
    """As a migration takes it."""
    pool = start_pool("-n", "2", "-v", "0", LEASE_SECONDS=60)
    wait_until(lambda: tables.Pool.objects.exists(), about=lambda: pool.text)
    enqueue_many((jobs.nap.bind(key, 0.5) for key in range(2)), priority=1)
    enqueue_many(jobs.note.bind(key) for key in range(2, 100))
    wait_until(lambda: len(journal.entries()) >= 2, about=lambda: pool.text)
    somebody.run("LOCK TABLE jobqueue_job IN ACCESS EXCLUSIVE MODE")
    wait_until(lambda: waiting_for_a_lock() >= 3)
    wait_until(lambda: waiting_for_a_lock() < 3)  # one of them has given up, for now
    somebody.let_go()
    wait_until(lambda: all_succeeded(100), about=lambda: f"{states()} {pool.text}")
    assert journal.counts() == dict.fromkeys(range(100), 1)
    assert set(Job.objects.values_list("attempts", "crashes")) == {(1, 0)}
    assert pool.stop() == 0
    assert "Cannot reach" not in pool.text


def waiting_for_a_lock() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return int(cursor.fetchone()[0])


def test_while_a_pools_own_row_is_locked_it_does_all_else(
    start_pool: StartPool, journal: Journal, somebody: Somebody
) -> None:
    pool = start_pool("-n", "2", "-v", "0")
    row = wait_until(lambda: tables.Pool.objects.first(), about=lambda: pool.text)
    somebody.run("SELECT FROM jobqueue_pool FOR UPDATE")
    wait_until(lambda: waiting_for_a_lock() > 0)
    jobs.note.using(run_at=timezone.now() + timedelta(seconds=1)).enqueue(1)
    wait_until(lambda: all_succeeded(1), about=lambda: f"{states()} {pool.text}")
    beats = tables.Pool.objects.get().beats
    somebody.let_go()
    wait_until(lambda: tables.Pool.objects.get().beats > beats, about=lambda: pool.text)
    assert tables.Pool.objects.get().pk == row.pk
    assert pool.stop() == 0
    assert "Cannot reach" not in pool.text


def test_a_pass_writes_the_others_and_waits_for_the_locked_one(
    tmp_path: Path, journal: Journal, somebody: Somebody
) -> None:
    locked = jobs.nap.using(priority=1).enqueue(-1, 1)
    enqueue_many(jobs.note.bind(key) for key in range(50))
    command = [sys.executable, str(MANAGE), "jobworker", "work_off"]
    with subprocess.Popen(
        command, env=environment(journal, QUICK), cwd=tmp_path, stdout=subprocess.DEVNULL
    ) as work_off:
        wait_until(lambda: journal.of(-1))
        somebody.lock(locked.pk)
        wait_until(lambda: states() == {"running": 1, "succeeded": 50}, about=lambda: str(states()))
        assert work_off.poll() is None
        somebody.let_go()
        assert work_off.wait(30) == 0
    assert all_succeeded(51)
    assert journal.counts() == dict.fromkeys(range(-1, 50), 1)


def test_workers_pruning_and_people_never_lock_each_other_out(
    start_pool: StartPool,
    journal: Journal,
    race: Race,  # noqa: F811
) -> None:
    before = deadlocks()
    pools = [start_pool("-n", "4", "-v", "0", MAX_ATTEMPTS=2, BACKOFF="tests.processes.jobs.soon") for _ in "ab"]
    enqueue_many(jobs.note.bind(key) for key in range(3000))
    enqueue_many(jobs.fail.bind(key) for key in range(3000, 3500))
    people = race.start(2, "act_for", 5, "one by one") + race.start(1, "act_for", 5, "together")
    pruning = race.start(2, "prune_for", 5)
    acts, pruned = race.ends(people), race.ends(pruning)
    assert all(acts)
    assert all(pruned)
    assert {pool.stop() for pool in pools} == {0}, pools[0].text
    assert deadlocks() == before
    assert not Job.objects.filter(state=State.RUNNING).exists()
