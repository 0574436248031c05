"""What is kept beside a job's row: its failed attempts; and that paused queues and classes rest."""

from __future__ import annotations

import time

import pytest

from jobqueue.models import Attempt, Cancellation, ClassPause, Job, Pause, Report
from jobqueue.outcomes import RELEASE, Decision
from jobqueue.rows import ClaimedJob, Finish
from jobqueue.states import State
from jobqueue.stores.base import Store
from tests.stores.shelf import ENDED, STARTED, claim, new, request, stored, succeeded

AGAIN = Decision(State.SCHEDULED, wait=0.0, error="builtins.ValueError: no", failure="failed")
LAST = Decision(State.FAILED, error="builtins.OSError: gone", failure="timed out")


def ended(job: ClaimedJob, decision: Decision) -> Finish:
    return Finish(job, decision, STARTED, ENDED)


class TestHistory:
    def test_each_failed_attempt_is_kept_with_who_and_when(self, store: Store, pool: int) -> None:
        job = stored(store)
        for decision in (AGAIN, LAST):
            [claimed] = claim(store, pool, worker="host:here pid:7")
            assert store.finish([ended(claimed, decision)]) == []
        first, second = Job.objects.get(pk=job.pk).tries.all()
        assert (first.number, first.outcome, first.error) == (1, "failed", AGAIN.error)
        assert (second.number, second.outcome, second.error) == (2, "timed out", LAST.error)
        assert {first.worker, second.worker} == {"host:here pid:7"}
        assert first.started_at is not None
        assert (first.ended_at - first.started_at).total_seconds() == pytest.approx(ENDED - STARTED, abs=1e-3)
        ago = store.now() - second.ended_at
        assert ago.total_seconds() == pytest.approx(time.monotonic() - ENDED, abs=0.5), "not when it was written"

    def test_one_whose_end_nobody_saw_ends_when_it_is_written(self, store: Store, pool: int) -> None:
        stored(store)
        [claimed] = claim(store, pool)
        before = store.now()
        store.finish([Finish(claimed, LAST, STARTED)])
        assert before <= Attempt.objects.get().ended_at <= store.now()

    def test_what_was_not_performed_has_no_start(self, store: Store, pool: int) -> None:
        stored(store)
        [claimed] = claim(store, pool)
        store.finish([Finish(claimed, Decision(State.FAILED, error="forged", failure="corrupt"))])
        assert Attempt.objects.get().started_at is None

    @pytest.mark.parametrize(
        "decision",
        [
            Decision(State.SUCCEEDED),
            Decision(State.SUCCEEDED, result="7"),
            Decision(State.SCHEDULED, wait=5.0, charge=False),
            Decision(State.CANCELLED, error="its row is gone"),
            RELEASE,
        ],
        ids=["success", "result", "snooze", "cancel", "release"],
    )
    def test_other_ends_leave_none(self, store: Store, pool: int, decision: Decision) -> None:
        stored(store)
        store.finish([ended(each, decision) for each in claim(store, pool)])
        assert not Attempt.objects.exists()

    def test_a_stale_claim_leaves_none(self, store: Store, pool: int) -> None:
        stored(store)
        [stale] = claim(store, pool)
        store.finish([Finish(stale, RELEASE)])
        [fresh] = claim(store, pool)
        assert store.finish([ended(stale, AGAIN)]) == [ended(stale, AGAIN)]
        assert not Attempt.objects.exists()
        assert store.finish([ended(fresh, AGAIN)]) == []

    def test_a_repeated_finish_leaves_one(self, store: Store, pool: int) -> None:
        stored(store)
        [claimed] = claim(store, pool)
        assert store.finish([ended(claimed, LAST)]) == store.finish([ended(claimed, LAST)]) == []
        assert Attempt.objects.count() == 1

    def test_it_goes_with_its_job(self, store: Store, pool: int) -> None:
        jobs = [stored(store) for _ in range(4)]
        first, second, third, fourth = claim(store, pool)
        for job in jobs:
            Report.objects.create(job=job, stored_text="halfway")
        store.finish([ended(each, AGAIN) for each in (first, second, third, fourth)])
        again = claim(store, pool)
        for job in jobs:
            Cancellation.objects.create(job=job)
        gone = Decision(State.SUCCEEDED, delete=True)
        store.finish([ended(again[0], gone), succeeded(again[1]), ended(again[2], LAST)])
        assert store.prune(-60.0) == 1
        for model in (Attempt, Report, Cancellation):
            left = set(model._base_manager.values_list("job_id", flat=True))
            assert left == {again[2].id, again[3].id}, model

    def test_ends_that_are_not_ours_delete_nothing(self, store: Store, pool: int) -> None:
        job = stored(store)
        [claimed] = claim(store, pool)
        Report.objects.create(job=job, stored_text="halfway")
        stale = claimed._replace(claim_id=request(pool).claim_id)
        gone = ended(stale, Decision(State.SUCCEEDED, delete=True))
        assert store.finish([gone]) == [gone]
        assert Report.objects.exists()


class TestPauses:
    def test_nobody_claims_from_a_paused_queue(self, store: Store, pool: int) -> None:
        store.insert_many([new(queue="mail"), new(queue="default"), new(queue="mail", priority=9)])
        Pause.objects.create(queue="mail", reason="the server is being moved")
        assert [each.queue for each in claim(store, pool)] == ["default"]
        assert claim(store, pool, queues=("mail",)) == []
        Pause.objects.all().delete()
        assert len(claim(store, pool, queues=("mail",))) == 2

    def test_nobody_is_woken_for_it(self, store: Store) -> None:
        store.insert_many([new(queue="mail"), new(queue="default")])
        Pause.objects.create(queue="mail")
        assert store.promote().ready == {"default"}

    def test_nobody_claims_jobs_of_a_paused_class_and_those_behind_them_are_claimed(
        self, store: Store, pool: int
    ) -> None:
        resting = [new(name="app.rests", priority=priority) for priority in (9, 0) for _ in range(30)]
        others = [new(name="app.goes.on", priority=priority) for priority in (5, 0, -5)]
        store.insert_many([*resting, *others, *(each._replace(queue="mail") for each in resting)])
        ClassPause.objects.create(name="app.rests", reason="the service is down")
        taken = claim(store, pool, limit=2) + claim(store, pool, limit=2)
        assert [(each.name, each.priority) for each in taken] == [("app.goes.on", each) for each in (5, 0, -5)]
        for asked in ({}, {"queues": ("mail",)}, {"min_priority": 5}, {"max_priority": 5}):
            assert claim(store, pool, **asked) == []
        ClassPause.objects.all().delete()
        assert len(claim(store, pool, limit=200)) == 120

    def test_a_class_whose_name_begins_like_a_resting_one_goes_on(self, store: Store, pool: int) -> None:
        store.insert_many([new(name="app.rests"), new(name="app.rests.not"), new(name="app.rest")])
        ClassPause.objects.create(name="app.rests")
        assert {each.name for each in claim(store, pool)} == {"app.rests.not", "app.rest"}

    def test_a_paused_class_is_taken_by_id(self, store: Store, pool: int) -> None:
        job = stored(store, name="app.rests")
        ClassPause.objects.create(name="app.rests")
        taken = store.take(job.pk, request(pool))
        assert taken is not None
        assert taken.id == job.pk

    def test_nobody_is_woken_for_a_queue_in_which_only_a_paused_class_waits(self, store: Store) -> None:
        store.insert_many([new(queue="mail", name="app.rests"), new(queue="default"), new(name="app.rests")])
        ClassPause.objects.create(name="app.rests")
        assert store.promote().ready == {"default"}
        stored(store, queue="mail")
        assert store.promote().ready == {"default", "mail"}
