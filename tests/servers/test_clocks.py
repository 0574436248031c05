"""Clocks that are wrong: that of a worker's machine, and that of the server.

On PostgreSQL the server's clock alone says what is due and whose lease is over, and waits are measured by a clock that
nobody sets. On SQLite the one machine's clock rules, and there is no other to compare it with.
"""

from __future__ import annotations

import os
import signal
import time
from datetime import timedelta
from functools import partial
from glob import glob
from pathlib import Path

import pytest

from jobqueue.models import Job
from jobqueue.states import State
from tests.chaos import audit
from tests.chaos.plan import Kind
from tests.chaos.scene import ROOT
from tests.processes.harness import wait_until
from tests.servers import jobs
from tests.servers.stage import Stage

Environment = dict[str, str]

HOUR = 3600
SENT = 1000
LATE = 10  # on a busy machine
SITE = Path(__file__).parent / "wrong_clock"


@pytest.fixture
def faketime() -> Environment:
    """The environment in which a program has a wall clock of our making, and the true monotonic one."""
    found = glob("/usr/lib/*/faketime/libfaketimeMT.so.1") + glob("/usr/lib*/faketime/libfaketimeMT.so.1")
    if not found:
        pytest.skip("needs libfaketime: apt-get install faketime")
    return {"LD_PRELOAD": found[0], "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_NO_CACHE": "1"}


def test_workers_whose_clocks_are_wrong_are_neither_early_nor_late_and_lose_nothing(
    stage: Stage, faketime: Environment
) -> None:
    stage.lease = 2.0
    clock = faketime | {"PYTHONPATH": f"{SITE}{os.pathsep}{ROOT}"}
    wrong = {"ahead": HOUR, "behind": -HOUR}
    for queue, seconds in wrong.items():
        stage.start_pool("--queue", queue, environment=clock | {"FAKETIME": f"{seconds:+d}s"})
    stage.start_pool("--queue", "right", workers=1)  # would see that their leases are over
    soon, later = [], []
    for number, queue in enumerate(wrong, SENT):
        stage.store(Kind.REST, 0.0, count=20, queue=queue)
        stage.store(Kind.REST, 2.5 * stage.lease, queue=queue)
        stage.store(Kind.DOZE, queue=queue)
        soon += stage.store(Kind.REST, 0.0, queue=queue, run_at=timedelta(seconds=2))
        later += stage.store(Kind.REST, 0.0, queue=queue, run_at=timedelta(minutes=50))
        jobs.send.using(queue=queue).enqueue(number, 1.0)
    wait_until(lambda: stage.states() == {"succeeded": 50, "scheduled": 2}, about=stage.about)

    claims = {move.job: move.at for move in audit.moves() if move.state == State.RUNNING}
    off = {run.job: run.start - claims[run.job] for run in stage.runs()}
    for queue, seconds in wrong.items():
        of_queue = set(Job.objects.filter(queue=queue, name__endswith="rest").values_list("pk", flat=True))
        assert {round(off[job] / HOUR) for job in of_queue - set(later)} == {seconds / HOUR}
    sent = [run.job for run in stage.runs() if run.number >= SENT]
    assert all(2 <= waited(job) < 2 + LATE for job in soon)
    assert all(1 <= waited(job) < 1 + LATE for job in sent)
    assert set(Job.objects.filter(pk__in=later).values_list("state", flat=True)) == {State.SCHEDULED}
    assert set(Job.objects.values_list("crashes", flat=True)) == {0}
    assert stage.declared_dead() == []
    assert stage.stop_pools() == [0, 0, 0]


def waited(job: int) -> float:
    """Return the seconds from the storing of a job to its claim, by the server's clock."""
    claims = [move.at for move in audit.moves() if (move.job, move.state) == (job, State.RUNNING)]
    return min(claims) - Job.objects.get(pk=job).created_at.timestamp()


def test_when_the_servers_clock_jumps_no_pool_is_taken_for_dead(
    stage: Stage, faketime: Environment, tmp_path: Path
) -> None:
    clock = stage.server.socket.parent / "clock"
    stage.lease = 2.0
    clock.write_text("+0h")
    clock.chmod(0o644)
    stage.stop_server(signal.SIGINT)
    stage.server.start(faketime | {"FAKETIME_TIMESTAMP_FILE": str(clock)})
    pools = [stage.start_pool() for _ in range(2)]
    stage.store(Kind.REST, 3 * stage.lease, count=2)
    stage.store(Kind.REST, 0.1, count=100)
    for jump, seconds in (("+1h", HOUR), ("+0h", 0)):
        wait_until(lambda: stage.states().get("succeeded"), about=stage.about)
        beats = max(stage.beats(pool) for pool in pools)
        clock.write_text(jump)
        [(ahead,)] = stage.ask("SELECT extract(epoch FROM clock_timestamp())::float8 - %s", time.time())
        assert ahead == pytest.approx(seconds, abs=1)
        wait_until(partial(all_have_beaten, stage, beats + 4), about=stage.about)
    stage.store(Kind.BOOK, count=10)
    stage.wait_until_all_succeeded()
    assert stage.declared_dead() == []
    assert stage.ran_once()
    assert stage.stop_pools() == [0, 0]


def all_have_beaten(stage: Stage, beats: int) -> bool:
    return all(stage.beats(pool) >= beats for pool in stage.pools)
