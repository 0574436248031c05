"""What the table says a worker holds, against what it does hold."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.utils import timezone

from jobqueue.conf import Settings
from jobqueue.outcomes import RELEASE
from jobqueue.rows import ClaimedJob, Finish
from jobqueue.states import State
from jobqueue.worker.judge import Judge
from jobqueue.worker.stock import FORGOTTEN, PAUSE_SECONDS, Stock


class Clock:
    """A clock that is moved by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stock(clock: Clock) -> Stock:
    return Stock(Judge(Settings()).crashed, clock)


def job(number: int = 1) -> ClaimedJob:
    now = timezone.now()
    return ClaimedJob(number, "default", "tests.nothing", 0, 1, "{}", now, now, 0, None, None, None, uuid4())


def test_what_is_held_is_left_alone(stock: Stock) -> None:
    mine, renewed = job(1), job(2)
    stock.add([mine, renewed])
    again = renewed._replace(claim_id=uuid4())
    stock.remove([renewed])
    stock.add([again])
    assert stock.surplus([mine, again]) == []


def test_a_job_whose_end_was_lost_is_charged_as_a_crash(stock: Stock) -> None:
    ended = job()
    stock.add([ended])
    stock.remove([ended])
    [finish] = stock.surplus([ended])
    assert finish.job == ended
    assert (finish.decision.state, finish.decision.crash, finish.decision.error) == (State.READY, True, FORGOTTEN)


def test_a_claim_that_came_too_late_is_given_back_uncharged(stock: Stock) -> None:
    late = job()
    stock.unanswered(late.claim_id)
    assert stock.surplus([late]) == [Finish(late, RELEASE)]


def test_an_older_claim_on_a_job_that_is_held_is_no_longer_ours(stock: Stock) -> None:
    mine = job()
    stock.add([mine])
    [finish] = stock.surplus([mine._replace(claim_id=uuid4())])
    assert finish.decision.crash


def test_the_end_of_a_job_does_not_touch_a_later_one_that_was_given_its_id(stock: Stock) -> None:
    vanished, later = job(7), job(7)
    stock.add([vanished])
    stock.add([later])
    stock.remove([vanished])
    assert stock.surplus([later]) == []


def test_stock_is_taken_once_a_minute_and_after_every_trouble(stock: Stock, clock: Clock) -> None:
    assert stock.due_in == PAUSE_SECONDS
    stock.doubt()
    assert stock.due_in == 0
    clock.now = 5
    stock.surplus([])
    assert stock.due_in == PAUSE_SECONDS
    clock.now += PAUSE_SECONDS + 1
    assert stock.due_in == 0
