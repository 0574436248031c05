"""New keys for old rows, while workers go on."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import Any, cast

import pytest
from django.db import connection, connections, transaction
from django.test import override_settings

from jobqueue import enqueue_many
from jobqueue.models import Attempt, Job, Report
from jobqueue.outcomes import Decision
from jobqueue.rotating import Rotation, Tally
from jobqueue.rows import Texts
from jobqueue.sealing import seal
from jobqueue.states import State
from jobqueue.stores import get_store
from jobqueue.stores.base import Store
from jobqueue.stores.beside import Beside
from jobqueue.stores.pools import PoolRegistry
from jobqueue.testing import work_off
from tests.app import secretive
from tests.app.secretive import MARKER
from tests.keys import NEW, OLD, encrypting, id_of
from tests.stores.shelf import claim, succeeded

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def keys(*encryption: str | None, signing: list[str] | None = None) -> Iterator[None]:
    with encrypting(*encryption, SIGNING_KEYS=signing or [], MAX_ATTEMPTS=1):
        yield


def rotate(**options: Any) -> dict[str, int]:
    """Rotate without waiting, and return the counts."""
    return asdict(Rotation(get_store(), **{"wait": 0.0, **options}).run())


def counts(looked: int, renewed: int = 0, busy: int = 0, shut: int = 0) -> dict[str, int]:
    return asdict(Tally(looked, renewed, busy, shut))


def rows_of_all_kinds() -> None:
    """One that waits, one for later, one that has succeeded, one that has failed."""
    secretive.give_back.enqueue(MARKER)
    secretive.fail_with.enqueue(MARKER)
    work_off()
    secretive.give_back.enqueue(MARKER)
    secretive.give_back.using(run_at=timedelta(days=1)).enqueue(MARKER)


def assert_readable() -> None:
    """Whatever waits can be performed, and whatever has ended can be read."""
    Job.objects.scheduled().update(state=State.READY, run_at=get_store().ago(0))
    assert (work_off().performed, Job.objects.failed().count()) == (2, 1)
    assert {job.result for job in Job.objects.succeeded()} == {MARKER}
    assert str(Job.objects.failed().get().error).startswith(f"ValueError: not welcome: {MARKER}")


def ended_with(value: str) -> Decision:
    """What becomes of a job that has returned a value."""
    return Decision(State.SUCCEEDED, result=json.dumps(value))


class Hasty:
    """A store that lets something happen in front of each write."""

    def __init__(self, store: Store, happen: Callable[[], Any]) -> None:
        self.alias = store.alias
        self.statement = store.statement
        self._store = store
        self._happen = happen

    def rewrite(self, rows: Sequence[Texts]) -> set[int]:
        self._happen()
        return self._store.rewrite(rows)


class TestOldToNew:
    def test_encryption_keys(self) -> None:
        with keys(OLD):
            rows_of_all_kinds()
        with keys(NEW, OLD):
            assert rotate() == counts(4, 4)
            assert rotate() == counts(4)
        with keys(NEW):
            assert_readable()

    def test_signing_keys(self) -> None:
        with keys(signing=["old"]):
            rows_of_all_kinds()
        with keys(signing=["new", "old"]):
            assert rotate() == counts(4, 4)
        with keys(signing=["new"]):
            assert rotate() == counts(4)
            assert_readable()

    def test_the_secret_key(self) -> None:
        with override_settings(SECRET_KEY="old"), keys():
            rows_of_all_kinds()
        with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["old"]), keys():
            assert rotate() == counts(4, 4)
        with override_settings(SECRET_KEY="new"), keys():
            assert_readable()

    def test_both_at_once(self) -> None:
        with keys(OLD, signing=["old"]):
            rows_of_all_kinds()
        with keys(NEW, OLD, signing=["new", "old"]):
            assert rotate(batch=1) == counts(4, 4)
        with keys(NEW, signing=["new"]):
            assert_readable()

    def test_rows_of_before_encryption_are_encrypted(self) -> None:
        with keys():
            rows_of_all_kinds()
        with keys(NEW):
            assert rotate() == counts(4, 4)
            for row in Job.objects.all():
                for text in (row.handler, row.stored_result, row.last_error):
                    assert text is None or text.startswith(f"enc1:{id_of(NEW)}:")
            assert_readable()

    def test_and_decrypted_when_it_is_switched_off(self) -> None:
        with keys(OLD):
            rows_of_all_kinds()
        with keys(None, OLD):
            assert rotate() == counts(4, 4)
        with keys():
            assert rotate() == counts(4)
            assert_readable()

    def test_many_rows_take_many_batches(self) -> None:
        told: list[tuple[int, int]] = []
        with keys(OLD):
            enqueue_many(secretive.give_back.bind(str(number)) for number in range(105))
        with keys(NEW, OLD):
            rotate(batch=25, tell=lambda tally: told.append((tally.looked, tally.renewed)))
        assert told == [(25, 25), (50, 50), (75, 75), (100, 100), (105, 105)]
        with keys(NEW):
            assert work_off().failed == 0
            assert {job.result for job in Job.objects.all()} == {str(number) for number in range(105)}

    def test_a_rehearsal_counts_and_writes_nothing(self) -> None:
        with keys(OLD):
            rows_of_all_kinds()
        before = list(Job.objects.order_by("pk").values())
        with keys(NEW, OLD):
            assert rotate(rehearse=True) == counts(4, 4)
        assert list(Job.objects.order_by("pk").values()) == before

    def test_nothing_but_the_texts_changes(self) -> None:
        with keys(OLD):
            rows_of_all_kinds()
        texts = {"handler", "stored_result", "last_error"}
        kept = [each.attname for each in Job._meta.concrete_fields if each.attname not in texts]
        before = list(Job.objects.order_by("pk").values(*kept))
        with keys(NEW, OLD):
            rotate()
        assert list(Job.objects.order_by("pk").values(*kept)) == before


class TestWhatStandsBesideARow:
    """The errors of earlier attempts, and what jobs have told."""

    def fill(self) -> None:
        row = secretive.fail_with.enqueue(MARKER)
        work_off()
        Report.objects.create(job=row, stored_text=seal(MARKER), stored_log=seal(MARKER))

    def texts(self) -> list[str]:
        report = Report.objects.get()
        return [Attempt.objects.get().stored_error, report.stored_text, report.stored_log]

    def test_it_is_renewed(self) -> None:
        with keys(OLD):
            self.fill()
        with keys(NEW, OLD):
            assert rotate(rehearse=True) == counts(1, 1)
            assert all(text.startswith(f"enc1:{id_of(OLD)}:") for text in self.texts())
            assert rotate() == counts(1, 1)
        with keys(NEW):
            assert all(text.startswith(f"enc1:{id_of(NEW)}:") for text in self.texts())
            report = Report.objects.get()
            assert report.text == report.log == MARKER
            assert Attempt.objects.get().error.startswith("ValueError: not welcome")

    def test_what_cannot_be_opened_is_told_and_left_alone(self) -> None:
        with keys(OLD):
            self.fill()
        before = self.texts()
        with keys(NEW):
            assert rotate()["shut"] == 1
        assert self.texts() == before

    def test_what_a_job_tells_meanwhile_is_not_overwritten(self) -> None:
        with keys(OLD):
            self.fill()
            beside = Beside(get_store())
            [sealed] = [each for each in beside.of([Job.objects.get().pk]) if each.model == "Report"]
            Report.objects.update(stored_text="fresh")
            beside.rewrite(sealed, {"stored_text": "stale"})
        assert Report.objects.get().stored_text == "fresh"


class TestWhatCannotBeOpened:
    def test_it_is_counted_and_left_alone(self) -> None:
        with keys(OLD):
            forgotten = secretive.give_back.enqueue(MARKER)
        with keys(signing=["unknown"]):
            unverifiable = secretive.give_back.enqueue(MARKER)
        with keys(NEW):
            secretive.give_back.enqueue(MARKER)
            assert rotate() == counts(3, shut=2)
            for row in (forgotten, unverifiable):
                stored = row.handler
                row.refresh_from_db()
                assert row.handler == stored

    def test_what_else_the_row_holds_is_renewed(self) -> None:
        with keys(OLD, signing=["unknown"]):
            row = secretive.fail_with.enqueue(MARKER)
            work_off()
        with keys(NEW, OLD):
            assert rotate() == counts(1, 1, shut=1)
        with keys(NEW):
            row.refresh_from_db()
            assert str(row.error).startswith("ValueError: not welcome")

    def test_a_row_without_signature_stays_without(self) -> None:
        row = secretive.take.enqueue([])
        unsigned = '{"job":"tests.app.secretive.take","args":[[1]]}'
        Job.objects.filter(pk=row.pk).update(handler=unsigned)
        with keys(NEW, signing=["new"]):
            assert rotate() == counts(1)
            work_off()
            row.refresh_from_db()
            assert (row.handler, row.result) == (unsigned, [1])


class TestWhileWorkersGoOn:
    @pytest.fixture
    def store(self) -> Store:
        return get_store()

    @pytest.fixture
    def pool(self, store: Store) -> int:
        return PoolRegistry(store).register(host="here", pid=1)

    def test_a_running_job_is_left_to_its_worker_and_told(self, store: Store, pool: int) -> None:
        with keys(OLD):
            secretive.give_back.enqueue(MARKER)
            [job] = claim(store, pool)
        with keys(NEW, OLD):
            assert rotate() == counts(1, busy=1)
            assert Job.objects.get().handler == job.handler

    def test_it_is_waited_for_and_what_it_leaves_behind_is_renewed(self, store: Store, pool: int) -> None:
        with keys(OLD):
            secretive.give_back.enqueue(MARKER)
            [job] = claim(store, pool)
        with keys(NEW, OLD):

            def end(tally: Tally) -> None:
                if tally.busy and Job.objects.running().exists():
                    with keys(OLD):  # as a worker does that was not restarted
                        store.finish([succeeded(job)._replace(decision=ended_with(MARKER))])

            assert rotate(wait=30.0, tell=end) == counts(1, 1)
        with keys(NEW):
            assert Job.objects.get().result == MARKER

    def test_one_that_is_under_the_first_keys_is_not_waited_for(self, store: Store, pool: int) -> None:
        with keys(NEW):
            secretive.give_back.enqueue(MARKER)
            claim(store, pool)
            assert rotate(wait=30.0) == counts(1)

    def test_one_that_is_deleted_meanwhile_is_forgotten(self, store: Store, pool: int) -> None:
        with keys(OLD):
            secretive.give_back.enqueue(MARKER)
            claim(store, pool)
        with keys(NEW, OLD):
            assert rotate(wait=30.0, tell=lambda tally: Job.objects.all().delete()) == counts(1)

    def test_a_job_that_is_claimed_between_reading_and_writing_is_looked_at_again(
        self, store: Store, pool: int
    ) -> None:
        with keys(OLD):
            enqueue_many(secretive.give_back.bind(MARKER) for _ in range(3))
        with keys(NEW, OLD):
            hasty = Hasty(store, lambda: claim(store, pool, 1))
            assert asdict(Rotation(cast(Store, hasty), wait=0.0).run()) == counts(3, 2, busy=1)
            store.finish([succeeded(job) for job in store.held(pool, "host:here pid:1")])
            assert rotate() == counts(3, 1)
        with keys(NEW):
            assert (work_off().performed, Job.objects.succeeded().count()) == (2, 3)

    @pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one lock for all rows")
    def test_a_row_that_somebody_has_locked_is_not_waited_for(self) -> None:
        with keys(OLD):
            rows = [secretive.give_back.enqueue(MARKER) for _ in range(2)]
        locked, done = threading.Event(), threading.Event()

        def lock() -> None:
            with transaction.atomic():
                Job.objects.select_for_update().get(pk=rows[0].pk)
                locked.set()
                done.wait(30)
            connections.close_all()

        thread = threading.Thread(target=lock)
        thread.start()
        assert locked.wait(30)
        try:
            with keys(NEW, OLD):
                assert rotate() == counts(2, 1, busy=1)
        finally:
            done.set()
            thread.join()

    def test_every_job_is_performed_once_while_all_are_rotated_again_and_again(self) -> None:
        jobs, performed = 300, threading.Event()
        with keys(OLD):
            enqueue_many(secretive.remember.bind(number) for number in range(jobs))
        secretive.remembered.clear()
        failures: list[BaseException] = []

        def rotate_meanwhile() -> None:
            try:
                while not performed.is_set():
                    rotate(batch=20)
            except BaseException as error:
                failures.append(error)
            finally:
                connections.close_all()

        with keys(NEW, OLD):
            thread = threading.Thread(target=rotate_meanwhile)
            thread.start()
            try:
                while Job.objects.ready().exists():
                    assert work_off(limit=25).failed == 0
            finally:
                performed.set()
                thread.join()
            assert failures == []
            assert sorted(secretive.remembered) == list(range(jobs))
            rotate()
        with keys(NEW):
            assert rotate() == counts(jobs)
            assert {job.result for job in Job.objects.succeeded()} == set(range(jobs))
