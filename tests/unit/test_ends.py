"""Ends that are not written yet, and what the board tells of them meanwhile."""

from __future__ import annotations

from threading import Event

import pytest

from jobqueue.outcomes import Decision, Failed, Outcome, Succeeded
from jobqueue.performing.executor import Ended
from jobqueue.states import State
from jobqueue.worker.board import Board, Ending, Slot
from jobqueue.worker.ends import ASIDE_SECONDS, Ends, not_begun
from tests.unit.test_buffer import job


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def slot() -> Slot:
    return Board(1, unwritten=16).slots[0]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ends(slot: Slot, clock: Clock) -> Ends:
    return Ends(slot, clock)


def ended(job_id: int, outcome: Outcome | None = None) -> Ended:
    state = State.SUCCEEDED if outcome is None else State.FAILED
    return Ended(job(job_id), outcome or Succeeded(), Decision(state), 0.0, 1.0)


def ids(taken: list[Ended]) -> list[int]:
    return [each.job.id for each in taken]


def test_what_is_added_is_on_the_board_until_it_is_written(ends: Ends, slot: Slot) -> None:
    assert [ends.add(ended(1)), ends.add(ended(2, Failed("boom"))), ends.add(not_begun(job(3)))] == [1, 2, 3]
    told = {1: Ending.PLAINLY, 2: Ending.FAILED, 3: Ending.OTHERWISE}
    assert slot.unwritten() == told
    fresh, again = ends.take()
    assert (ids(fresh), again, ends.fresh) == ([1, 2, 3], [], 0)
    assert slot.unwritten() == told
    ends.note(fresh, again, set())
    assert slot.unwritten() == {}


def test_what_is_locked_stays_on_the_board_whatever_is_written_round_it(
    ends: Ends, slot: Slot, clock: Clock
) -> None:
    for job_id in (1, 2, 3):
        ends.add(ended(job_id))
    fresh, again = ends.take()
    ends.add(ended(4))
    ends.note(fresh, again, {2})
    assert set(slot.unwritten()) == {2, 4}
    fresh, again = ends.take()
    assert (ids(fresh), again) == ([4], [])
    ends.add(ended(5))
    ends.note(fresh, again, set())
    assert (set(slot.unwritten()), ends.aside) == ({2, 5}, 1)
    clock.now += ASIDE_SECONDS
    fresh, again = ends.take()
    assert (ids(fresh), ids(again)) == ([5], [2])
    ends.note(fresh, again, {2})
    assert (set(slot.unwritten()), ends.aside) == ({2}, 1)
    clock.now += ASIDE_SECONDS
    fresh, again = ends.take()
    ends.note(fresh, again, set())
    assert (slot.unwritten(), ends.aside) == ({}, 0)


def test_who_waits_for_an_end_waits_until_it_is_written(ends: Ends, clock: Clock) -> None:
    waited_for, other = ended(1), ended(2)
    waited_for.acknowledge, other.acknowledge = Event(), Event()
    ends.add(waited_for)
    ends.add(other)
    fresh, again = ends.take()
    ends.note(fresh, again, {1})
    assert (waited_for.acknowledge.is_set(), other.acknowledge.is_set()) == (False, True)
    clock.now += ASIDE_SECONDS
    fresh, again = ends.take()
    ends.note(fresh, again, set())
    assert waited_for.acknowledge.is_set()


def test_when_the_next_is_due(ends: Ends, clock: Clock) -> None:
    assert ends.due_in(5.0) is None
    ends.add(ended(1))
    clock.now += 2.0
    ends.add(ended(2))
    assert ends.due_in(5.0) == 3.0
    clock.now += 4.0
    assert ends.due_in(5.0) == 0.0
    ends.note(*ends.take(), {1})
    assert ends.due_in(5.0) == ASIDE_SECONDS
    ends.add(ended(3))
    assert ends.due_in(0.5) == 0.5
