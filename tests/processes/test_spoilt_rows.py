"""All rows that somebody may have spoilt, at once, among a thousand good ones, before a real pool."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from jobqueue import enqueue_many
from jobqueue.models import Job
from jobqueue.models import Pool as PoolRow
from jobqueue.states import State
from tests.processes import jobs
from tests.processes.harness import Journal, Pool, is_running, wait_until
from tests.processes.test_pool import states
from tests.worker.spoiling import CATALOGUE, KEY, SQL, store_spoilt, stored, write

StartPool = Callable[..., Pool]
GOOD = 1000


def test_spoilt_rows_are_parked_and_a_thousand_good_ones_performed(
    start_pool: StartPool, journal: Journal
) -> None:
    step = GOOD // len(CATALOGUE)
    spoilt: dict[int, bytes] = {}
    for number, each in enumerate(CATALOGUE.values()):
        enqueue_many(jobs.note.bind(number * step + key) for key in range(step))
        bad = store_spoilt(each, priority=number % 3)
        spoilt[bad] = stored(bad, "handler")
    enqueue_many(jobs.note.bind(key) for key in range(step * len(CATALOGUE), GOOD))
    spoilt |= no_text()
    scheduled, held = store_spoilt(CATALOGUE["pickle"]), jobs.note.enqueue(GOOD).pk
    spoilt[scheduled] = stored(scheduled, "handler")
    write(scheduled, state=State.SCHEDULED.value, run_at=timezone.now() + timedelta(seconds=1))
    write(held, state=State.RUNNING.value, claim_id="f" * 32, pool_id=999, attempts=2**31 - 1)

    pool = start_pool("-n", "2", "-v", "0")
    children = wait_until(lambda: len(found := pool.children()) == 3 and found, about=lambda: pool.text)
    expected = {"succeeded": GOOD, "failed": len(spoilt) + 1}
    wait_until(lambda: states() == expected, 60, about=lambda: f"{states()} {pool.text}")

    assert journal.counts() == dict.fromkeys(range(GOOD), 1)
    assert {bad: stored(bad, "handler") for bad in spoilt} == spoilt
    assert Job.objects.get(pk=held).last_error is not None
    assert all(map(is_running, children)), pool.text
    assert "Traceback" not in pool.text
    assert pool.stop() == 0
    assert not PoolRow.objects.exists()


def no_text() -> dict[int, bytes]:
    """On SQLite, rows whose text is none; PostgreSQL lets no such thing in."""
    if connection.vendor == "postgresql":
        return {}
    rows = {}
    for name in ("handler", "name", "queue"):
        bad = jobs.note.enqueue(KEY).pk
        write(bad, **{name: SQL("CAST(x'7b80ff7d' AS TEXT)")})
        rows[bad] = stored(bad, "handler")
    return rows


def test_a_pool_whose_row_is_deleted_begins_anew_and_performs_each_job(
    start_pool: StartPool, journal: Journal
) -> None:
    jobs.nap.enqueue(0, 1.5)
    pool = start_pool("-v", "0")
    wait_until(lambda: journal.of(0), about=lambda: pool.text)
    first = PoolRow.objects.get().pk
    PoolRow.objects.all().delete()
    enqueue_many(jobs.note.bind(key) for key in range(1, 100))
    wait_until(lambda: states() == {"succeeded": 100}, about=lambda: f"{states()} {pool.text}")
    assert PoolRow.objects.get().pk != first
    assert {key: count for key, count in journal.counts().items() if key} == dict.fromkeys(range(1, 100), 1)
    assert pool.stop() == 0
