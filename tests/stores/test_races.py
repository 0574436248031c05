"""Several processes at the same rows at once, each with a connection of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from jobqueue.models import Job
from jobqueue.outcomes import RELEASE
from jobqueue.states import State
from jobqueue.stores.base import Store
from jobqueue.stores.errors import is_locked_out
from jobqueue.stores.pools import PoolRegistry
from tests.processes.harness import Journal, environment
from tests.setups import current
from tests.stores.shelf import claim, new, succeeded

only_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one lock for all")


#: What people do takes rights that a pool's role need not have.
PEOPLE = "act_for"


def as_tests() -> dict[str, str]:
    """What the environment of this process says where that of pools says something else."""
    return {name: os.environ[name] for name in current().of_pools() if name in os.environ}


class Race:
    """Starts the same role in several processes and lets them go at once."""

    def __init__(self, directory: Path) -> None:
        self._environment = environment(Journal(directory / "journal"), {})
        self._processes: list[subprocess.Popen[str]] = []

    def run(self, count: int, *words: object) -> list[Any]:
        """Return what each process got."""
        return self.ends(self.start(count, *words))

    def start(self, count: int, *words: object) -> list[subprocess.Popen[str]]:
        """Let so many processes go, and return them."""
        command = [sys.executable, "-m", "tests.stores.racer", *map(str, words)]
        surroundings = self._environment | (as_tests() if words[0] == PEOPLE else {})
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        started = [subprocess.Popen(command, env=surroundings, text=True, **pipes) for _ in range(count)]
        self._processes += started
        assert [process.stdout.readline() for process in started] == ["ready\n"] * count  # type: ignore[union-attr]
        for process in started:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        return started

    def ends(self, started: list[subprocess.Popen[str]]) -> list[Any]:
        """Wait for processes, and return what each got."""
        ends = [process.communicate() for process in started]
        assert [process.returncode for process in started] == [0] * len(ends), "\n".join(err for _, err in ends)
        return [json.loads(out) for out, _ in ends]

    def end(self) -> None:
        for process in self._processes:
            process.kill()
            process.communicate()


@pytest.fixture
def race(tmp_path: Path) -> Iterator[Race]:
    each = Race(tmp_path)
    yield each
    each.end()


def test_of_eight_processes_none_claims_what_another_has(store: Store, pool: int, race: Race) -> None:
    ids = store.insert_many([new(priority=n % 3, queue=f"queue-{n % 5}") for n in range(8 * 500)])
    claimed = race.run(8, "claim_all", pool)
    counts = Counter(job_id for got in claimed for job_id in got)
    assert counts == Counter(ids)
    assert sum(1 for got in claimed if got) > 1
    assert set(Job.objects.values_list("state", "attempts")) == {(State.SUCCEEDED, 1)}


def test_of_four_processes_each_promotes_others(store: Store, race: Race) -> None:
    due = timezone.now()
    store.insert_many([new() for _ in range(2000)])
    Job.objects.update(state=State.SCHEDULED, run_at=due)
    assert sum(race.run(4, "promote_all")) == 2000
    assert set(Job.objects.values_list("state", "run_at", "attempts")) == {(State.READY, due, 0)}


@pytest.mark.parametrize("keep", ["keep", "delete"])
def test_finishing_rescuing_and_pruning_at_once_never_lock_each_other_out(
    store: Store, pool: int, race: Race, keep: str
) -> None:
    ids = set(store.insert_many([new() for _ in range(1500)]))
    before = deadlocks()
    deleted = {job_id for got in race.run(4, "churn", pool, 50, keep) for job_id in got}
    assert deadlocks() == before
    gone = ids - set(Job.objects.values_list("pk", flat=True))
    assert gone
    assert gone <= deleted or keep == "keep"
    ended = {State(state) for state in Job.objects.values_list("state", flat=True)}
    assert ended <= {State.READY, State.RUNNING, State.SUCCEEDED}


def test_renewing_and_releasing_the_same_jobs_at_once_never_lock_each_other_out(
    store: Store, pool: int, race: Race
) -> None:
    ids = store.insert_many([new() for _ in range(60)])
    before = deadlocks()
    assert sum(race.run(2, "renew_and_release", pool, 150)) > 0
    assert deadlocks() == before
    assert set(Job.objects.values_list("pk", flat=True)) == set(ids)


def deadlocks() -> int:
    """Those that the server has broken up in this database, ever."""
    if connection.vendor != "postgresql":
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


@only_postgresql
class TestARowThatSomebodyLocks:
    """Somebody looks at a row FOR UPDATE and goes to lunch: nobody may wait for it."""

    @pytest.fixture
    def somebody(self, store: Store) -> Iterator[BaseDatabaseWrapper]:
        other = connection.copy()
        other.set_autocommit(False)
        yield other
        other.rollback()
        other.close()

    def lock(self, somebody: BaseDatabaseWrapper, job_id: int) -> None:
        with somebody.cursor() as cursor:
            cursor.execute("SELECT 1 FROM jobqueue_job WHERE id = %s FOR UPDATE", [job_id])

    def test_a_claim_takes_the_others(self, store: Store, pool: int, somebody: BaseDatabaseWrapper) -> None:
        ids = store.insert_many([new() for _ in range(10)])
        self.lock(somebody, ids[0])
        assert [job.id for job in claim(store, pool)] == ids[1:]

    def test_a_claim_still_fills_up(self, store: Store, pool: int, somebody: BaseDatabaseWrapper) -> None:
        ids = store.insert_many([new() for _ in range(10)])
        self.lock(somebody, ids[0])
        assert [job.id for job in claim(store, pool, 3)] == ids[1:4]

    def test_a_promotion_takes_the_others(self, store: Store, somebody: BaseDatabaseWrapper) -> None:
        ids = store.insert_many([new() for _ in range(10)])
        Job.objects.update(state=State.SCHEDULED)
        self.lock(somebody, ids[0])
        assert store.promote().moved == 9

    def test_a_rescue_takes_the_others(
        self, store: Store, pools: PoolRegistry, pool: int, somebody: BaseDatabaseWrapper
    ) -> None:
        store.insert_many([new() for _ in range(10)])
        jobs = claim(store, pool)
        pools.retire(pool)
        self.lock(somebody, jobs[0].id)
        rescued = {each.job.id for each in store.rescue(lambda job: RELEASE)}
        assert rescued == {job.id for job in jobs[1:]}

    def test_pruning_takes_the_others(self, store: Store, pool: int, somebody: BaseDatabaseWrapper) -> None:
        store.insert_many([new() for _ in range(10)])
        jobs = claim(store, pool)
        assert store.finish([succeeded(job) for job in jobs]) == []
        self.lock(somebody, jobs[0].id)
        assert store.prune(-60) == 9
        assert Job.objects.get().pk == jobs[0].id

    def test_a_finish_gives_up_soon_and_around_the_lock_the_others_are_written(
        self, store: Store, pool: int, somebody: BaseDatabaseWrapper
    ) -> None:
        store.insert_many([new() for _ in range(10)])
        jobs = claim(store, pool)
        self.lock(somebody, jobs[3].id)
        finishes = [succeeded(job) for job in jobs]
        began = time.monotonic()
        with pytest.raises(OperationalError, match="lock timeout") as caught:
            store.finish(finishes)
        assert is_locked_out(caught.value)
        assert time.monotonic() - began < 1.5
        assert store.finish_around_locks(finishes) == ([], [finishes[3]])
        assert Job.objects.running().get().pk == jobs[3].id
        somebody.rollback()
        assert store.finish_around_locks(finishes) == ([], [])
        assert Job.objects.succeeded().count() == 10

    def test_a_renewal_takes_the_others(self, store: Store, pool: int, somebody: BaseDatabaseWrapper) -> None:
        store.insert_many([new() for _ in range(10)])
        jobs = claim(store, pool)
        self.lock(somebody, jobs[3].id)
        assert [job.id for job in store.restamp(jobs, uuid4())] == [job.id for job in jobs if job is not jobs[3]]
        assert Job.objects.get(claim_id=jobs[3].claim_id).pk == jobs[3].id

    def test_a_beat_gives_up_instead_of_waiting_for_ever(
        self, store: Store, pools: PoolRegistry, pool: int, somebody: BaseDatabaseWrapper
    ) -> None:
        with somebody.cursor() as cursor:
            cursor.execute("SELECT 1 FROM jobqueue_pool FOR UPDATE")
        with pytest.raises(OperationalError, match="lock timeout"):
            pools.beat(pool)
        somebody.rollback()
        assert pools.beat(pool)
