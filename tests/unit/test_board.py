"""The board: what one process writes, another reads, also after the writer's death."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable

import pytest

from jobqueue.worker.board import NAME_BYTES, Board, End, Ending, Performing, Seat, Slot


def in_a_child(work: Callable[[], object]) -> int:
    """Do something in a forked process, and return how it ended."""
    pid = os.fork()
    if pid == 0:
        work()
        os._exit(0)
    return os.waitpid(pid, 0)[1]


@pytest.fixture
def board() -> Board:
    return Board(workers=3, desks=2, unwritten=8)


@pytest.fixture
def slot(board: Board) -> Slot:
    each = board.free_slot()
    assert each is not None
    each.sit_down()
    return each


class TestSlots:
    def test_there_is_room_for_each_worker_and_its_dead_predecessor(self, board: Board) -> None:
        taken = []
        while (slot := board.free_slot()) is not None:
            slot.sit_down()
            taken.append(slot.index)
        assert taken == list(range(8))

    def test_a_dead_worker_s_slot_is_not_free_until_it_is_settled(self, board: Board, slot: Slot) -> None:
        slot.words.seat = Seat.DEAD
        assert [each.index for each in board.seated(Seat.DEAD)] == [slot.index]
        fresh = board.free_slot()
        assert fresh is not None
        assert fresh.index != slot.index
        slot.words.seat = Seat.FREE
        assert board.free_slot() is slot

    def test_sitting_down_clears_what_the_last_one_left_and_nothing_beside_it(
        self, board: Board, slot: Slot
    ) -> None:
        neighbour = board.slots[slot.index + 1]
        for each in (slot, neighbour):
            each.start(0, 1, 2.0, 3.0)
            each.start(1, 4, 5.0, 6.0)
            each.end(7, Ending.PLAINLY)
            each.words.name = b"host:here pid:1"
            each.words.succeeded = 9
            each.words.end = End.CRASHED
        before = bytes(neighbour.words), neighbour.performing(), neighbour.unwritten()
        slot.sit_down()
        assert (slot.words.seat, slot.words.succeeded, slot.words.end, slot.name) == (Seat.ALIVE, 0, End.LEFT, "")
        assert (slot.performing(), slot.unwritten()) == ([], {})
        assert (bytes(neighbour.words), neighbour.performing(), neighbour.unwritten()) == before

    def test_all_numbers_are_aligned_words_of_eight_bytes(self, board: Board) -> None:
        for slot in board.slots:
            assert ctypes.addressof(slot.words) % 8 == 0
        kind = type(board.slots[0].words)
        numbers = [name for name, *_ in kind._fields_ if name != "name"]
        assert {getattr(kind, name).size for name in numbers} == {8}
        assert {getattr(kind, name).offset % 8 for name in numbers} == {0}

    def test_a_name_of_full_length_is_kept(self, slot: Slot) -> None:
        slot.words.name = b"n" * NAME_BYTES
        assert slot.name == "n" * NAME_BYTES


class TestPerforming:
    def test_each_desk_has_its_job(self, slot: Slot) -> None:
        slot.start(0, 11, 1.0, 2.0)
        slot.start(1, 12, 3.0, 4.0)
        assert slot.performing() == [Performing(11, 1.0, 2.0), Performing(12, 3.0, 4.0)]
        slot.stop(0)
        assert slot.performing() == [Performing(12, 3.0, 4.0)]

    def test_a_large_id_is_kept(self, slot: Slot) -> None:
        slot.start(0, 2**63 - 1, 1.0, 2.0)
        assert slot.performing()[0].job_id == 2**63 - 1


class TestUnwritten:
    def test_what_has_ended_is_known_until_it_is_written(self, slot: Slot) -> None:
        slot.end(1, Ending.PLAINLY)
        slot.end(2, Ending.FAILED)
        assert slot.unwritten() == {1: Ending.PLAINLY, 2: Ending.FAILED}
        slot.write(1)
        assert slot.unwritten() == {2: Ending.FAILED}
        slot.write(1)
        assert slot.unwritten() == {}

    def test_it_goes_round(self, slot: Slot) -> None:
        for job_id in range(1, 101):
            slot.end(job_id, Ending.PLAINLY)
            assert slot.unwritten() == {job_id: Ending.PLAINLY}
            slot.write(1)

    def test_of_too_many_the_latest_are_known(self, slot: Slot) -> None:
        for job_id in range(1, 21):
            slot.end(job_id, Ending.PLAINLY)
        assert list(slot.unwritten()) == list(range(13, 21))


class TestBetweenProcesses:
    def test_a_child_s_words_are_read_by_its_parent(self, board: Board, slot: Slot) -> None:
        def work() -> None:
            slot.words.name = b"host:here pid:7"
            slot.words.succeeded += 3
            slot.start(1, 42, 1.5, 2.5)
            slot.end(41, Ending.PLAINLY)

        assert in_a_child(work) == 0
        assert (slot.name, slot.words.succeeded) == ("host:here pid:7", 3)
        assert slot.performing() == [Performing(42, 1.5, 2.5)]
        assert slot.unwritten() == {41: Ending.PLAINLY}

    def test_they_stay_when_the_child_is_killed(self, board: Board, slot: Slot) -> None:
        def work() -> None:
            slot.start(0, 42, 1.5, 2.5)
            os.kill(os.getpid(), signal.SIGKILL)

        assert os.WTERMSIG(in_a_child(work)) == signal.SIGKILL
        assert slot.performing() == [Performing(42, 1.5, 2.5)]

    def test_the_parent_s_words_are_read_by_a_child(self, board: Board) -> None:
        board.header.pool_id = 7
        board.header.quiet = 1

        def work() -> None:
            os._exit(board.header.pool_id * 10 + board.header.quiet)

        assert os.waitstatus_to_exitcode(in_a_child(work)) == 71
