"""New code, without DEBUG: by a restart (HUP), or by leaving for whoever starts pools (DJ40)."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from jobqueue import enqueue_many
from tests.processes import jobs
from tests.processes.garage import Garage
from tests.processes.harness import Journal, Pool, wait_until
from tests.processes.test_pool import states


@pytest.fixture
def garage(tmp_path: Path) -> Garage:
    found = Garage(tmp_path)
    found.debug(False)
    return found


def assert_nothing_is_lost(journal: Journal, total: int) -> None:
    wait_until(lambda: states() == {"succeeded": total}, about=lambda: str(states()))
    assert journal.counts("end") == dict.fromkeys(range(total), 1)
    versions = [len(journal.entries(f"version-{each}")) for each in ("one", "two")]
    assert sum(versions) == total
    assert min(versions) > 0
    last_of_one, first_of_two = journal.entries("version-one")[-1], journal.entries("version-two")[0]
    assert last_of_one.at < first_of_two.at


def test_hup_brings_the_new_code_and_loses_no_job(
    start_pool: Callable[..., Pool], garage: Garage, journal: Journal
) -> None:
    pool = start_pool("-n", "2", variables=garage.variables)
    enqueue_many(jobs.say_version.bind(key, 0.05) for key in range(60))
    wait_until(lambda: len(journal.entries("end")) > 10, about=lambda: pool.text)
    garage.release("two")
    pool.signal(signal.SIGHUP)
    assert_nothing_is_lost(journal, 60)
    assert pool.stop() == 0


def test_a_pool_that_leaves_for_new_code_loses_no_job(
    start_pool: Callable[..., Pool], garage: Garage, journal: Journal
) -> None:
    pool = start_pool("-n", "2", "--exit-on-code-change", variables=garage.variables)
    enqueue_many(jobs.say_version.bind(key, 0.1) for key in range(220))
    wait_until(lambda: len(journal.entries("end")) > 10, about=lambda: pool.text)
    garage.release("two")
    assert pool.wait() == 0
    assert "the code has changed (garage/jobs.py)" in pool.text
    assert states().get("running", 0) == 0
    assert len(journal.entries("start")) == len(journal.entries("end")) < 220
    again = start_pool("-n", "2", "--exit-on-code-change", variables=garage.variables)
    assert_nothing_is_lost(journal, 220)
    assert again.stop() == 0


def test_running_jobs_are_finished_first(
    start_pool: Callable[..., Pool], garage: Garage, journal: Journal
) -> None:
    jobs.say_version.enqueue(0, 10)
    pool = start_pool("--exit-on-code-change", variables=garage.variables)
    wait_until(lambda: journal.of(0), about=lambda: pool.text)
    garage.release("two")
    wait_until(lambda: "still running" in pool.text, about=lambda: pool.text)
    assert pool.wait() == 0
    assert states() == {"succeeded": 1}
