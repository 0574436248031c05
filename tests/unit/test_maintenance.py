"""One duty that stumbles keeps no other from being done."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.db import DataError, IntegrityError

from jobqueue.conf import get_settings
from jobqueue.pool.duties import DeclaredDead, Duty, Post
from jobqueue.pool.maintenance import STUMBLED_PAUSE, Maintenance
from jobqueue.pool.options import PoolOptions
from jobqueue.stores import get_store
from jobqueue.worker.bell import Bell
from jobqueue.worker.board import Board
from jobqueue.worker.clerk import Selection
from jobqueue.worker.loop import WorkerOptions

pytestmark = pytest.mark.django_db


class Clock:
    """Goes on when it is told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Stumbling(Duty):
    """Meets a row that nobody can read."""

    error: Exception = ValueError("badly formed")
    met = 0

    def run(self) -> float:
        self.met += 1
        raise self.error


class Steady(Duty):
    """Is done three times, and time goes by meanwhile."""

    done = 0
    maintenance: Maintenance

    def run(self) -> float:
        self.done += 1
        self.post.clock.now += STUMBLED_PAUSE / 2  # type: ignore[attr-defined]
        if self.done == 3:
            self.maintenance.stop()
        return 0.0


def maintenance() -> Maintenance:
    options = PoolOptions(WorkerOptions(Selection()), listen=False)
    made = Maintenance(
        Post(get_store(), get_settings(), options, Board(1), [], 1, Clock()), Bell(), kinds=(Stumbling, Steady)
    )
    steady: Any = made._duties[1]
    steady.maintenance = made
    return made


@pytest.mark.parametrize(
    "error", [ValueError("badly formed"), TypeError("int and str"), DataError("infinity"), IntegrityError("check")]
)
def test_what_one_row_causes_is_logged_and_the_others_are_done(
    error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Stumbling, "error", error)
    made = maintenance()
    with caplog.at_level(logging.ERROR, "jobqueue.worker"):
        made.run()
    stumbling, steady = made._duties
    assert steady.done == 3  # type: ignore[attr-defined]
    assert stumbling.met == 2, "it is tried again, but not at once"  # type: ignore[attr-defined]
    assert [record.message for record in caplog.records] == ["stumbling could not be done"] * 2
    assert str(error) in caplog.text


def test_a_pool_that_was_declared_dead_learns_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stumbling, "error", DeclaredDead())
    with pytest.raises(DeclaredDead):
        maintenance().run()
