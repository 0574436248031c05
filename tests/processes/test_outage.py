"""The database is away when a pool starts, or in the middle of its work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection

from jobqueue import models as tables
from jobqueue.models import Job
from tests.processes import jobs
from tests.processes.conftest import QUICK
from tests.processes.harness import AS_ROOT, MANAGE, Journal, Pool, environment, wait_until
from tests.processes.test_pool import all_succeeded, states

StartPool = Callable[..., Pool]


@pytest.fixture
def _postgresql(transactional_db: None) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no server that could be away")


@pytest.mark.usefixtures("_postgresql")
def test_lost_connections_are_opened_again_and_no_job_runs_twice(start_pool: StartPool, journal: Journal) -> None:
    pool = start_pool("-n", "2", "-v", "0")
    wait_until(lambda: tables.Pool.objects.exists(), about=lambda: pool.text)
    for key in range(100):
        jobs.nap.enqueue(key, 0.02)
        if key % 10 == 0:
            terminate_the_pools_backends()
    wait_until(lambda: all_succeeded(100), about=lambda: f"{states()} {pool.text}")
    assert journal.counts("end") == dict.fromkeys(range(100), 1)
    assert set(Job.objects.values_list("attempts", "crashes")) == {(1, 0)}
    assert pool.stop() == 0


def terminate_the_pools_backends() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.mark.usefixtures("_postgresql")
def test_a_pool_that_starts_before_its_database_waits_for_it(tmp_path: Path, journal: Journal) -> None:
    """A server that refuses: the name of a database that does not exist yet."""
    name = connection.settings_dict["NAME"]
    pool_environment = environment(journal, QUICK) | {"JOBQUEUE_TEST_DATABASE_NAME": f"{name}_later"}
    with (tmp_path / "log").open("w") as stream:
        pool = subprocess.Popen(
            [sys.executable, str(MANAGE), "jobworker"],
            env=pool_environment,
            stdout=stream,
            stderr=subprocess.STDOUT,
            cwd=tmp_path,
        )
    try:
        said = 'Cannot reach database "default"'  # by the command, then by the pool, which can obey
        wait_until(lambda: (tmp_path / "log").read_text().count(said) >= 2)
        assert pool.poll() is None
        pool.send_signal(signal.SIGTERM)
        assert pool.wait(30) == 0
    finally:
        pool.kill()
        pool.wait()


@pytest.mark.parametrize("action", ["run", "start", "work_off"])
def test_told_to_fail_fast_it_does_not_wait_for_its_database(
    transactional_db: None, tmp_path: Path, journal: Journal, action: str
) -> None:
    away = "no_such_database" if connection.vendor == "postgresql" else str(tmp_path / "nowhere" / "db.sqlite3")
    done = subprocess.run(
        [sys.executable, str(MANAGE), "jobworker", action, "--fail-fast", *AS_ROOT],
        env=environment(journal, QUICK) | {"JOBQUEUE_TEST_DATABASE_NAME": away},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith('CommandError: Cannot reach database "default": ')
    assert not list(tmp_path.glob("jobworker.*"))


def test_while_sqlite_is_locked_jobs_wait_and_none_is_lost(start_pool: StartPool, journal: Journal) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL has no lock for all writers")
    pool = start_pool("-n", "2", "-v", "0")
    wait_until(lambda: tables.Pool.objects.exists(), about=lambda: pool.text)
    for key in range(50):
        jobs.nap.enqueue(key, 0.01)
    connection.close()
    locked = threading.Event()
    holder = threading.Thread(target=hold_the_lock, args=(locked, 3.0))
    holder.start()
    locked.wait()
    holder.join()
    wait_until(lambda: all_succeeded(50), about=lambda: f"{states()} {pool.text}")
    assert journal.counts("end") == dict.fromkeys(range(50), 1)
    assert pool.stop() == 0


def hold_the_lock(locked: threading.Event, seconds: float) -> None:
    import sqlite3

    other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        locked.set()
        threading.Event().wait(seconds)
        other.execute("COMMIT")
    finally:
        other.close()


def test_nothing_of_a_pool_is_left_when_its_parent_is_gone(start_pool: StartPool, journal: Journal) -> None:
    pool = start_pool("-n", "3")
    wait_until(lambda: len(pool.children()) == 4, about=lambda: pool.text)
    children = pool.children()
    os.kill(pool.pid, signal.SIGKILL)
    pool.wait()
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children))
