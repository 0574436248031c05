"""What running jobs tell of themselves, and the wishes that they end: fenced, on every database."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import OperationalError, connection, connections, transaction

from jobqueue.models import Cancellation, Job, Report
from jobqueue.outcomes import RELEASE, Decision
from jobqueue.rows import ClaimedJob, Finish, Told
from jobqueue.states import State
from jobqueue.stores.base import Store
from jobqueue.stores.reports import Reports
from jobqueue.stores.wishes import Wishes
from tests.keys import NEW, encrypting
from tests.stores.shelf import ENDED, STARTED, claim, new, request, stored, succeeded
from tests.stores.test_history import AGAIN, LAST


def told(job: ClaimedJob, done: float | None = 1.0, text: str = "half", log: str = "") -> Told:
    return Told(job.id, job.claim_id, done, 2.0, text, log)


@pytest.fixture
def held(store: Store, pool: int) -> ClaimedJob:
    stored(store)
    [job] = claim(store, pool)
    return job


class TestReports:
    def test_the_latest_is_kept(self, store: Store, held: ClaimedJob) -> None:
        assert Reports(store).tell([told(held)]) == {held.id}
        assert Reports(store).tell([told(held, 1.5, "more", "a line")]) == {held.id}
        report = Job.objects.get(pk=held.id).report
        assert (report.done, report.total, report.text, report.log) == (1.5, 2.0, "more", "a line")

    def test_without_a_log_that_of_before_is_left(self, store: Store, held: ClaimedJob) -> None:
        Reports(store).tell([told(held, log="a line")])
        Reports(store).tell([told(held, None, "")])
        report = Report.objects.get()
        assert (report.done, report.text, report.log) == (None, "", "a line")
        assert Reports(store).logs([held.id]) == {held.id: "a line"}

    def test_whoever_has_lost_the_claim_tells_nothing(self, store: Store, held: ClaimedJob, pool: int) -> None:
        store.finish([Finish(held, RELEASE)])
        [again] = claim(store, pool)
        assert Reports(store).tell([told(again)]) == {held.id}
        assert Reports(store).tell([told(held, 7.0)]) == set()
        assert Report.objects.get().done == 1.0

    def test_the_last_words_may_come_after_the_end(self, store: Store, held: ClaimedJob) -> None:
        store.finish([succeeded(held)])
        assert Reports(store).tell([told(held)]) == {held.id}

    def test_nothing_is_told_of_a_job_that_is_gone(self, store: Store, held: ClaimedJob) -> None:
        Job.objects.all().delete()
        assert Reports(store).tell([told(held)]) == set()
        assert not Report.objects.exists()

    def test_it_is_encrypted_where_all_is(self, store: Store, held: ClaimedJob) -> None:
        with encrypting(NEW):
            Reports(store).tell([told(held, text="at Bob's", log="saw Bob")])
            report = Report.objects.get()
            assert (report.text, report.log) == ("at Bob's", "saw Bob")
            assert "Bob" not in report.stored_text + report.stored_log
        assert Report.objects.get().log.startswith("(encrypted with key ")

    def test_it_waits_for_nobody(self, store: Store, held: ClaimedJob) -> None:
        other = connections.create_connection("default")
        try:
            with other.cursor() as cursor:
                cursor.execute("BEGIN IMMEDIATE" if other.vendor == "sqlite" else "BEGIN")
                cursor.execute("UPDATE jobqueue_pool SET beats = beats + 1")
                if other.vendor == "postgresql":
                    cursor.execute("SELECT 1 FROM jobqueue_job FOR NO KEY UPDATE")
                    assert Reports(store).tell([told(held)]) == {held.id}, "as in the transaction of an atomic job"
                    cursor.execute("LOCK jobqueue_report IN ACCESS EXCLUSIVE MODE")
                with pytest.raises(OperationalError, match=r"lock"):
                    Reports(store).tell([told(held)])
                cursor.execute("ROLLBACK")
        finally:
            other.close()
        assert Reports(store).tell([told(held)]) == {held.id}


class TestWishes:
    def test_only_what_has_not_ended_is_called_off(self, store: Store, pool: int) -> None:
        rows = [stored(store).pk for _ in range(3)]
        first, second, _third = claim(store, pool)
        store.finish([succeeded(first)])
        assert store.call_off([*rows, 999_999, 2**70], "bob") == {second.id, _third.id}
        assert store.call_off(rows, "eve") == {second.id, _third.id}
        assert set(Cancellation.objects.values_list("requested_by", flat=True)) == {"bob"}
        assert Wishes(store).among(rows) == {second.id, _third.id}

    @pytest.mark.parametrize(
        ("decision", "error"),
        [
            (RELEASE, "cancelled by bob"),
            (AGAIN, AGAIN.error),
            (Decision(State.SCHEDULED, wait=9.0, charge=False), "cancelled by bob"),
            (Decision(State.READY, crash=True, error="Crashed: it", failure="crashed"), "Crashed: it"),
            (Decision(State.CANCELLED), "cancelled by bob"),
            (Decision(State.CANCELLED, error="by itself"), "by itself"),
        ],
        ids=["release", "retry", "snooze", "crash", "called off", "by itself"],
    )
    def test_what_would_go_on_is_cancelled(
        self, store: Store, held: ClaimedJob, decision: Decision, error: str
    ) -> None:
        store.call_off([held.id], "bob")
        assert store.finish([Finish(held, decision, STARTED, ENDED)]) == []
        row = Job.objects.get()
        assert (row.state, row.last_error, row.locked_by) == (State.CANCELLED, error, None)
        assert row.finished_at is not None
        assert row.failed_at is None

    @pytest.mark.parametrize("decision", [LAST, Decision(State.SUCCEEDED), Decision(State.SUCCEEDED, result="7")])
    def test_what_has_ended_by_itself_has(self, store: Store, held: ClaimedJob, decision: Decision) -> None:
        store.call_off([held.id])
        store.finish([Finish(held, decision, STARTED, ENDED)])
        assert Job.objects.get().state == decision.state

    def test_jobs_of_dead_pools_are_cancelled(self, store: Store, held: ClaimedJob, pool: int) -> None:
        store.call_off([held.id])
        store.settle(pool, "host:here pid:1", lambda job: Finish(job, RELEASE))
        assert Job.objects.get().last_error == "cancelled while it was running"

    def test_only_the_job_that_is_meant(self, store: Store, pool: int) -> None:
        for _ in range(3):
            stored(store)
        jobs = claim(store, pool)
        store.call_off([jobs[1].id])
        store.finish([Finish(job, AGAIN, STARTED, ENDED) for job in jobs])
        cancelled = Job.objects.cancelled().get()
        assert cancelled.pk == jobs[1].id

    def test_a_retry_by_hand_removes_it(self, store: Store, held: ClaimedJob, pool: int) -> None:
        store.call_off([held.id])
        store.finish([Finish(held, LAST, STARTED, ENDED)])
        assert store.retry(held.id)
        [again] = claim(store, pool)
        store.finish([Finish(again, AGAIN, STARTED, ENDED)])
        assert Job.objects.get().state != State.CANCELLED

    def test_a_retry_that_is_refused_leaves_it(self, store: Store, held: ClaimedJob) -> None:
        store.call_off([held.id])
        assert not store.retry(held.id)
        assert Cancellation.objects.exists()

    def test_the_sweep_cancels_what_waits_and_forgets_what_has_ended(self, store: Store, pool: int) -> None:
        for _ in range(4):
            stored(store)
        running, done, gone = claim(store, pool, 3)
        waiting = Job.objects.ready().get()
        later = stored(store)
        Job.objects.filter(pk=later.pk).update(state=State.SCHEDULED, run_at=store.ago(-60))
        store.call_off([running.id, done.id, gone.id, waiting.pk, later.pk], "bob")
        store.finish([succeeded(done), Finish(gone, Decision(State.SUCCEEDED, delete=True))])
        assert store.promote().wishes
        assert Wishes(store).sweep() == 2
        assert set(Job.objects.cancelled().values_list("pk", "last_error")) == {
            (waiting.pk, "cancelled by bob"),
            (later.pk, "cancelled by bob"),
        }
        assert set(Cancellation.objects.values_list("pk", flat=True)) == {running.id}
        store.finish([succeeded(running)])
        assert Wishes(store).sweep() == 0
        assert not store.promote().wishes

    @pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one lock for all rows")
    def test_it_can_be_wished_while_the_job_s_own_transaction_locks_its_row(
        self, store: Store, held: ClaimedJob
    ) -> None:
        other = connections.create_connection("default")
        try:
            with other.cursor() as cursor:
                cursor.execute("BEGIN")
                cursor.execute("SELECT 1 FROM jobqueue_job FOR NO KEY UPDATE")
                assert store.call_off([held.id]) == {held.id}
                assert Wishes(store).sweep() == 0
        finally:
            other.close()

    def test_a_wish_that_is_rolled_back_is_none(self, store: Store, held: ClaimedJob) -> None:
        with transaction.atomic():
            store.call_off([held.id])
            transaction.set_rollback(True)
        store.finish([Finish(held._replace(claim_id=uuid4()), RELEASE)])
        store.finish([Finish(held, RELEASE)])
        assert Job.objects.get().state == State.READY


def test_an_idle_look_asks_no_more_than_before(store: Store, pool: int) -> None:
    store.insert_many([new(run_at=None)])
    request(pool)
    with CaptureQueries() as asked:
        store.promote()
    assert len(asked) == (2 if connection.vendor == "sqlite" else 0), (
        "what the store sends by itself Django does not see"
    )


class CaptureQueries:
    """The statements that Django sends."""

    def __enter__(self) -> list[str]:
        self._sent: list[str] = []
        self._wrapper = connection.execute_wrapper(self._note)
        self._wrapper.__enter__()
        return self._sent

    def _note(self, execute, sql, params, many, context):
        self._sent.append(sql)
        return execute(sql, params, many, context)

    def __exit__(self, *exc: object) -> None:
        self._wrapper.__exit__(None, None, None)
