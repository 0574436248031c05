"""What every store must do, whatever the database."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import DataError, IntegrityError, OperationalError, connection, transaction
from django.utils import timezone

from jobqueue.models import Job
from jobqueue.outcomes import RELEASE, Decision
from jobqueue.rows import Finish, Promotion
from jobqueue.states import State
from jobqueue.stores.base import Store
from jobqueue.stores.pools import PoolRegistry
from tests.stores.shelf import ENDED, STARTED, claim, new, request, stored, succeeded

HOUR = timedelta(hours=1)


def state_of(job_id: int) -> State:
    return State(Job.objects.get(pk=job_id).state)


class TestInsert:
    def test_a_new_job_is_ready_now(self, store: Store) -> None:
        job = stored(store, priority=3, queue="mail", max_attempts=5, max_run_time=1.5)
        row = Job.objects.get(pk=job.pk)
        assert (row.state, row.priority, row.queue, row.max_attempts, row.max_run_time) == (1, 3, "mail", 5, 1.5)
        assert row.run_at == row.created_at == job.created_at
        assert (row.attempts, row.crashes, row.locked_at, row.locked_by, row.claim_id) == (0, 0, None, None, None)

    def test_a_job_for_later_is_scheduled(self, store: Store) -> None:
        later = timezone.now() + HOUR
        job = stored(store, run_at=later)
        assert state_of(job.pk) is State.SCHEDULED
        assert Job.objects.get(pk=job.pk).run_at == later

    @pytest.mark.parametrize(("wait", "state"), [(HOUR, State.SCHEDULED), (timedelta(), State.READY)])
    def test_a_wait_counts_from_what_the_database_says_is_now(
        self, store: Store, wait: timedelta, state: State
    ) -> None:
        job = stored(store, run_at=wait)
        store.insert_many([new(run_at=wait)])
        assert {(row.run_at - row.created_at, State(row.state)) for row in Job.objects.all()} == {(wait, state)}
        assert (job.run_at - job.created_at, job.state) == (wait, state)

    def test_a_run_at_in_the_past_is_kept_and_ready(self, store: Store) -> None:
        earlier = timezone.now() - HOUR
        job = stored(store, run_at=earlier)
        assert state_of(job.pk) is State.READY
        assert Job.objects.get(pk=job.pk).run_at == earlier

    def test_a_key_is_taken_once(self, store: Store) -> None:
        job = stored(store, key="order-7")
        assert store.insert(new(key="order-7")) is None
        assert store.keyed("order-7") == job
        assert store.keyed("order-8") is None
        stored(store, key="order-8")
        assert Job.objects.count() == 2

    def test_it_rolls_back_with_the_caller(self, store: Store) -> None:
        with transaction.atomic():
            store.insert(new())
            transaction.set_rollback(True)
        assert not Job.objects.exists()

    def test_many_jobs_come_back_in_order(self, store: Store) -> None:
        ids = store.insert_many([new(name=f"n{i}", priority=i % 3) for i in range(500)])
        assert list(Job.objects.filter(pk__in=ids).order_by("pk").values_list("name", flat=True)) == [
            f"n{i}" for i in range(500)
        ]

    def test_many_jobs_keep_their_columns(self, store: Store) -> None:
        later = timezone.now() + HOUR
        first, second = store.insert_many(
            [new(handler='{"a":"é"}\nv1:x', run_at=later, max_attempts=2), new(max_run_time=0.5)]
        )
        row, other = Job.objects.get(pk=first), Job.objects.get(pk=second)
        assert (row.state, row.run_at, row.max_attempts, row.handler) == (0, later, 2, '{"a":"é"}\nv1:x')
        assert (other.state, other.max_run_time, other.max_attempts) == (1, 0.5, None)

    def test_what_many_jobs_stumble_over_is_an_error_of_djangos(self, store: Store) -> None:
        if connection.vendor != "postgresql":
            pytest.skip("SQLite bounds no text")
        with pytest.raises(DataError, match="too long"):
            store.insert_many([new(), new(name="x" * 300)])
        assert not Job.objects.exists()

    @pytest.mark.parametrize(
        "text", ["\\", "\\N", "\\.", "\\.\n", "a\tb", "a\r\nb", "\\t", "\x08\x0b\x7f", "'\"{}$1%s", "\u2028é😀"]
    )
    def test_many_jobs_keep_any_text(self, store: Store, text: str) -> None:
        ids = store.insert_many([new(handler=text, name=text, queue=text), new()])
        row = Job.objects.get(pk=ids[0])
        assert (row.handler, row.name, row.queue) == (text, text, text)
        assert Job.objects.count() == 2

    def test_no_jobs_are_no_statement(self, store: Store, django_assert_num_queries) -> None:
        with django_assert_num_queries(0):
            assert store.insert_many([]) == []


class TestClaim:
    def test_larger_priority_then_older_run_at_then_id(self, store: Store, pool: int) -> None:
        now = timezone.now()
        t0, t1, t2 = now - 3 * HOUR, now - 2 * HOUR, now - HOUR
        spec = [(0, t0), (1, t2), (1, t1), (-1, t0), (1, t1)]
        ids = store.insert_many([new(priority=priority, run_at=run_at) for priority, run_at in spec])
        assert [job.id for job in claim(store, pool)] == [ids[2], ids[4], ids[1], ids[0], ids[3]]

    def test_the_limit_takes_the_first(self, store: Store, pool: int) -> None:
        ids = store.insert_many([new(priority=i) for i in range(10)])
        assert [job.id for job in claim(store, pool, 3)] == ids[:-4:-1]

    def test_it_stamps_the_row(self, store: Store, pool: int) -> None:
        store.insert(new())
        wanted = request(pool)
        [job] = store.claim(wanted)
        row = Job.objects.get()
        assert (row.state, row.claim_id, row.pool_id, row.locked_by) == (
            2,
            wanted.claim_id,
            pool,
            "host:here pid:1",
        )
        assert row.attempts == job.attempts == 1
        assert row.locked_at is not None
        assert job.claim_id == wanted.claim_id
        assert (job.run_at, job.created_at) == (row.run_at, row.created_at)

    def test_none_is_claimed_twice(self, store: Store, pool: int) -> None:
        store.insert_many([new() for _ in range(10)])
        assert len(claim(store, pool, 6)) + len(claim(store, pool, 6)) == 10
        assert claim(store, pool) == []

    def test_not_before_its_time(self, store: Store, pool: int) -> None:
        store.insert(new(run_at=timezone.now() + HOUR))
        assert claim(store, pool) == []

    def test_only_the_queues_asked_for(self, store: Store, pool: int) -> None:
        store.insert_many([new(queue=queue) for queue in ("a", "b", "c", "b")])
        assert [job.queue for job in claim(store, pool, queues=("b", "c", "none"))] == ["b", "c", "b"]
        assert [job.queue for job in claim(store, pool)] == ["a"]

    def test_priority_bounds_are_inclusive(self, store: Store, pool: int) -> None:
        store.insert_many([new(priority=p) for p in (-2, -1, 0, 1, 2)])
        assert [job.priority for job in claim(store, pool, min_priority=-1, max_priority=1)] == [1, 0, -1]
        assert [job.priority for job in claim(store, pool, min_priority=2)] == [2]
        assert [job.priority for job in claim(store, pool, max_priority=-2)] == [-2]

    def test_order_holds_across_queues(self, store: Store, pool: int) -> None:
        store.insert_many([new(queue=queue, priority=p) for p, queue in enumerate("abcabc")])
        assert [job.priority for job in claim(store, pool, 4)] == [5, 4, 3, 2]

    def test_a_pool_declared_dead_gets_nothing(self, store: Store, pools: PoolRegistry, pool: int) -> None:
        store.insert(new())
        [peer] = pools.look(0).peers
        assert pools.declare_dead(peer, -1)
        assert claim(store, pool) == []
        assert claim(store, 987654) == []

    def test_a_lost_answer_can_be_adopted(self, store: Store, pool: int) -> None:
        store.insert_many([new(priority=i) for i in range(5)])
        wanted = request(pool, 3)
        taken = store.claim(wanted)
        assert store.adopt(wanted) == taken
        assert store.adopt(request(pool)) == []


class TestFinish:
    def test_success_leaves_no_lock_and_keeps_the_claim_and_who_performed(self, store: Store, pool: int) -> None:
        store.insert(new())
        [job] = claim(store, pool, worker="host:here pid:7")
        assert store.finish([Finish(job, Decision(State.SUCCEEDED, result="7"), STARTED, ENDED)]) == []
        row = Job.objects.get()
        assert (row.state, row.stored_result, row.claim_id) == (3, "7", job.claim_id)
        assert (row.locked_at, row.locked_by, row.pool_id) == (None, "host:here pid:7", None)
        assert row.started_at is not None
        assert row.finished_at is not None
        assert row.finished_at - row.started_at == pytest.approx(
            timedelta(seconds=1), abs=timedelta(milliseconds=5)
        )

    def test_every_decision_in_one_batch(self, store: Store, pool: int) -> None:
        store.insert_many([new(priority=9 - i) for i in range(8)])
        jobs = claim(store, pool)
        later = timezone.now() + HOUR
        decisions = [
            Decision(State.SUCCEEDED),
            Decision(State.SUCCEEDED, delete=True),
            Decision(State.FAILED, error="boom"),
            Decision(State.SCHEDULED, wait=3600, error="again"),
            Decision(State.SCHEDULED, run_at=later, charge=False),
            Decision(State.CANCELLED, error="no need"),
            RELEASE,
            Decision(State.READY, crash=True, error="killed"),
        ]
        assert store.finish([Finish(j, d, STARTED, ENDED) for j, d in zip(jobs, decisions, strict=True)]) == []
        rows = {row.priority: row for row in Job.objects.all()}
        assert {priority: row.state for priority, row in rows.items()} == {
            9: 3,
            7: 4,
            6: 0,
            5: 0,
            4: 5,
            3: 1,
            2: 1,
        }
        assert [rows[p].attempts for p in (7, 6, 5, 3, 2)] == [1, 1, 0, 0, 1]
        assert (rows[7].last_error, rows[7].failed_at == rows[7].finished_at) == ("boom", True)
        assert (rows[6].last_error, rows[5].run_at, rows[2].crashes) == ("again", later, 1)
        assert rows[6].run_at > timezone.now() + HOUR / 2
        assert all((row.locked_at, row.pool_id) == (None, None) for row in rows.values())
        assert [priority for priority, row in rows.items() if row.locked_by] == [9]

    def test_a_retry_without_a_pause_is_ready_at_once(self, store: Store, pool: int) -> None:
        store.insert(new())
        [job] = claim(store, pool)
        store.finish([Finish(job, Decision(State.SCHEDULED, wait=0))])
        assert state_of(job.id) is State.READY

    @pytest.mark.parametrize(
        "decision",
        [Decision(State.SUCCEEDED), Decision(State.SUCCEEDED, delete=True), Decision(State.FAILED), RELEASE],
        ids=["success", "delete", "failure", "release"],
    )
    def test_a_stale_claim_changes_nothing(self, store: Store, pool: int, decision: Decision) -> None:
        store.insert(new())
        [stale] = claim(store, pool)
        store.finish([Finish(stale, RELEASE)])
        [current] = claim(store, pool)
        before = Job.objects.values().get()
        mine = Finish(stale, decision, STARTED, ENDED)
        assert store.finish([mine]) == [mine]
        assert Job.objects.values().get() == before
        assert before["claim_id"] == current.claim_id

    def test_a_repeated_finish_counts_as_written(self, store: Store, pool: int) -> None:
        store.insert_many([new() for _ in range(3)])
        kept, gone, failed = claim(store, pool)
        finishes = [
            succeeded(kept),
            Finish(gone, Decision(State.SUCCEEDED, delete=True)),
            Finish(failed, Decision(State.FAILED, error="x")),
        ]
        assert store.finish(finishes) == []
        rows = list(Job.objects.order_by("pk").values())
        assert store.finish(finishes) == []
        assert list(Job.objects.order_by("pk").values()) == rows

    def test_one_lost_job_does_not_hold_back_the_others(self, store: Store, pool: int) -> None:
        store.insert_many([new() for _ in range(3)])
        jobs = claim(store, pool)
        store.finish([Finish(jobs[1], RELEASE)])
        [taken_again] = claim(store, pool)
        lost = store.finish([succeeded(job) for job in jobs])
        assert [each.job.id for each in lost] == [jobs[1].id]
        assert [state_of(job.id).name for job in jobs] == ["SUCCEEDED", "RUNNING", "SUCCEEDED"]
        assert taken_again.id == jobs[1].id

    def test_around_locks_it_is_the_same_where_nobody_keeps_any(self, store: Store, pool: int) -> None:
        store.insert_many([new() for _ in range(4)])
        kept, gone, failed, lost = claim(store, pool)
        store.finish([Finish(lost, RELEASE)])
        claim(store, pool)
        finishes = [
            succeeded(kept),
            Finish(gone, Decision(State.SUCCEEDED, delete=True)),
            Finish(failed, Decision(State.FAILED, error="x")),
            succeeded(lost),
        ]
        for _ in range(2):
            assert store.finish_around_locks(finishes) == ([finishes[3]], [])
        assert dict(Job.objects.values_list("pk", "state")) == {
            kept.id: State.SUCCEEDED,
            failed.id: State.FAILED,
            lost.id: State.RUNNING,
        }

    def test_blocked_since_is_kept_while_it_stays_blocked(self, store: Store, pool: int) -> None:
        store.insert(new())
        blocked = Decision(State.SCHEDULED, wait=0, charge=False, blocked=True)
        [job] = claim(store, pool)
        store.finish([Finish(job, blocked)])
        since = Job.objects.get().blocked_at
        [job] = claim(store, pool)
        assert job.blocked_at == since
        store.finish([Finish(job, blocked)])
        assert Job.objects.get().blocked_at == since
        [job] = claim(store, pool)
        store.finish([succeeded(job)])
        assert Job.objects.get().blocked_at is None


class TestRestamp:
    def test_what_is_still_held_moves_to_the_new_claim(self, store: Store, pool: int) -> None:
        store.insert_many([new() for _ in range(3)])
        jobs = claim(store, pool)
        store.finish([Finish(jobs[1], RELEASE)])
        fresh = uuid4()
        kept = store.restamp(jobs, fresh)
        assert [job.id for job in kept] == [jobs[0].id, jobs[2].id]
        assert {job.claim_id for job in kept} == {fresh}
        assert store.finish([succeeded(jobs[0])]) != []
        assert store.finish([succeeded(job) for job in kept]) == []

    def test_it_may_be_repeated(self, store: Store, pool: int) -> None:
        store.insert_many([new() for _ in range(2)])
        jobs, fresh = claim(store, pool), uuid4()
        assert store.restamp(jobs, fresh) == store.restamp(jobs, fresh)


class TestPromote:
    def test_due_jobs_become_ready_oldest_first(self, store: Store) -> None:
        ids = store.insert_many([new(run_at=timezone.now() + HOUR * (i + 1), queue=f"q{i}") for i in range(3)])
        for hours, job_id in zip((2, 3), ids, strict=False):
            Job.objects.filter(pk=job_id).update(run_at=timezone.now() - hours * HOUR)
        first = store.promote(limit=1)
        assert (first.moved, set(first.queues)) == (1, {"q1"})
        second = store.promote()
        assert (second.moved, set(second.queues)) == (1, {"q0"})
        assert second.next_in == pytest.approx(3 * 3600, abs=60)
        assert [state_of(job_id).name for job_id in ids] == ["READY", "READY", "SCHEDULED"]

    def test_nothing_scheduled(self, store: Store) -> None:
        store.insert(new())
        assert store.promote() == Promotion(0, frozenset(), frozenset({"default"}), None)


class TestDeadWorkers:
    def test_a_dead_pools_jobs_are_rescued_as_judged(self, store: Store, pools: PoolRegistry, pool: int) -> None:
        store.insert_many([new() for _ in range(3)])
        jobs = claim(store, pool, 2)
        own = pools.register(host="here", pid=2)
        [mine] = claim(store, own)
        verdict = Decision(State.READY, crash=True, error="vanished")
        assert store.rescue(lambda job: verdict) == []
        [peer] = pools.look(own).peers
        pools.declare_dead(peer, -1)
        assert [each.job.id for each in store.rescue(lambda job: verdict)] == [job.id for job in jobs]
        rescued = Job.objects.filter(pk__in=[job.id for job in jobs])
        assert {(row.state, row.crashes, row.last_error) for row in rescued} == {(1, 1, "vanished")}
        assert state_of(mine.id) is State.RUNNING

    def test_a_pool_whose_row_is_gone_counts_as_dead(self, store: Store, pools: PoolRegistry, pool: int) -> None:
        store.insert(new())
        claim(store, pool)
        pools.retire(pool)
        assert len(store.rescue(lambda job: RELEASE)) == 1
        assert Job.objects.get().attempts == 0

    def test_held_and_strays_tell_the_workers_apart(self, store: Store, pool: int) -> None:
        store.insert_many([new() for _ in range(3)])
        [first] = claim(store, pool, 1, worker="w1")
        [second] = claim(store, pool, 1, worker="w2")
        [third] = claim(store, pool, 1, worker="w3")
        assert store.held(pool, "w1") == [first]
        assert store.strays(pool, ["w1", "w3"]) == [second]
        assert store.strays(pool, ["w2"]) == [first, third]


class TestPrune:
    def test_only_what_ended_long_ago_goes(self, store: Store, pool: int) -> None:
        ids = store.insert_many([new(priority=9 - i) for i in range(6)])
        decisions = (State.SUCCEEDED, State.SUCCEEDED, State.CANCELLED, State.FAILED)
        jobs = claim(store, pool, 5)
        store.finish([Finish(j, Decision(s), STARTED, ENDED) for j, s in zip(jobs, decisions, strict=False)])
        old = timezone.now() - 2 * HOUR
        Job.objects.filter(pk__in=[ids[0], ids[2], ids[3]]).update(finished_at=old)
        assert store.prune(3600) == 2
        assert set(Job.objects.values_list("pk", flat=True)) == {ids[1], ids[3], ids[4], ids[5]}

    def test_in_batches(self, store: Store, pool: int) -> None:
        store.insert_many([new() for _ in range(5)])
        store.finish([succeeded(job) for job in claim(store, pool)])
        assert [store.prune(-60, limit=3), store.prune(-60, limit=3), store.prune(-60, limit=3)] == [3, 2, 0]


class TestActs:
    def test_retry_gives_all_attempts_back(self, store: Store, pool: int) -> None:
        store.insert(new())
        [job] = claim(store, pool)
        store.finish([Finish(job, Decision(State.FAILED, error="boom"))])
        assert store.retry(job.id)
        row = Job.objects.get()
        assert (row.state, row.attempts, row.failed_at, row.finished_at) == (1, 0, None, None)
        assert not store.retry(job.id)

    def test_cancel_takes_only_what_waits(self, store: Store, pool: int) -> None:
        ready, later = store.insert_many([new(), new(run_at=timezone.now() + HOUR)])
        assert store.cancel(later)
        claim(store, pool)
        assert not store.cancel(ready)
        assert (state_of(ready), state_of(later)) == (State.RUNNING, State.CANCELLED)

    def test_run_now_takes_only_what_is_scheduled(self, store: Store, pool: int) -> None:
        later = stored(store, run_at=timezone.now() + HOUR)
        assert store.run_now(later.pk)
        assert not store.run_now(later.pk)
        assert [job.id for job in claim(store, pool)] == [later.pk]


class TestPools:
    def test_an_id_is_not_handed_out_again_when_its_row_was_lost(self, pools: PoolRegistry) -> None:
        with transaction.atomic():
            lost = pools.register(host="here", pid=1)
            transaction.set_rollback(True)
        assert pools.register(host="there", pid=2) != lost

    def test_a_beat_renews_and_a_dead_pool_learns_it(self, pools: PoolRegistry, pool: int) -> None:
        assert pools.beat(pool, workers=[{"pid": 1}])
        [peer] = pools.look(0).peers
        assert peer.beats == 1
        assert not pools.declare_dead(peer, 30)
        assert pools.declare_dead(peer, -1)
        assert not pools.beat(pool)
        assert pools.look(0).peers == []

    def test_a_pool_that_has_beaten_meanwhile_lives_on(self, pools: PoolRegistry, pool: int) -> None:
        [peer] = pools.look(0).peers
        pools.beat(pool)
        assert not pools.declare_dead(peer, -1)


class TestLooking:
    ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"

    def test_a_query_that_takes_too_long_is_ended(self, store: Store) -> None:
        with pytest.raises(OperationalError), store.looking(0.1), connection.cursor() as cursor:
            cursor.execute(self.ENDLESS)
        assert Job.objects.count() == 0, "the connection is as before"

    def test_in_a_callers_transaction_as_well(self, store: Store) -> None:
        with transaction.atomic():
            store.insert(new())
            with pytest.raises(OperationalError), store.looking(0.1), connection.cursor() as cursor:
                cursor.execute(self.ENDLESS)
            assert Job.objects.count() == 1
        assert Job.objects.count() == 1

    def test_the_limit_ends_with_the_look(self, store: Store) -> None:
        with store.looking(0.05):
            assert Job.objects.count() == 0
        with connection.cursor() as cursor:
            cursor.execute(self.ENDLESS.replace("FROM n)", "FROM n WHERE i < 400000)"))
            assert cursor.fetchone() == (400_000,)

    def test_now_is_the_time_by_which_jobs_are_due(self, store: Store) -> None:
        before = store.now()
        job = stored(store)
        assert before <= job.run_at <= store.now()


@pytest.mark.parametrize(
    "fields", [{"state": 99}, {"attempts": -1}, {"crashes": -1}, {"state": 2}], ids=lambda fields: str(fields)
)
def test_the_database_refuses_impossible_rows(store: Store, fields: dict[str, int]) -> None:
    job = stored(store)
    with pytest.raises(IntegrityError), transaction.atomic():
        Job.objects.filter(pk=job.pk).update(**fields)
