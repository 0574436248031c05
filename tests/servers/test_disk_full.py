"""The disk under the job table is full: callers are told, workers wait, and all goes on when there is room again."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from django.db import OperationalError, connection

from jobqueue import enqueue, enqueue_many
from tests.chaos import jobs
from tests.chaos.plan import Kind
from tests.processes.harness import wait_until
from tests.servers.stage import Stage

MEGABYTES = 6
RELATIONS = "SELECT indexname FROM pg_indexes WHERE tablename = 'jobqueue_job'"
NO_SPACE = "No space left on device"


@pytest.fixture
def small_disk(stage: Stage) -> Iterator[Path]:
    """A disk of a few megabytes, on which the job table and its indexes lie."""
    disk = stage.server.socket.parent / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m,mode=0777", "jobqueue", disk],
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    try:
        place_the_table(stage, disk)
        yield disk
    finally:
        connection.close()
        stage.leave_nothing_behind()
        stage.server.stop()
        subprocess.run(["umount", disk], check=True)


def place_the_table(stage: Stage, disk: Path) -> None:
    with psycopg.connect(stage.server.url, autocommit=True) as own:
        space = disk / "space"
        space.mkdir()
        subprocess.run(["chown", f"{stage.server.data.owner()}:{stage.server.data.group()}", space], check=True)
        own.execute(f"CREATE TABLESPACE small LOCATION '{space}'")
        own.execute("ALTER TABLE jobqueue_job SET TABLESPACE small")
        for (index,) in own.execute(RELATIONS).fetchall():
            own.execute(f"ALTER INDEX {index} SET TABLESPACE small")


def test_when_the_disk_is_full_nothing_is_half_stored_and_nothing_is_lost(stage: Stage, small_disk: Path) -> None:
    pool = stage.start_pool()
    stage.store(Kind.REST, 1.5, count=2)
    stage.store(Kind.REST, 0.0, count=300)
    fill(small_disk)

    with pytest.raises(OperationalError, match=NO_SPACE):
        store_one_by_one(stage)
    with pytest.raises(OperationalError, match=NO_SPACE) as refused:
        enqueue_many(jobs.rest.bind(-1, 0) for _ in range(20_000))
    assert getattr(refused.value.__cause__, "sqlstate", None) == "53100"
    wait_until(lambda: NO_SPACE in pool.log.read_text(), about=stage.about)
    time.sleep(2)
    assert pool.is_running
    assert len(pool.children()) == 3
    assert pool.log.read_text().count(NO_SPACE) < 40, "it tries again all the time"

    (small_disk / "filler").unlink()
    stage.wait_until_all_succeeded()
    assert stage.ran_once()
    assert stage.declared_dead() == []
    assert stage.violations() == []
    assert pool.stop() == 0


def fill(disk: Path) -> None:
    """Leave no room."""
    with (disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while filler.write(b"x" * 4096):
            pass


def store_one_by_one(stage: Stage) -> None:
    for number in range(1000, 10_000):
        stage.note(Kind.REST, {number: enqueue(jobs.rest.bind(number, 0)).pk})
