"""Rows edited by hand: the bad one is parked or refused, and every good one is performed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DataError, IntegrityError, connection, transaction
from django.test import override_settings
from django.utils import timezone

from jobqueue import enqueue_many, retry
from jobqueue.conf import get_settings
from jobqueue.models import Job, Pool
from jobqueue.models.job import TIMES
from jobqueue.outcomes import Decision
from jobqueue.pool.duties.rescue import VANISHED
from jobqueue.rows import Finish
from jobqueue.states import State
from jobqueue.stores import get_store
from jobqueue.stores.pools import PoolRegistry
from jobqueue.testing import work_off
from jobqueue.worker.judge import Judge
from tests.app import jobs as app_jobs
from tests.processes import jobs
from tests.processes.harness import Journal
from tests.stores.shelf import claim
from tests.worker.spoiling import (
    CATALOGUE,
    GOOD,
    KEY,
    SQL,
    Spoilt,
    column,
    signed,
    store_spoilt,
    stored,
    write,
)

pytestmark = pytest.mark.django_db

postgresql = connection.vendor == "postgresql"
on_sqlite = pytest.mark.skipif(postgresql, reason="PostgreSQL lets no such thing into a column")


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journal:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JOBQUEUE_TEST_JOURNAL", str(tmp_path / "journal"))
    return Journal(tmp_path / "journal")


@pytest.fixture
def good(journal: Journal) -> Callable[[], bool]:
    """Ten good jobs, half of them in front; and whether all of them, and nothing else, were performed."""
    enqueue_many((jobs.note.bind(key) for key in range(5)), priority=1)
    enqueue_many((jobs.note.bind(key) for key in range(5, 10)), priority=-1)
    return lambda: journal.counts() == dict.fromkeys(range(10), 1)


class TestPayloads:
    @pytest.mark.parametrize("spoilt", CATALOGUE.values(), ids=CATALOGUE)
    def test_a_spoilt_job_is_parked_and_the_others_are_performed(
        self, good: Callable[[], bool], spoilt: Spoilt, tmp_path: Path
    ) -> None:
        bad = store_spoilt(spoilt)
        before, modules = stored(bad, "handler"), set(sys.modules)

        assert work_off().failed == 1

        row = Job.objects.get(pk=bad)
        assert (State(row.state), row.attempts) == (State.FAILED, 1)
        assert str(row.last_error).startswith(spoilt.cause)
        assert "for tests only" not in str(row.last_error), "a key is told"
        assert len(str(row.last_error)) < 1000
        assert stored(bad, "handler") == before
        assert good()
        if not spoilt.cause.startswith("CorruptHandler: os.system is not"):
            assert not {"antigravity", "tests.app.untouched"} & (set(sys.modules) - modules)
        assert not (tmp_path / "exploited").exists()

    def test_each_signed_column_is_signed_where_it_is_given_too(self, good: Callable[[], bool]) -> None:
        given = {"queue": "mail", "max_attempts": 5, "max_run_time": 60.0}
        changes: list[dict[str, Any]] = [
            {"queue": "default"},
            {"max_attempts": 6},
            {"max_attempts": None},
            {"max_run_time": 60.5},
            {"max_run_time": None},
            {"name": "note"},
        ]
        bad = [store_spoilt(Spoilt(column(**change), ""), **given) for change in changes]
        assert work_off().failed == len(changes)
        errors = Job.objects.filter(pk__in=bad).values_list("state", "last_error")
        assert {state for state, _ in errors} == {State.FAILED}
        assert all("The signature does not hold" in str(error) for _, error in errors)
        assert good()

    def test_swapped_payloads_serve_neither_row(self, good: Callable[[], bool]) -> None:
        first, second = jobs.note.using(queue="a").enqueue(-1), jobs.note.using(queue="b").enqueue(-2)
        write(first.pk, handler=second.handler)
        write(second.pk, handler=first.handler)
        assert work_off().failed == 2
        assert good()

    def test_columns_that_are_not_signed_may_be_changed(self, good: Callable[[], bool], journal: Journal) -> None:
        row = jobs.note.using(run_at=timedelta(days=1), priority=7).enqueue(10)
        write(row.pk, priority=-7, run_at=timezone.now() - timedelta(hours=1), state=State.READY.value)
        work_off()
        assert journal.counts() == dict.fromkeys(range(11), 1)

    def test_a_genuine_row_that_is_copied_is_performed_again(self, journal: Journal) -> None:
        """A signature proves who wrote the row, not that it is the first."""
        row = jobs.note.enqueue(1)
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO jobqueue_job (handler, name, queue, priority, attempts, crashes, state, run_at,"
                " created_at, updated_at) SELECT handler, name, queue, priority, attempts, crashes, state, run_at,"
                " created_at, updated_at FROM jobqueue_job WHERE id = %s",
                [row.pk],
            )
        work_off()
        assert journal.counts() == {1: 2}

    def test_a_row_of_another_program_is_performed_if_the_job_accepts_it(self, journal: Journal) -> None:
        store_spoilt(Spoilt(lambda row: {"handler": GOOD, "name": "whatever"}, ""))
        work_off()
        assert journal.counts() == {KEY: 1}

    def test_keys_rotate_from_the_old_to_the_new(self, good: Callable[[], bool], journal: Journal) -> None:
        with override_settings(JOBQUEUE={"SIGNING_KEYS": ["old"]}):
            jobs.note.enqueue(10)
            late = jobs.note.using(run_at=timedelta(days=1)).enqueue(11)
        with override_settings(JOBQUEUE={"SIGNING_KEYS": ["new", "old", "for tests only"]}):
            work_off()
        assert journal.counts() == dict.fromkeys(range(11), 1)
        write(late.pk, state=State.READY.value, run_at=timezone.now())
        with override_settings(JOBQUEUE={"SIGNING_KEYS": ["new"]}):
            assert work_off().failed == 1
        assert journal.counts() == dict.fromkeys(range(11), 1)
        assert "signed with a key that is in use no more" in str(Job.objects.get(pk=late.pk).last_error)

    def test_a_parked_row_that_is_put_right_can_be_retried(self, journal: Journal) -> None:
        row = jobs.note.enqueue(1)
        write(row.pk, queue="mail")
        work_off()
        write(row.pk, queue="default")
        retry(row.pk)
        work_off()
        assert journal.counts() == {1: 1}

    def test_a_signed_job_that_nobody_knows_waits_and_is_parked_after_an_hour(
        self, good: Callable[[], bool]
    ) -> None:
        unknown = signed('{"job":"tests.processes.jobs.nobody_knows"}', "tests.processes.jobs.nobody_knows")
        bad = store_spoilt(Spoilt(unknown, ""))
        work_off()
        row = Job.objects.get(pk=bad)
        assert (State(row.state), row.attempts) == (State.SCHEDULED, 0)
        assert row.blocked_at is not None
        assert timedelta(seconds=50) < row.run_at - timezone.now() <= timedelta(seconds=60)
        assert "needs tests.processes.jobs.nobody_knows, which no longer exists" in str(row.last_error)
        write(bad, blocked_at=timezone.now() - timedelta(hours=2), run_at=timezone.now() - timedelta(seconds=1))
        work_off()
        assert Job.objects.get(pk=bad).state == State.FAILED
        assert good()


def text(hexadecimal: str) -> SQL:
    """Text that is no UTF-8, on SQLite."""
    return SQL(f"CAST(x'{hexadecimal}' AS TEXT)")


#: What the database does not let in: the columns, and on which of the two (None: on both).
REFUSED: dict[str, tuple[dict[str, Any], bool | None]] = {
    "state 99": ({"state": 99}, None),
    "state -1": ({"state": -1}, None),
    "state in words": ({"state": "ready"}, None),
    "attempts -1": ({"attempts": -1}, None),
    "attempts NULL": ({"attempts": None}, None),
    "crashes -1": ({"crashes": -1}, None),
    "crashes in words": ({"crashes": "many"}, None),
    "priority NULL": ({"priority": None}, None),
    "priority in words": ({"priority": "high"}, None),
    "priority that cannot be turned round": ({"priority": -(2**31)}, None),
    "priority 1.5": ({"priority": 1.5}, False),
    "max_attempts in words": ({"max_attempts": "all"}, None),
    "max_run_time in words": ({"max_run_time": "long"}, None),
    "run_at NULL": ({"run_at": None}, None),
    "run_at in words": ({"run_at": "as soon as you can"}, None),
    "run_at on no day": ({"run_at": "2026-02-31 00:00:00"}, None),
    "run_at a number": ({"run_at": 20261122}, False),
    "run_at with a T": ({"run_at": "2026-11-22T09:00:00"}, False),
    "run_at in another zone": ({"run_at": "2026-11-22 09:00:00+02:00"}, False),
    "run_at without a clock": ({"run_at": "2026-11-22"}, False),
    "handler NULL": ({"handler": None}, None),
    "handler of 20 MB": ({"handler": "x" * 20_000_000}, None),
    "handler of bytes": ({"handler": b"{}"}, False),
    "name of bytes": ({"name": b"note"}, False),
    "queue of bytes": ({"queue": b"default"}, False),
    "key of bytes": ({"key": b"once"}, False),
    "running without a claim": ({"state": 2, "pool_id": 1}, None),
    "running without a pool": ({"state": 2, "claim_id": "0" * 32}, None),
    **{f"{name} infinite": ({name: "infinity"}, None) for name in TIMES},
    **{f"{name} infinitely long ago": ({name: "-infinity"}, None) for name in TIMES},
    **{f"{name} before Christ": ({name: "0044-03-15 12:00:00 BC"}, None) for name in TIMES},
    **{f"{name} in the year 294276": ({name: "294276-01-01 00:00:00"}, True) for name in TIMES},
    "run_at in the year 294276 of SQLite": ({"run_at": "294276-01-01 00:00:00"}, False),
    **{f"{name} in the year 1": ({name: "0001-01-01 00:00:00"}, None) for name in TIMES},
    **{f"{name} in the year 3000": ({name: "3000-01-01 00:00:00"}, None) for name in TIMES},
}

#: What is strange and does no harm: such jobs are performed.
HARMLESS: dict[str, tuple[dict[str, Any], bool | None]] = {
    "more attempts than allowed": ({"attempts": 1000}, None),
    "as many attempts as can be": ({"attempts": 2**31 - 1}, None),
    "as many crashes as can be": ({"crashes": 2**15 - 1}, None),
    "the least priority": ({"priority": -(2**31) + 1}, None),
    "the largest priority": ({"priority": 2**31 - 1}, None),
    "run_at long ago": ({"run_at": "1000-01-01 00:00:00"}, None),
    "created in the future": ({"created_at": "2999-12-31 00:00:00", "updated_at": "2999-12-31 00:00:00"}, None),
    "ready and failed": ({"failed_at": "2026-01-01 00:00:00", "finished_at": "2026-01-01 00:00:00"}, None),
    "ready and held": ({"locked_by": "me", "pool_id": 77, "claim_id": "f" * 32}, None),
    "a result that is no JSON": ({"result": "{", "last_error": "os.system: \x1b[31m'; DROP TABLE"}, None),
    "blocked, but known": ({"blocked_at": "1970-01-01 00:00:00"}, None),
    "attempts in words": ({"attempts": "many"}, False),
    "created on no day": ({"created_at": "2026-02-31 00:00:00"}, False),
    "created in a year of six digits": ({"created_at": "294276-01-01 00:00:00"}, False),
    "blocked on no day": ({"blocked_at": "2026-13-01 00:00:00"}, False),
}


def here(table: dict[str, tuple[dict[str, Any], bool | None]]) -> Any:
    """The entries of a table that this database has."""
    mine = {name: columns for name, (columns, where) in table.items() if where in {None, postgresql}}
    return pytest.mark.parametrize("columns", mine.values(), ids=mine)


class TestColumns:
    @here(REFUSED)
    def test_the_database_refuses_what_nobody_could_read(
        self, good: Callable[[], bool], columns: dict[str, Any]
    ) -> None:
        row = jobs.note.enqueue(10)
        with pytest.raises((IntegrityError, DataError)), transaction.atomic():
            write(row.pk, **columns)
        assert Job.objects.get(pk=row.pk).handler == row.handler

    @here(HARMLESS)
    def test_what_is_only_strange_is_performed(
        self, good: Callable[[], bool], journal: Journal, columns: dict[str, Any]
    ) -> None:
        row = jobs.note.enqueue(10)
        write(row.pk, **columns)
        work_off()
        assert journal.counts() == dict.fromkeys(range(11), 1)

    def test_the_constraint_that_refuses_has_a_name(self) -> None:
        row = jobs.note.enqueue(10)
        with pytest.raises(IntegrityError, match="jobqueue_job_times"), transaction.atomic():
            write(row.pk, run_at="infinity")

    def test_django_can_read_the_tables_back(self) -> None:
        with connection.cursor() as cursor:
            for model in (Job, Pool):
                table = model._meta.db_table
                columns = connection.introspection.get_table_description(cursor, table)
                assert {each.name for each in columns} == {each.column for each in model._meta.concrete_fields}
                assert {each.name for each in model._meta.constraints} < set(
                    connection.introspection.get_constraints(cursor, table)
                )

    def test_no_id_is_given_twice(self) -> None:
        first, second = jobs.note.enqueue(1), jobs.note.enqueue(2)
        with pytest.raises(IntegrityError), transaction.atomic():
            write(second.pk, id=first.pk)

    def test_a_job_with_more_attempts_than_allowed_fails_for_good(self) -> None:
        row = jobs.fail.enqueue(1)
        write(row.pk, attempts=2**31 - 1)
        work_off()
        assert (State(Job.objects.get().state), Job.objects.get().attempts) == (State.FAILED, 2**31 - 1)

    @on_sqlite
    @pytest.mark.parametrize("name", ["handler", "name", "queue"])
    @pytest.mark.parametrize("hexadecimal", ["7b80ff7d", "c3", "eda080", "00ff"])
    def test_text_that_is_no_utf8_is_parked(self, good: Callable[[], bool], name: str, hexadecimal: str) -> None:
        bad = jobs.note.enqueue(KEY).pk
        write(bad, **{name: text(hexadecimal)})
        assert work_off().failed == 1
        row = Job.objects.defer("handler", "name", "queue").get(pk=bad)
        assert row.state == State.FAILED
        assert stored(bad, name) == bytes.fromhex(hexadecimal)
        assert good()

    def test_a_page_of_jobs_can_be_read_whatever_was_written(self) -> None:
        for spoilt in CATALOGUE.values():
            store_spoilt(spoilt)
        work_off()
        assert len([str(row) for row in Job.objects.all()]) == len(CATALOGUE)
        assert len([row.get_state_display() for row in Job.objects.failed()]) == len(CATALOGUE)


def hold(job_id: int, **columns: Any) -> None:
    """Make a row look like one that a worker holds."""
    now = timezone.now()
    held = {"state": State.RUNNING.value, "claim_id": "f" * 32, "pool_id": 999, "locked_by": "w", "locked_at": now}
    write(job_id, **held | columns)


#: Running rows that no living worker holds.
HELD: dict[str, tuple[dict[str, Any], bool | None]] = {
    "no pool row": ({}, None),
    "pool 0": ({"pool_id": 0}, None),
    "held by nobody": ({"locked_by": None, "locked_at": None}, None),
    "handler gone": ({"handler": ""}, None),
    "handler no JSON": ({"handler": "rubbish"}, None),
    "another name": ({"name": "os.system"}, None),
    "many attempts": ({"attempts": 2**31 - 1}, None),
    "many crashes": ({"crashes": 2**15 - 1}, None),
    "no priority to return to": ({"priority": -(2**31) + 1}, None),
    "a pool in words": ({"pool_id": "me"}, False),
    "handler no UTF-8": ({"handler": text("80")}, False),
    "created on no day": ({"created_at": "2026-02-31 00:00:00"}, False),
}


class TestSweeps:
    @here(HELD)
    def test_what_nobody_holds_is_swept_up(
        self, good: Callable[[], bool], journal: Journal, columns: dict[str, Any]
    ) -> None:
        bad, fine = jobs.note.enqueue(KEY).pk, jobs.note.enqueue(10).pk
        hold(bad, **columns)
        hold(fine)
        judge = Judge(get_settings())
        rescued = get_store().rescue(lambda job: judge.crashed(job, VANISHED))
        assert {each.job.id for each in rescued} == {bad, fine}
        work_off()
        assert {key: count for key, count in journal.counts().items() if key != KEY} == dict.fromkeys(range(11), 1)
        assert not Job.objects.filter(state=State.RUNNING).exists()

    @on_sqlite
    def test_a_claim_that_is_none_stays_and_holds_up_no_other(self, good: Callable[[], bool]) -> None:
        bad, fine = jobs.note.enqueue(KEY).pk, jobs.note.enqueue(10).pk
        hold(bad, claim_id="me")
        hold(fine)
        judge = Judge(get_settings())
        rescued = get_store().rescue(lambda job: judge.crashed(job, VANISHED))
        assert [each.job.id for each in rescued] == [fine]

    def test_a_pool_whose_heart_beats_in_the_future_is_dead_when_it_is_silent(self) -> None:
        store = get_store()
        pools = PoolRegistry(store)
        pool = pools.register(host="here", pid=1)
        Pool.objects.filter(pk=pool).update(beat_at=timezone.now() + timedelta(days=365))
        jobs.note.enqueue(1)
        assert claim(store, pool)
        [peer] = pools.look(0).peers
        assert pools.declare_dead(peer, 30)
        assert store.rescue(lambda job: Decision(State.READY))

    def test_due_jobs_are_promoted_whatever_stands_beside_them(self, good: Callable[[], bool]) -> None:
        for spoilt in CATALOGUE.values():
            write(store_spoilt(spoilt), state=State.SCHEDULED.value, run_at=timezone.now() - timedelta(hours=1))
        assert get_store().promote().moved == len(CATALOGUE)

    def test_pruning_takes_what_is_over_whatever_stands_beside_it(self) -> None:
        old = timezone.now() - timedelta(days=9)
        bad, fine = store_spoilt(CATALOGUE["pickle"]), jobs.note.enqueue(1).pk
        for each in (bad, fine):
            write(each, state=State.SUCCEEDED.value, finished_at=old, claim_id=None)
        unfinished = jobs.note.enqueue(2).pk
        write(unfinished, state=State.SUCCEEDED.value)
        assert get_store().prune(86_400.0) == 2
        assert Job.objects.get().pk == unfinished, "nobody knows since when; it stays to be seen"

    def test_a_row_deleted_while_it_is_held_is_lost_and_nothing_else(self, journal: Journal) -> None:
        store = get_store()
        pool = PoolRegistry(store).register(host="here", pid=1)
        jobs.note.enqueue(1)
        [held] = claim(store, pool)
        Job.objects.all().delete()
        finish = Finish(held, Decision(State.SUCCEEDED), 0.0, 0.0)
        assert store.finish([finish]) == [finish]


def test_none_of_the_stored_text_becomes_an_exception() -> None:
    """A class is never made of the name of an error that a row tells."""
    row = app_jobs.add.enqueue(1)
    write(row.pk, last_error="os.system: true", result='{"exc_type":"system","exc_module":"os"}')
    found = Job.objects.get()
    assert (found.last_error, found.result) == (
        "os.system: true",
        {"exc_type": "system", "exc_module": "os"},
    )
