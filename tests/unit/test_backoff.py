"""Pauses between attempts (DJ28, DJ29), between restarts of a worker, and between tries of the database."""

from __future__ import annotations

import pytest

from jobqueue.policy.backoff import backoff, reconnect_pause, respawn_pause


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 6), (2, 21), (3, 86), (4, 261), (24, 331_781), (25, 390_630)]
)
def test_the_pause_is_attempts_to_the_fourth_and_five_seconds(attempts: int, seconds: int) -> None:
    assert backoff(attempts) == seconds


def test_the_24_pauses_between_25_attempts_span_about_twenty_days() -> None:
    span = sum(backoff(attempts) for attempts in range(1, 25))
    assert span == 1_763_140
    assert 20 < span / 86_400 < 21


def test_a_worker_that_dies_young_again_and_again_is_replaced_ever_more_slowly() -> None:
    assert [respawn_pause(deaths) for deaths in range(9)] == [0, 0, 1, 2, 4, 8, 16, 30, 30]


def test_the_pause_before_a_replacement_has_an_end() -> None:
    assert respawn_pause(1000) == 30


def test_the_database_is_asked_again_soon_and_then_every_five_seconds_at_most() -> None:
    longest = [reconnect_pause(failures, chance=1.0) for failures in range(12)]
    assert longest == sorted(longest)
    assert (longest[0], longest[-1]) == (0.1, 5.0)
    assert reconnect_pause(10_000, chance=1.0) == 5.0


def test_chance_spreads_the_tries_over_half_the_pause() -> None:
    assert (reconnect_pause(11, chance=0.0), reconnect_pause(11, chance=0.5)) == (2.5, 3.75)
