"""The buffer: how many jobs it asks for, and that each goes to exactly one."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest

from jobqueue.rows import ClaimedJob
from jobqueue.worker.bell import Bell
from jobqueue.worker.board import Board
from jobqueue.worker.buffer import STALE_SECONDS, Buffer

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def job(number: int) -> ClaimedJob:
    return ClaimedJob(number, "q", "n", 0, 1, "{}", NOW, NOW, 0, None, None, None, UUID(int=7))


def jobs(*numbers: int) -> list[ClaimedJob]:
    return [job(number) for number in numbers]


def numbers(taken: list[ClaimedJob]) -> list[int]:
    return [each.id for each in taken]


class CountingBell(Bell):
    """A bell that counts its rings and may do something at each."""

    def __init__(self) -> None:
        super().__init__()
        self.rings = 0
        self.at_ring: Callable[[], None] = lambda: None

    def ring(self) -> None:
        """Count, do it, ring."""
        self.rings += 1
        self.at_ring()
        super().ring()


@pytest.fixture
def bell() -> CountingBell:
    return CountingBell()


def make(bell: Bell, ceiling: int = 250, performers: int = 1, run_seconds: float | None = None) -> Buffer:
    """A buffer whose jobs take so long on the average."""
    [slot, *_] = Board(1).slots
    buffer = Buffer(slot, bell, ceiling, performers)
    if run_seconds is not None:
        buffer.learn(run_seconds)
    return buffer


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.001)


def hungry(buffer: Buffer) -> threading.Thread:
    """A performer that waits for work; it takes one job."""
    thread = threading.Thread(target=buffer.take, daemon=True)
    before = buffer._hungry
    thread.start()
    until(lambda: buffer._hungry > before)
    return thread


class TestHowManyItWants:
    def test_none_while_nobody_asks(self, bell: CountingBell) -> None:
        assert make(bell).wanted() == 0
        assert make(bell, run_seconds=0.001).wanted() == 0

    def test_before_it_knows_the_jobs_one_for_each_hungry_performer(self, bell: CountingBell) -> None:
        buffer = make(bell, performers=2)
        hungry(buffer)
        assert (buffer.hungry, buffer.wanted()) == (True, 1)
        hungry(buffer)
        assert buffer.wanted() == 2
        buffer.close()

    @pytest.mark.parametrize(
        ("run_seconds", "more"), [(60.0, 0), (0.1, 1), (0.01, 10), (0.001, 100), (0.0001, 250)]
    )
    def test_then_as_many_more_as_are_performed_in_a_tenth_of_a_second(
        self, bell: CountingBell, run_seconds: float, more: int
    ) -> None:
        buffer = make(bell, run_seconds=run_seconds)
        hungry(buffer)
        assert buffer.wanted() == 1 + more
        buffer.close()

    def test_it_asks_again_when_half_of_them_are_gone(self, bell: CountingBell) -> None:
        buffer = make(bell, run_seconds=0.01)
        buffer.put(jobs(*range(10)))
        for _ in range(4):
            buffer.take()
            assert bell.rings == 0
        buffer.take()
        assert bell.rings == 1
        assert buffer.wanted() == 5

    def test_a_clerk_that_is_awake_fills_up_from_a_quarter(self, bell: CountingBell) -> None:
        buffer = make(bell, run_seconds=0.01)
        buffer.put(jobs(*range(10)))
        buffer.take()
        assert buffer.wanted() == 0
        buffer.take()
        assert buffer.wanted() == 2
        assert buffer.wanted() == 0, "nobody has taken one since"
        assert bell.rings == 0

    def test_when_a_claim_has_found_too_few_only_the_hungry_ask(self, bell: CountingBell) -> None:
        buffer = make(bell, run_seconds=0.01)
        buffer.put(jobs(*range(3)))
        buffer.more = False
        for _ in range(3):
            buffer.take()
            assert (bell.rings, buffer.wanted()) == (0, 0)
        hungry(buffer)
        assert (bell.rings, buffer.wanted()) == (1, 11)
        buffer.close()

    def test_it_asks_once_until_it_is_heard(self, bell: CountingBell) -> None:
        buffer = make(bell, run_seconds=0.01)
        buffer.put(jobs(*range(10)))
        for _ in range(8):
            buffer.take()
        assert bell.rings == 1
        assert buffer.wanted() == 8
        buffer.take()
        assert bell.rings == 2

    def test_closed_it_wants_none(self, bell: CountingBell) -> None:
        buffer = make(bell, run_seconds=0.01)
        buffer.put(jobs(1))
        buffer.take()
        buffer.close()
        assert buffer.wanted() == 0

    def test_when_jobs_become_slow_it_stops_asking_ahead(self, bell: CountingBell) -> None:
        buffer = make(bell, run_seconds=0.001)
        for _ in range(3):
            buffer.learn(10.0)
        buffer.put(jobs(1))
        buffer.take()
        assert buffer.wanted() == 0


class TestOrder:
    def test_first_in_first_out(self, bell: CountingBell) -> None:
        buffer = make(bell)
        buffer.put(jobs(1, 2))
        buffer.put(jobs(3))
        assert [taken[0].id for _ in range(3) if (taken := buffer.take())] == [1, 2, 3]

    def test_drained_jobs_come_in_order_and_leave_nothing(self, bell: CountingBell) -> None:
        buffer = make(bell)
        buffer.put(jobs(1, 2, 3))
        assert numbers(buffer.drain()) == [1, 2, 3]
        assert buffer.drain() == []

    def test_what_is_put_back_goes_in_front_in_its_order(self, bell: CountingBell) -> None:
        buffer = make(bell)
        buffer.put(jobs(1, 2, 3))
        drained = buffer.drain()
        buffer.put(jobs(4))
        buffer.put_back(drained)
        assert numbers(buffer.drain()) == [1, 2, 3, 4]

    def test_the_board_shows_how_many_it_holds(self, bell: CountingBell) -> None:
        buffer = make(bell)
        buffer.put(jobs(1, 2, 3))
        assert buffer.words.buffered == 3
        buffer.take()
        buffer.is_stale(0.0, 0.0)
        assert buffer.words.buffered == 2
        buffer.put_back(buffer.drain())
        assert buffer.words.buffered == 2
        buffer.drain()
        assert buffer.words.buffered == 0


class TestStaleClaims:
    def test_claims_are_stale_when_nothing_was_taken_for_a_while(self, bell: CountingBell) -> None:
        buffer = make(bell)
        buffer.is_stale(100.0, 100.0)
        assert not buffer.is_stale(100.0 + STALE_SECONDS / 2, 100.0)
        assert buffer.is_stale(100.0 + 2 * STALE_SECONDS, 100.0)
        assert not buffer.is_stale(100.0 + 2 * STALE_SECONDS, 100.0 + 2 * STALE_SECONDS)

    def test_what_one_performer_notices_holds_for_jobs_in_the_hands_of_others(self, bell: CountingBell) -> None:
        buffer = make(bell, performers=2)
        buffer.is_stale(100.0, 100.0)
        assert buffer.is_stale(110.0, 100.0)
        assert buffer.is_stale(110.0, 100.0)

    def test_filling_an_empty_buffer_does_not_freshen_the_job_that_was_taken_last(
        self, bell: CountingBell
    ) -> None:
        buffer = make(bell)
        then = time.monotonic() - 3600
        buffer.is_stale(then, then)
        buffer.put(jobs(1))
        assert buffer.is_stale(time.monotonic(), then)

    def test_jobs_that_fill_an_empty_buffer_are_fresh(self, bell: CountingBell) -> None:
        buffer = make(bell)
        buffer.is_stale(time.monotonic() - 3600, 0.0)
        buffer.put(jobs(1))
        _, since = buffer.take() or pytest.fail("nothing is there")
        assert not buffer.is_stale(time.monotonic(), since)

    def test_jobs_added_behind_others_do_not_make_those_fresh(self, bell: CountingBell) -> None:
        buffer = make(bell)
        buffer.put(jobs(1))
        buffer.is_stale(time.monotonic() - 3600, 0.0)
        _, since = buffer.take() or pytest.fail("nothing is there")
        buffer.put(jobs(2))
        assert buffer.is_stale(time.monotonic(), since)


class TestWaiting:
    def test_a_performer_that_finds_nothing_rings_and_wakes_when_there_is_something(
        self, bell: CountingBell
    ) -> None:
        buffer = make(bell)
        performer = hungry(buffer)
        assert bell.rings == 1
        buffer.put(jobs(1))
        performer.join(30)
        assert not performer.is_alive()
        assert not buffer.hungry

    def test_closing_sends_every_performer_home(self, bell: CountingBell) -> None:
        buffer = make(bell, performers=3)
        performers = [hungry(buffer) for _ in range(3)]
        buffer.close()
        for performer in performers:
            performer.join(30)
        assert [performer.is_alive() for performer in performers] == [False] * 3
        assert buffer.take() is None

    def test_closed_it_gives_out_nothing_that_is_left(self, bell: CountingBell) -> None:
        buffer = make(bell)
        buffer.put(jobs(1))
        buffer.close()
        assert buffer.take() is None
        assert numbers(buffer.drain()) == [1]

    @pytest.mark.parametrize("happens", ["a job comes", "the buffer is closed"])
    def test_no_performer_sleeps_through_what_happens_while_another_lies_down(
        self, bell: CountingBell, happens: str
    ) -> None:
        """One performer has found nothing and is about to sleep; another has found nothing just as early."""
        buffer = make(bell, performers=2)

        def at_the_last_moment() -> None:
            bell.at_ring = lambda: None
            if happens == "a job comes":
                buffer.put(jobs(1))
            else:
                buffer.close()
            buffer._wait()  # the other performer, which must not undo the call to wake up

        bell.at_ring = at_the_last_moment
        performer = threading.Thread(target=buffer.take, daemon=True)
        performer.start()
        performer.join(5)
        assert not performer.is_alive()


def test_with_many_performers_and_a_clerk_that_takes_back_each_job_goes_to_exactly_one(bell: CountingBell) -> None:
    buffer = make(bell, performers=4)
    everything = list(range(1, 4001))
    performed: list[int] = []
    drained: list[int] = []

    def perform() -> None:
        while (taken := buffer.take()) is not None:
            performed.append(taken[0].id)

    performers = [threading.Thread(target=perform, daemon=True) for _ in range(4)]
    for performer in performers:
        performer.start()
    for start in range(0, len(everything), 20):
        buffer.put([job(number) for number in everything[start : start + 20]])
        if start % 60 == 0:
            buffer.put_back(buffer.drain())
        if start % 200 == 0:
            drained += numbers(buffer.drain())
    until(lambda: len(performed) + len(drained) == len(everything))
    buffer.close()
    for performer in performers:
        performer.join(30)
    assert Counter(performed + drained) == Counter(everything)
