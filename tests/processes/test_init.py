"""The supervisor as process 1, as in most containers: the parent of all that lost theirs."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobqueue import enqueue_many
from jobqueue.models import Job
from tests.processes import jobs
from tests.processes.conftest import QUICK
from tests.processes.harness import Journal, Pool, is_running, parent_of, processes, wait_until
from tests.processes.test_pool import all_succeeded, states

#: Who is not root becomes it in there, where that is allowed.
WITH_RIGHTS = () if os.geteuid() == 0 else ("--user", "--map-root-user")
CONTAINER = ("unshare", *WITH_RIGHTS, "--pid", "--fork", "--mount-proc", "--kill-child")


@pytest.fixture(scope="module", autouse=True)
def _container() -> None:
    try:
        subprocess.run([*CONTAINER, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"this machine gives no process numbers of one's own: {error}")


@pytest.fixture
def pool(transactional_db: None, tmp_path: Path, journal: Journal) -> Iterator[Pool]:
    pool = Pool(tmp_path, journal, ("-n", "2"), QUICK, under=CONTAINER)
    yield pool
    pool.end()


def init_of(pool: Pool) -> int:
    """Process 1 of the container, by its number outside."""
    [pid] = wait_until(pool.children, about=lambda: pool.text)
    return int(pid)


def children_of(pid: int) -> list[int]:
    return [each for each in processes() if parent_of(each) == pid]


def zombies_of(pid: int) -> list[int]:
    return [each for each in children_of(pid) if not is_running(each)]


def test_no_zombie_stays_of_what_jobs_leave_behind(pool: Pool, journal: Journal) -> None:
    init = init_of(pool)
    enqueue_many(jobs.leave_an_orphan.bind(key) for key in range(20))
    wait_until(lambda: len(journal.counts("orphan")) == 20, about=lambda: f"{states()} {pool.text}")
    wait_until(lambda: all_succeeded(20), about=lambda: f"{states()} {pool.text}")
    assert "pid:1\n" in pool.text.splitlines(keepends=True)[0]
    wait_until(lambda: not zombies_of(init), 3, about=lambda: f"{zombies_of(init)} {pool.text}")


def test_meanwhile_it_knows_how_its_own_children_ended(pool: Pool, journal: Journal) -> None:
    enqueue_many(jobs.leave_an_orphan.bind(key) for key in range(100, 140))
    for key in range(5):
        jobs.die_once.enqueue(key)
    wait_until(lambda: states() == {"succeeded": 40, "failed": 5}, about=lambda: f"{states()} {pool.text}")
    errors = Job.objects.failed().values_list("last_error", flat=True)
    assert all("exit status 7" in str(error) for error in errors)
    init = init_of(pool)
    wait_until(lambda: len(children_of(init)) == 3 and not zombies_of(init), 3, about=lambda: pool.text)


def test_told_to_stop_it_finishes_what_runs(pool: Pool, journal: Journal) -> None:
    jobs.nap.enqueue(1, 1)
    wait_until(lambda: journal.of(1), about=lambda: pool.text)
    subprocess.run(["kill", f"-{signal.SIGTERM}", str(init_of(pool))], check=True)
    assert pool.wait() == 0
    assert journal.of(1, "end")
    assert all_succeeded(1)
