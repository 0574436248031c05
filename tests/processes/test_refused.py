"""The database refuses a running pool what it needs: a privilege is taken away, a table is gone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from django.db import connection

from jobqueue import enqueue_many
from jobqueue import models as tables
from jobqueue.models import Job
from jobqueue.states import State
from tests.processes import jobs
from tests.processes.harness import Journal, Pool, wait_until
from tests.processes.test_pool import all_succeeded, states
from tests.setups import current
from tests.setups.roles import WORKER, LeastPrivilege, grant, roles, ungrant, url_of
from tests.stores.test_plans import only_on

StartPool = Callable[..., Pool]

#: From the first refusal to the pool's end.
PATIENCE = 60.0


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def refusals(pool: Pool) -> list[str]:
    return [line for line in pool.text.splitlines() if "the pool stops soon unless that is mended" in line]


@pytest.fixture
def as_worker(unpooled: None, transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the pools log in with the worker's role."""
    url = os.environ["DATABASE_URL"]
    monkeypatch.setenv("DATABASE_URL", url_of(WORKER, url))
    with roles(url):
        grant(connection)
        yield
        if isinstance(current(), LeastPrivilege):
            grant(connection)
        else:
            ungrant(connection)


@only_on("postgresql")
@pytest.mark.usefixtures("as_worker")
class TestPrivileges:
    def test_pools_have_the_workers_role(self, start_pool: StartPool) -> None:
        pool = start_pool()
        wait_until(lambda: tables.Pool.objects.exists(), about=lambda: pool.text)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = current_database() "
                "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
            assert cursor.fetchall() == [(WORKER,)]

    def test_taken_away_and_granted_again_in_time_all_goes_on(
        self, start_pool: StartPool, journal: Journal
    ) -> None:
        pool = start_pool("-n", "3")
        wait_until(lambda: tables.Pool.objects.exists(), about=lambda: pool.text)
        jobs.nap.using(priority=1).enqueue(-1, 1)
        wait_until(lambda: journal.of(-1), about=lambda: pool.text)
        run(f"REVOKE UPDATE ON jobqueue_job FROM {WORKER}")
        enqueue_many(jobs.note.bind(key) for key in range(100))
        [line] = wait_until(lambda: refusals(pool), about=lambda: pool.text)
        assert f"GRANT UPDATE ON jobqueue_job TO {WORKER};" in line
        run(f"GRANT UPDATE ON jobqueue_job TO {WORKER}")
        wait_until(lambda: all_succeeded(101), about=lambda: f"{states()} {pool.text}")
        assert journal.counts() == dict.fromkeys(range(-1, 100), 1)
        assert set(Job.objects.values_list("attempts", "crashes")) == {(1, 0)}
        assert pool.stop() == 0
        assert len(refusals(pool)) == 1, "each process says so by itself"

    @pytest.mark.parametrize(
        ("privilege", "settings"),
        [
            ("UPDATE ON jobqueue_job", {}),
            ("UPDATE ON jobqueue_pool", {}),
            ("DELETE ON jobqueue_job", {"KEEP_SUCCEEDED": 0}),
        ],
        ids=["jobs", "pools", "ends"],
    )
    def test_not_granted_again_the_pool_ends_with_status_1_and_leaves_all_to_others(
        self, start_pool: StartPool, journal: Journal, privilege: str, settings: dict[str, int]
    ) -> None:
        pool = start_pool("-n", "2", **settings)
        wait_until(lambda: tables.Pool.objects.exists(), about=lambda: pool.text)
        enqueue_many([jobs.nap.bind(-1, 1)], priority=1)
        wait_until(lambda: journal.of(-1), about=lambda: pool.text)
        run(f"REVOKE {privilege} FROM {WORKER}")
        enqueue_many(jobs.note.bind(key) for key in range(50))
        assert pool.wait(PATIENCE) == 1
        [line] = refusals(pool)
        assert f"GRANT {privilege} TO {WORKER};" in line
        assert "the database still refuses what the pool needs; stopping" in pool.text
        assert "Traceback" not in pool.text
        run(f"GRANT {privilege} TO {WORKER}")
        other = start_pool("-n", "2", "-v", "0")
        wait_until(lambda: set(states()) <= {"succeeded"}, about=lambda: f"{states()} {other.text}")
        assert set(journal.counts("end")) == {-1}
        assert set(journal.counts()) == set(range(-1, 50))
        assert max(journal.counts().values()) <= 2


def test_a_table_that_comes_back_in_time(start_pool: StartPool, journal: Journal) -> None:
    pool = start_pool("-n", "2")
    wait_until(lambda: tables.Pool.objects.exists(), about=lambda: pool.text)
    run("ALTER TABLE jobqueue_job RENAME TO jobqueue_jobs_elsewhere")
    try:
        [line] = wait_until(lambda: refusals(pool), about=lambda: pool.text)
    finally:
        run("ALTER TABLE jobqueue_jobs_elsewhere RENAME TO jobqueue_job")
    assert "The table jobqueue_job is missing in database" in line
    assert "Run: python manage.py migrate jobqueue" in line
    jobs.note.enqueue(1)
    wait_until(lambda: all_succeeded(1), about=lambda: pool.text)
    assert pool.stop() == 0


def test_a_table_that_stays_away(start_pool: StartPool) -> None:
    pool = start_pool("-n", "2")
    wait_until(lambda: tables.Pool.objects.exists(), about=lambda: pool.text)
    run("ALTER TABLE jobqueue_pool RENAME TO jobqueue_pools_elsewhere")
    try:
        assert pool.wait(PATIENCE) == 1
    finally:
        run("ALTER TABLE jobqueue_pools_elsewhere RENAME TO jobqueue_pool")
    [line] = refusals(pool)
    assert "The table jobqueue_pool is missing in database" in line


def test_a_job_that_leaves_with_the_same_exit_status_stops_no_pool(
    start_pool: StartPool, journal: Journal
) -> None:
    jobs.leave_as_if_refused.using(priority=1).enqueue(0)
    jobs.note.enqueue(1)
    pool = start_pool()
    wait_until(lambda: states() == {"succeeded": 1, "failed": 1}, about=lambda: pool.text)
    assert Job.objects.get(state=State.FAILED).crashes == 1
    assert pool.stop() == 0
