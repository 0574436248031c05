"""Rings are rare, and yet each stored job is looked at soon."""

from __future__ import annotations

import random
from math import inf

import pytest

from jobqueue.ringing import Ringer
from jobqueue.stores.ears import ECHO_SECONDS, RING_SECONDS, Echo


class Listening:
    """A store that only listens to the bell."""

    alias = "default"

    def __init__(self) -> None:
        self.rung: list[set[str]] = []

    def notify(self, queues: set[str]) -> None:
        self.rung.append(queues)


class Clock:
    """A clock that is moved by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_queue_is_rung_for_once_in_a_while() -> None:
    clock, store = Clock(), Listening()
    ringer = Ringer(0.1, clock)

    for clock.now, queues in [(0, {"a"}), (0.05, {"a", "b"}), (0.1, {"a", "b"}), (0.3, {"a"})]:
        ringer.ring(store, queues)  # type: ignore[arg-type]

    assert store.rung == [{"a"}, {"b"}, {"a"}, {"a"}]


def test_a_new_process_rings_at_once() -> None:
    clock, store = Clock(), Listening()
    ringer = Ringer(clock=clock)
    ringer.ring(store, {"a"})  # type: ignore[arg-type]
    ringer.forget()
    ringer.ring(store, {"a"})  # type: ignore[arg-type]
    assert len(store.rung) == 2


def test_a_ring_has_one_echo() -> None:
    echo = Echo()
    assert echo.next == inf
    echo.hear({"a"}, 1.0)
    assert echo.next == 1.0 + ECHO_SECONDS
    assert echo.due(1.0 + ECHO_SECONDS / 2) == frozenset()
    assert echo.due(1.0 + ECHO_SECONDS) == {"a"}
    assert (echo.due(9.0), echo.next) == (frozenset(), inf)


@pytest.mark.parametrize("seed", range(20))
def test_each_stored_job_is_looked_at_soon_by_a_ring_or_an_echo(seed: int) -> None:
    """Three callers store jobs for two queues at random moments, with rings that take 1 ms to arrive."""
    chance = random.Random(seed)
    stored = sorted(
        (chance.uniform(0, 0.1), caller, queue) for caller in range(3) for queue in "ab" for _ in range(30)
    )
    clock = Clock()
    callers = [(Ringer(clock=clock), Listening()) for _ in range(3)]
    rings: list[tuple[float, str]] = []
    for clock.now, caller, queue in stored:
        ringer, store = callers[caller]
        ringer.ring(store, {queue})  # type: ignore[arg-type]
        rings += [(clock.now + 0.001, queue) for queues in store.rung for queue in queues]
        store.rung.clear()

    echo, looks = Echo(), []
    for now, queue in [*rings, (inf, "")]:
        while echo.next <= now and (when := echo.next) < inf:
            looks += [(when, each) for each in echo.due(when)]
        if queue:
            echo.hear({queue}, now)
            looks.append((now, queue))

    for moment, _, queue in stored:
        wait = min(when - moment for when, each in looks if each == queue and when >= moment)
        assert wait <= RING_SECONDS + ECHO_SECONDS + 0.002
