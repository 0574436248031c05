"""What happens between pools and the server: answers are lost, connections lead nowhere."""

from __future__ import annotations

import time
from math import inf
from pathlib import Path

import pytest
from django.db import DatabaseError, InterfaceError, connection

from jobqueue import enqueue
from jobqueue.models import Job
from jobqueue.performing.connections import PROBES
from tests.chaos import jobs
from tests.chaos.plan import Kind
from tests.processes.harness import wait_until
from tests.servers.stage import Stage, default_database


def test_a_job_with_a_key_is_stored_once_by_a_caller_who_asks_until_it_is_answered(stage: Stage) -> None:
    with default_database(stage.proxied_url):
        stage.proxy.drop = 0.1
        asked = [stored_surely(number) for number in range(200)]
        stage.proxy.drop = 0.0
    tries = sum(count for _, count in asked)
    assert tries > len(asked), "no answer was lost"
    assert [job for job, _ in asked] == list(Job.objects.order_by("pk").values_list("pk", flat=True))


def stored_surely(number: int) -> tuple[int, int]:
    """Return a job's id, and how often it was asked for."""
    tries = 0
    while True:
        tries += 1
        try:
            return int(enqueue(jobs.rest.bind(number, 0), key=f"call-{number}").pk), tries
        except (DatabaseError, InterfaceError):
            connection.close()


@pytest.mark.parametrize("answers", [True, False], ids=["after the commit", "before the commit"])
def test_an_atomic_job_whose_connection_dies_at_the_commit_books_once(stage: Stage, answers: bool) -> None:
    stage.store(Kind.BOOK, count=40)
    stage.proxy.lose(b"COMMIT\0", times=15, after=b"chaos_ledger", answers=answers)
    pool = stage.start_pool(through_proxy=True)
    stage.wait_until_all_succeeded()
    seen = stage.evidence()
    assert sorted(seen.booked) == list(range(40))
    assert stage.violations() == []
    again = len(seen.runs) - 40
    assert again == (0 if answers else 15)
    assert pool.stop() == 0


def test_a_pools_connections_probe_a_server_that_is_silent(stage: Stage) -> None:
    """By itself the system asks after two hours whether the other machine is still there."""
    pool = stage.start_pool(workers=1, through_proxy=True)
    stage.store(Kind.BOOK)
    stage.wait_until_all_succeeded()
    wait_until(lambda: all(seconds <= PROBES["keepalives_idle"] for seconds in probes_due(stage.proxy.port)))
    assert len(probes_due(stage.proxy.port)) == 3, "of maintenance, of the clerk, and of the job"
    assert pool.stop() == 0


def probes_due(port: int) -> list[float]:
    """Return in how many seconds each connection to a port of this machine is probed."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    timers = [
        timer.split(":") for _, _, to, state, _, timer, *_ in lines if (to[-4:], state) == (f"{port:04X}", "01")
    ]
    return [int(due, 16) / 100 if kind == "02" else inf for kind, due in timers]


def test_connections_that_lead_nowhere_are_given_up_within_the_lease(stage: Stage) -> None:
    """The pool's own connections. One that a job has opened and waits on is the job's, up to its ``max_run_time``."""
    stage.lease = 15.0
    pool = stage.start_pool("--queue", "mine", through_proxy=True)
    observer = stage.start_pool("--queue", "other", workers=1)
    stage.store(Kind.REST, 0.5, count=24, queue="mine")
    stage.store(Kind.REST, 1.0, queue="other")
    wait_until(lambda: stage.states().get("succeeded", 0) > 3, about=stage.about)

    stage.proxy.hold()
    stage.proxy.lose_held()
    lost_at = time.monotonic()
    beats, ended = stage.beats(pool), stage.states()["succeeded"]
    wait_until(lambda: stage.beats(pool) > beats + 1, about=stage.about)
    beaten = time.monotonic() - lost_at
    wait_until(lambda: stage.states()["succeeded"] > ended + 8, 40, about=stage.about)
    worked = time.monotonic() - lost_at

    stage.wait_until_all_succeeded(60)
    print(f"beating again after {beaten:.1f} s, working again after {worked:.1f} s")
    assert beaten < stage.lease
    assert worked < 30
    assert stage.declared_dead() == []
    assert stage.ran_once()
    assert {pool.stop(), observer.stop()} == {0}
