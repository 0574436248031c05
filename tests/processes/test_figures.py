"""Figures of past minutes against what was performed: by pools, by a pass, by workers that are killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from subprocess import CompletedProcess

import pytest
from django.db.models import Sum
from django.utils import timezone

from jobqueue import enqueue_many
from jobqueue.models import Job, Rollup
from jobqueue.models.rollup import COUNTS, columns_of, minute_of, writer_in
from jobqueue.states import State
from tests.app.models import Document
from tests.processes import jobs
from tests.processes.harness import Journal, Pool, wait_until
from tests.processes.test_pool import all_succeeded, busy_worker, states

StartPool = Callable[..., Pool]
Call = Callable[..., CompletedProcess[str]]


def counts(**wanted: str) -> dict[str, int]:
    return summed(COUNTS, **wanted)


def summed(columns: Sequence[str], **wanted: str) -> dict[str, int]:
    found = Rollup.objects.filter(**wanted).aggregate(**{f"{name}_": Sum(name) for name in columns})
    return {name.removesuffix("_"): value for name, value in found.items() if value}


def of_jobs() -> dict[str, int]:
    """What the rows of jobs tell: of those that have ended the attempts, and how they went."""
    rows = list(Job.objects.values_list("state", "attempts"))
    ends = {"succeeded": State.SUCCEEDED, "failed": State.FAILED, "cancelled": State.CANCELLED}
    found = {name: sum(1 for each, _ in rows if each == state) for name, state in ends.items()}
    retried = sum(attempts - 1 for _, attempts in rows)
    return {name: count for name, count in {"stored": len(rows), "retried": retried, **found}.items() if count}


def test_a_pool_that_is_stopped_has_counted_all(start_pool: StartPool, journal: Journal) -> None:
    """Among them some whose end is in their own transaction, and some that fail."""
    document = Document.objects.create()
    enqueue_many(jobs.note.bind(key) for key in range(500))
    enqueue_many((jobs.note.bind(key) for key in range(500, 600)), queue="mail")
    enqueue_many((jobs.fail.bind(key) for key in range(600, 605)), max_attempts=1)
    jobs.fail.using(max_attempts=2).enqueue(605)
    enqueue_many(jobs.append_atomically.bind(document, "x") for _ in range(20))
    jobs.note.enqueue(606)
    ended = [State.SUCCEEDED, State.FAILED]
    pool = start_pool("-n", "2", "--queue", "default,mail", "-v", "0")
    wait_until(lambda: Job.objects.filter(state__in=ended).count() == 627, about=lambda: f"{states()} {pool.text}")
    assert pool.stop() == 0
    assert counts() == of_jobs()
    assert counts(queue="mail") == {"stored": 100, "succeeded": 100}
    assert counts(name="tests.processes.jobs.fail") == {"stored": 6, "failed": 6, "retried": 1}
    ran, waited = summed(columns_of("run")), summed(columns_of("wait"))
    # Where transactions are kept apart more strictly, some of those that append are tried again.
    assert sum(ran.values()) == sum(waited.values()) == 627 + counts()["retried"]


@pytest.mark.parametrize("threads", ["1", "4"])
def test_a_worker_that_is_replaced_has_counted_all(start_pool: StartPool, threads: str) -> None:
    enqueue_many(jobs.note.bind(key) for key in range(300))
    pool = start_pool("-n", "2", "--threads", threads, "--max-jobs", "40", "-v", "0")
    wait_until(lambda: all_succeeded(300), about=lambda: f"{states()} {pool.text}")
    assert pool.stop() == 0
    assert counts() == {"stored": 300, "succeeded": 300}


def test_of_a_worker_that_is_killed_the_last_seconds_are_missing_at_most(
    start_pool: StartPool, journal: Journal
) -> None:
    enqueue_many(jobs.note.bind(key) for key in range(100))
    pool = start_pool("-n", "2", "-v", "0")
    wait_until(lambda: counts().get("succeeded") == 100, about=lambda: f"{counts()} {pool.text}")
    row = jobs.nap.enqueue(100, 3)
    victim = wait_until(lambda: journal.of(100) and busy_worker(row.pk), about=lambda: pool.text)
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: all_succeeded(101), about=lambda: f"{states()} {pool.text}")
    assert pool.stop() == 0
    assert counts() == {"stored": 101, "succeeded": 101, "retried": 1}


def test_a_pool_that_is_killed_is_counted_by_its_heir(start_pool: StartPool, journal: Journal) -> None:
    first = start_pool("-v", "0")
    row = jobs.nap.using(max_attempts=1).enqueue(1, 60)
    wait_until(lambda: journal.of(1), about=lambda: first.text)
    first.end()
    second = start_pool("-v", "0")
    wait_until(lambda: Job.objects.get(pk=row.pk).state == State.FAILED, about=lambda: second.text)
    assert second.stop() == 0
    assert counts() == {"stored": 1, "failed": 1}


def test_a_pass_counts_all(call: Call) -> None:
    enqueue_many(jobs.note.bind(key) for key in range(120))
    jobs.fail.using(max_attempts=1).enqueue(120)
    assert call("work_off").returncode == 0
    assert counts() == of_jobs() == {"stored": 121, "succeeded": 120, "failed": 1}


def test_a_pool_adds_up_what_others_have_left(start_pool: StartPool) -> None:
    now = minute_of(timezone.now())
    for number in range(5):
        Rollup.objects.create(minute=now - 9, queue="a", name="b", writer=writer_in(now - 9, number), succeeded=2)
    Rollup.objects.create(minute=now - 300 * 24 * 60, queue="a", name="b", succeeded=1)
    pool = start_pool("-v", "0")
    wait_until(lambda: [*Rollup.objects.values_list("writer", "succeeded")] == [(0, 10)], about=lambda: pool.text)


def test_where_no_figures_are_kept_none_are_written(start_pool: StartPool) -> None:
    Rollup.objects.create(minute=minute_of(timezone.now()) - 1, queue="a", name="b", succeeded=1)
    enqueue_many(jobs.note.bind(key) for key in range(100))
    pool = start_pool("-v", "0", KEEP_STATISTICS=0)
    wait_until(lambda: all_succeeded(100), about=lambda: f"{states()} {pool.text}")
    assert pool.stop() == 0
    assert not Rollup.objects.exists(), "what was kept before is gone, too"
