"""Notifiers in real pools: once for each failure, whoever writes it, and in nobody's way."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from jobqueue.models import Job
from jobqueue.models import Pool as PoolRow
from tests.processes import jobs
from tests.processes.harness import Journal, Pool, wait_until

StartPool = Callable[..., Pool]
PATH = "tests.processes.notifiers"
NOTE = {"NOTIFIERS": [f"{PATH}.note"]}

pytestmark = pytest.mark.django_db(transaction=True)


def wait_for_failures(number: int, pool: Pool) -> None:
    wait_until(lambda: Job.objects.failed().count() == number, about=lambda: pool.text)


def test_a_failure_in_a_worker_is_told_once(start_pool: StartPool, journal: Journal) -> None:
    failing = jobs.fail.using(max_attempts=1).enqueue(1)
    jobs.note.enqueue(2)
    pool = start_pool(**NOTE)
    wait_for_failures(1, pool)
    assert pool.stop() == 0
    [told] = journal.of(failing.pk, "told-ValueError")
    assert told.pid == journal.of(1)[0].pid
    assert [entry.key for entry in journal.entries(f"signal-{jobs.fail.path}")] == [str(failing.pk)]


def test_a_job_that_kills_its_workers_is_told_once_by_maintenance(start_pool: StartPool, journal: Journal) -> None:
    poison = jobs.die.enqueue(1)
    pool = start_pool(**NOTE)
    wait_for_failures(1, pool)
    wait_until(lambda: journal.of(poison.pk, "told-JobCrashed"), about=lambda: pool.text)
    assert pool.stop() == 0
    assert len(journal.of(1)) == 3
    assert len(journal.of(poison.pk, "told-JobCrashed")) == 1
    assert [entry.key for entry in journal.entries(f"signal-{jobs.die.path}")] == [str(poison.pk)]
    assert journal.of(poison.pk, "told-JobCrashed")[0].pid not in {entry.pid for entry in journal.of(1)}


def test_so_is_one_that_is_killed_at_its_hard_time_limit(start_pool: StartPool, journal: Journal) -> None:
    late = jobs.ignore_everything.using(max_attempts=1, max_run_time=0.3).enqueue(1)
    pool = start_pool(**NOTE, KILL_SECONDS=0.2)
    wait_for_failures(1, pool)
    wait_until(lambda: journal.of(late.pk, "told-JobTimeout"), about=lambda: pool.text)
    pool.stop()
    assert len(journal.of(late.pk, "told-JobTimeout")) == 1


def test_one_whose_pool_has_vanished_is_told_by_the_pool_that_finds_it(
    start_pool: StartPool, journal: Journal
) -> None:
    lost = jobs.nap.using(on_crash="fail").enqueue(1, 60.0)
    first = start_pool(**NOTE)
    wait_until(lambda: journal.of(1))
    first.signal(signal.SIGKILL)
    first.wait()
    second = start_pool(**NOTE)
    wait_for_failures(1, second)
    wait_until(lambda: journal.of(lost.pk, "told-JobCrashed"), about=lambda: second.text)
    second.stop()
    assert len(journal.of(lost.pk, "told-JobCrashed")) == 1


def test_notifiers_that_hang_or_raise_hold_up_neither_jobs_nor_heartbeats_nor_the_end(
    start_pool: StartPool, journal: Journal
) -> None:
    poison = jobs.die_once.enqueue(2)
    pool = start_pool(NOTIFIERS=[f"{PATH}.hang", f"{PATH}.stop", f"{PATH}.note"])
    wait_until(lambda: journal.of(poison.pk, "told-JobCrashed"), about=lambda: pool.text)
    failing = jobs.fail.using(max_attempts=1).enqueue(1)
    wait_until(lambda: journal.of(failing.pk, "told-ValueError"), about=lambda: pool.text)
    assert {entry.key for entry in journal.entries("hang")} == {str(failing.pk), str(poison.pk)}
    beats = PoolRow.objects.get().beats
    jobs.note.enqueue(3)
    wait_until(lambda: journal.of(3), about=lambda: pool.text)
    wait_until(lambda: PoolRow.objects.get().beats >= beats + 3, about=lambda: pool.text)
    assert pool.stop() == 0
    assert "notifiers took too long" in pool.text
    assert f"notifier {PATH}.stop of #{failing.pk}" in pool.text


def test_work_off_tells_them_too_before_it_leaves(call: Any, journal: Journal) -> None:
    failing = jobs.fail.using(max_attempts=1).enqueue(1)
    done = call("work_off", JOBQUEUE_TEST_SETTINGS='{"NOTIFIERS": ["tests.processes.notifiers.note"]}')
    assert done.returncode == 0, done.stderr
    [told] = journal.of(failing.pk, "told-ValueError")
    assert told.pid != os.getpid()
