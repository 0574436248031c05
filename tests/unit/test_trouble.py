"""What a pool's process does about errors of the database."""

from __future__ import annotations

import logging

import pytest
from django.db import DatabaseError, OperationalError, ProgrammingError

from jobqueue.stores import get_store
from jobqueue.worker.board import Board
from jobqueue.worker.trouble import CONTENDED_TRIES, REFUSED_TRIES, Refused, Trouble


class Coded(Exception):
    """What a driver raises."""

    def __init__(self, sqlstate: str) -> None:
        self.sqlstate = sqlstate


def error(kind: type[DatabaseError], text: str, sqlstate: str) -> DatabaseError:
    """Return an error as Django raises it."""
    made = kind(text)
    made.__cause__ = Coded(sqlstate)
    return made


LOCKED = error(OperationalError, "canceling statement due to lock timeout", "55P03")
RACED = error(OperationalError, "could not serialize access", "40001")
AWAY = OperationalError("connection refused")
MISSING = error(ProgrammingError, 'relation "jobqueue_pool" does not exist\nLINE 1: …', "42P01")


@pytest.fixture
def board() -> Board:
    return Board(1)


@pytest.fixture
def trouble(board: Board, db: None) -> Trouble:
    return Trouble(get_store(), board)


def test_pauses_grow_up_to_some_seconds(trouble: Trouble) -> None:
    pauses = [trouble.pause_after(AWAY) for _ in range(12)]
    assert 0.05 <= pauses[0] <= 0.1
    assert 2.5 <= pauses[-1] <= 5.0
    trouble.is_over()
    assert trouble.pause_after(AWAY) <= 0.1


@pytest.mark.parametrize("contention", [LOCKED, RACED])
def test_others_in_the_way_are_worth_a_line_only_if_they_stay(
    trouble: Trouble, caplog: pytest.LogCaptureFixture, contention: DatabaseError
) -> None:
    for _ in range(CONTENDED_TRIES):
        trouble.pause_after(contention)
    assert not caplog.records
    trouble.pause_after(contention)
    assert "lock in database" in caplog.text
    assert "Cannot reach" not in caplog.text


def test_a_refusal_is_said_once_for_the_whole_pool_and_then_ends_it(
    trouble: Trouble, board: Board, caplog: pytest.LogCaptureFixture
) -> None:
    other = Trouble(get_store(), board)
    for _ in range(REFUSED_TRIES):
        trouble.pause_after(MISSING)
        other.pause_after(MISSING)
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert "The table jobqueue_pool is missing" in record.getMessage()
    with pytest.raises(Refused, match="migrate jobqueue"):
        trouble.pause_after(MISSING)


def test_what_is_mended_in_time_begins_anew(
    trouble: Trouble, board: Board, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        for _ in range(REFUSED_TRIES):
            trouble.pause_after(MISSING)
        assert board.header.refused
        trouble.is_over()
        assert not board.header.refused
    assert len(caplog.records) == 3


def test_each_kind_of_trouble_is_counted_by_itself(trouble: Trouble) -> None:
    for _ in range(3 * REFUSED_TRIES):
        trouble.pause_after(AWAY)
    for _ in range(REFUSED_TRIES):
        trouble.pause_after(MISSING)
    assert trouble.pause_after(LOCKED) <= 0.1
