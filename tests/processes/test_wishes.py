"""Wishes to running pools: take no new jobs, take jobs again, stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from asgiref.sync import sync_to_async
from django.db import connections

from jobqueue import controlling, models
from jobqueue.exceptions import PoolGone
from jobqueue.models import Job
from tests.processes import jobs
from tests.processes.harness import Journal, Pool, wait_until
from tests.processes.test_pool import states

StartPool = Callable[..., Pool]


def row_of(pool: Pool) -> models.Pool:
    found: models.Pool = wait_until(
        lambda: models.Pool.objects.filter(pid=pool.pid, alive=True).first(), about=lambda: pool.text
    )
    return found


def wait_for_quiet(row: models.Pool, pool: Pool, *, quiet: bool) -> None:
    wanted = models.Pool.objects.filter(pk=row.pk, quiet=quiet, wish="")
    wait_until(wanted.exists, about=lambda: pool.text)


def test_quiet_it_takes_no_new_jobs_until_it_is_to_go_on(start_pool: StartPool, journal: Journal) -> None:
    jobs.nap.enqueue(1, 2)
    pool = start_pool()
    wait_until(lambda: journal.of(1), about=lambda: pool.text)
    row = row_of(pool)
    controlling.quiet(row)
    wait_for_quiet(row, pool, quiet=True)
    jobs.note.enqueue(2)
    wait_until(lambda: states() == {"succeeded": 1, "ready": 1}, about=lambda: pool.text)
    beats = models.Pool.objects.get(pk=row.pk).beats
    wait_until(lambda: models.Pool.objects.get(pk=row.pk).beats > beats + 2)
    assert (states(), models.Pool.objects.get(pk=row.pk).quiet) == ({"succeeded": 1, "ready": 1}, True)
    controlling.go_on(row.pk)
    wait_until(lambda: journal.of(2), about=lambda: pool.text)
    wait_for_quiet(row, pool, quiet=False)
    assert "take no new jobs" in pool.text
    assert "take jobs again" in pool.text
    assert pool.stop() == 0


def test_asked_to_stop_it_finishes_its_running_job(start_pool: StartPool, journal: Journal) -> None:
    jobs.nap.enqueue(1, 2)
    pool, other = start_pool(), start_pool("--queue", "other")
    wait_until(lambda: journal.of(1), about=lambda: pool.text)
    controlling.stop(row_of(pool))
    assert pool.wait() == 0
    assert len(journal.of(1, "end")) == 1
    assert states() == {"succeeded": 1}
    assert [each.pid for each in models.Pool.objects.all()] == [other.pid]
    assert other.stop() == 0


def test_a_pass_of_work_off_stops_too(start_pool: StartPool, journal: Journal) -> None:
    for key in range(1, 4):
        jobs.nap.enqueue(key, 2)
    pool = start_pool("work_off")
    wait_until(lambda: journal.of(1), about=lambda: pool.text)
    controlling.stop(row_of(pool))
    assert pool.wait() == 0
    assert states()["ready"] >= 1
    assert not Job.objects.running().exists()


def test_asked_twice_it_does_not_leave_its_job(start_pool: StartPool, journal: Journal) -> None:
    jobs.nap.enqueue(1, 3)
    pool = start_pool()
    wait_until(lambda: journal.of(1), about=lambda: pool.text)
    row = row_of(pool)
    for _ in range(2):
        controlling.stop(row)
        wait_until(lambda: not models.Pool.objects.filter(pk=row.pk).exclude(wish="").exists())
    assert pool.wait() == 0
    assert len(journal.of(1, "end")) == 1


def test_a_wish_that_it_does_not_understand_is_told_and_forgotten(start_pool: StartPool, journal: Journal) -> None:
    pool = start_pool()
    row = row_of(pool)
    models.Pool.objects.filter(pk=row.pk).update(wish="dan\x1bce")
    wait_for_quiet(row, pool, quiet=False)
    assert "which it does not understand" in pool.text
    assert "\x1b" not in pool.text
    jobs.note.enqueue(1)
    wait_until(lambda: journal.of(1), about=lambda: pool.text)
    assert pool.stop() == 0


def test_one_that_is_rung_heeds_it_at_once(start_pool: StartPool) -> None:
    if connections["default"].vendor == "sqlite":
        pytest.skip("only PostgreSQL rings")
    pool = start_pool(LEASE_SECONDS=300, HEARTBEAT_SECONDS=60)
    controlling.quiet(row_of(pool))
    wait_for_quiet(row_of(pool), pool, quiet=True)
    assert pool.stop() == 0


@pytest.mark.parametrize("alive", [None, False])
def test_a_pool_that_is_gone_is_told_of(transactional_db: None, alive: bool | None) -> None:
    row = models.Pool(host="atlas", pid=7, alive=False)
    if alive is not None:
        row.save()
    for wish in (controlling.quiet, controlling.go_on, controlling.stop):
        with pytest.raises(
            PoolGone, match=r"The pool host:atlas pid:7 is gone: it has stopped, or was declared dead\."
        ):
            wish(row)
        with pytest.raises(PoolGone, match="The pool 7 is gone"):
            wish(7)
    assert not Job.objects.exists()


@pytest.mark.parametrize("pool", ["mailer", None, True, 1.5])
def test_what_names_no_pool_is_refused(transactional_db: None, pool: object) -> None:
    with pytest.raises(TypeError, match="A pool is named by its row"):
        controlling.stop(pool)  # type: ignore[arg-type]


def test_the_twins(transactional_db: None) -> None:
    async def wish() -> None:
        for twin in (controlling.aquiet, controlling.ago_on, controlling.astop):
            with pytest.raises(PoolGone):
                await twin(7)
        await sync_to_async(connections.close_all)()

    asyncio.run(wish())
