"""What has ended is counted once, whatever becomes of the writes."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, connection, connections
from django.db.models import F, Sum
from django.utils import timezone

from jobqueue.models import Rollup
from jobqueue.models.rollup import WRITER_BITS, minute_of
from jobqueue.outcomes import RELEASE, Decision
from jobqueue.policy.retry import KEPT
from jobqueue.rows import ClaimedJob, Finish
from jobqueue.states import State
from jobqueue.stores import get_store
from jobqueue.stores.rollups import CLOSED_MINUTES, COLUMNS, Ledger, Written
from jobqueue.worker import minutes as module
from jobqueue.worker.minutes import CHUNK, PAUSE_SECONDS, Minutes
from tests.stores.test_plans import only_on

pytestmark = pytest.mark.django_db(transaction=True)

DAY = 86_400.0
RETRIED = Decision(State.SCHEDULED, wait=9.0, error="boom", failure="failed")


class Clock:
    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


def make(clock: Clock | None = None, keep: float = DAY, **words: Any) -> Minutes:
    return Minutes(get_store(), keep, clock or Clock(), **words)


def ended(
    decision: Decision = KEPT, *, ran: float | None = 0.0, waited: float = -1.0, ago: float = 0.0, **fields: Any
) -> Finish:
    """An attempt that has just ended; ``ago``: its job was stored so long before it was due."""
    due = timezone.now() - timedelta(seconds=(ran or 0.0) + waited)
    job = ClaimedJob(
        7, "default", "send", 0, 1, "{}", due, due - timedelta(seconds=ago), 0, None, None, None, uuid4()
    )
    now = time.monotonic()
    started, at = (None, None) if ran is None else (now - ran, now)
    return Finish(job._replace(**fields), decision, started, at)


def written(finishes: Sequence[Finish]) -> dict[str, float]:
    """Count and write; return what the table then says, without what is 0."""
    minutes = make()
    minutes.add(finishes)
    minutes.write_all(5)
    return sums()


def sums() -> dict[str, float]:
    found = Rollup.objects.aggregate(**{f"{name}_": Sum(name) for name in COLUMNS})
    return {name.removesuffix("_"): value for name, value in found.items() if value}


class TestCounting:
    @pytest.mark.parametrize(
        ("decision", "column"),
        [
            (KEPT, "succeeded"),
            (Decision(State.SUCCEEDED, delete=True), "succeeded"),
            (RETRIED, "retried"),
            (Decision(State.READY, crash=True, failure="crashed"), "retried"),
            (Decision(State.FAILED, failure="failed"), "failed"),
            (Decision(State.FAILED, charge=False, failure="unknown"), "failed"),
            (Decision(State.CANCELLED), "cancelled"),
        ],
    )
    def test_each_attempt_that_ended(self, decision: Decision, column: str) -> None:
        found = written([ended(decision), ended(decision, attempts=2)])
        assert found == {"stored": 1, column: 2, "run_00": 2, "wait_00": 2}

    @pytest.mark.parametrize(
        "decision",
        [
            RELEASE,
            Decision(State.SCHEDULED, wait=9.0, charge=False),
            Decision(State.SCHEDULED, charge=False, blocked=True),
        ],
        ids=["released", "snoozed", "blocked"],
    )
    def test_none_that_was_given_back(self, decision: Decision) -> None:
        assert written([ended(decision)]) == {}

    def test_times(self) -> None:
        found = written([ended(ran=0.003, waited=2.5), ended(ran=40_000, waited=40_000, attempts=3)])
        assert found.pop("run_seconds") == pytest.approx(40_000.003)
        assert found == {"stored": 1, "succeeded": 2, "run_02": 1, "run_26": 1, "wait_12": 1, "wait_26": 1}

    def test_without_a_start_there_are_none(self) -> None:
        assert written([ended(RETRIED, ran=None)]) == {"stored": 1, "retried": 1}

    def test_nobody_has_waited_less_than_nothing(self) -> None:
        assert written([ended(waited=-600)])["wait_00"] == 1

    def test_a_job_is_stored_when_it_was_stored(self) -> None:
        written([ended(ago=600), ended(ago=600), ended(ago=2 * DAY)])
        stored = Rollup.objects.get(stored__gt=0)
        assert stored.stored == 2
        assert stored.minute == pytest.approx(minute_of(timezone.now()) - 10, abs=1)
        assert Rollup.objects.get(succeeded__gt=0).succeeded == 3

    def test_by_queue_and_class(self) -> None:
        written([ended(name=name, queue=queue) for name in ("a", "b", "a") for queue in ("x", "y")])
        found = Rollup.objects.values_list("queue", "name").annotate(Sum("succeeded"))
        assert set(found) == {("x", "a", 2), ("x", "b", 1), ("y", "a", 2), ("y", "b", 1)}

    def test_where_none_are_kept_nothing_is_counted(self) -> None:
        minutes = make(keep=0)
        minutes.add([ended()])
        assert minutes.due_in() is None

    def test_there_are_not_too_many(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(module, "MOST_ROWS", 10)
        found = written([ended(name=f"job{number}") for number in range(30)])
        assert found["succeeded"] == 30
        assert Rollup.objects.filter(queue="", name="").aggregate(Sum("succeeded"))["succeeded__sum"] == 20
        assert caplog.messages == ["more than 10 classes, queues and minutes: figures of the rest have no name"]


class TestWhen:
    def test_soon_after_something_was_counted(self) -> None:
        minutes = make(clock := Clock())
        assert minutes.due_in() is None
        minutes.add([ended()])
        assert PAUSE_SECONDS - 1 < (minutes.due_in() or 0) <= PAUSE_SECONDS
        clock.ahead += PAUSE_SECONDS
        assert minutes.due_in() == 0
        minutes.write()
        assert minutes.due_in() is None
        assert sums()["succeeded"] == 1

    def test_a_statement_has_an_end(self) -> None:
        minutes = make()
        minutes.add([ended(name=f"job{number}") for number in range(2 * CHUNK + 1)])
        minutes.write()
        assert Rollup.objects.count() == CHUNK
        assert minutes.due_in() == 0
        minutes.write()
        minutes.write()
        assert Rollup.objects.count() == 2 * CHUNK + 1
        assert minutes.due_in() is None

    def test_only_what_has_changed_is_written(self) -> None:
        minutes = make()
        minutes.add([ended(name="a"), ended(name="b")])
        minutes.write()
        Rollup.objects.filter(name="a").update(failed=7)
        minutes.add([ended(name="b")])
        minutes.write()
        assert sums()["failed"] == 7
        assert sums()["succeeded"] == 3


class Unsteady(Ledger):
    """The answer of every other write gets lost."""

    lose = False

    def write(self, writer: int, rows: Any) -> Written:
        answer = super().write(writer, rows)
        if self.lose:
            raise OperationalError("server closed the connection unexpectedly")
        return answer


def pass_minutes(minutes: Minutes, count: int) -> None:
    """Let all that was written, and its writer, be so much older."""
    older = count << WRITER_BITS
    minutes._writer -= older
    Rollup.objects.filter(writer__gt=0).update(writer=F("writer") - older)


class TestTrouble:
    def test_it_goes_on_counting_while_the_table_is_locked(self) -> None:
        minutes = make()
        minutes.add([ended()])
        other = connections.create_connection("default")
        try:
            with other.cursor() as cursor:
                cursor.execute("BEGIN IMMEDIATE" if other.vendor == "sqlite" else "BEGIN")
                if other.vendor == "postgresql":
                    cursor.execute("LOCK jobqueue_rollup IN ACCESS EXCLUSIVE MODE")
                minutes.write()
                assert (minutes.due_in() or 0) > PAUSE_SECONDS - 1
                minutes.add([ended()])
                cursor.execute("ROLLBACK")
        finally:
            other.close()
        minutes.write_all(5)
        assert sums()["succeeded"] == 2

    def test_what_can_never_be_written_is_dropped(self, caplog: pytest.LogCaptureFixture) -> None:
        minutes = make()
        minutes.add([ended(created_at=timezone.now(), name="n" * 300)])
        if connection.vendor == "postgresql":
            minutes.write()
            assert caplog.messages == ["figures could not be written, and are dropped"]
            assert minutes.due_in() is None
        minutes.add([ended()])
        minutes.write_all(5)
        assert sums()["succeeded"] >= 1

    def test_a_series_ends_with_its_minute(self) -> None:
        minutes = make()
        minutes.add([ended()])
        minutes.write()
        pass_minutes(minutes, 1)
        minutes.add([ended()])
        minutes.write()
        assert list(Rollup.objects.order_by("writer").values_list("succeeded", flat=True)) == [1, 1]

    @pytest.mark.parametrize("wrong", [-7200.0, 7200.0])
    def test_a_clock_that_is_wrong(self, wrong: float) -> None:
        """The first number is from our clock; all others from the database's."""
        minutes = make(time_of_day=lambda: time.time() + wrong)
        for _ in range(3):
            minutes.add([ended()])
            minutes.write_all(5)
        assert sums()["succeeded"] == 3
        now = minute_of(timezone.now())
        assert abs(minutes._ahead + wrong) < 5
        assert minutes._writer >> WRITER_BITS == pytest.approx(now, abs=120 if wrong > 0 else 2)

    @only_on("postgresql")
    def test_a_lost_answer_counts_once(self) -> None:
        minutes = make()
        ledger = minutes._ledger = Unsteady(get_store())
        ledger.lose = True
        minutes.add([ended()])
        minutes.write()
        minutes.add([ended()])
        ledger.lose = False
        minutes.write_all(5)
        assert sums()["succeeded"] == 2

    @only_on("postgresql")
    def test_nor_when_maintenance_has_added_it_up_meanwhile(self) -> None:
        minutes = make()
        ledger = minutes._ledger = Unsteady(get_store())
        ledger.lose = True
        minutes.add([ended()])
        minutes.write()
        minutes.add([ended()])
        pass_minutes(minutes, CLOSED_MINUTES + 1)
        assert ledger.add_up(100) > 0
        ledger.lose = False
        minutes.write_all(5)
        assert sums()["succeeded"] == 2

    @pytest.mark.parametrize("seed", range(5))
    def test_whatever_happens_each_counts_once(self, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
        chance = random.Random(seed)
        monkeypatch.setattr(module, "CHUNK", 3)
        minutes, counted = make(), 0
        ledger = minutes._ledger = Unsteady(get_store())
        for _ in range(120):
            match chance.randrange(6):
                case 0 | 1:
                    names = [f"job{chance.randrange(8)}" for _ in range(chance.randrange(6))]
                    minutes.add([ended(chance.choice([KEPT, RETRIED]), name=name) for name in names])
                    counted += len(names)
                case 2 | 3:
                    ledger.lose = connection.vendor == "postgresql" and chance.random() < 0.4
                    minutes.write()
                case 4:
                    pass_minutes(minutes, chance.choice([1, 1, 2, CLOSED_MINUTES + 1]))
                case 5:
                    ledger.add_up(chance.randrange(1, 9))
        ledger.lose = False
        minutes.write_all(5)
        while ledger.add_up(100):
            pass
        found = sums()
        assert found["succeeded"] + found["retried"] == found["stored"] == counted
        assert sum(value for name, value in found.items() if name.startswith("run_0")) == counted
