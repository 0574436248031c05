"""How long to wait before a dead child is replaced."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from jobqueue.policy.backoff import respawn_pause

#: A child that lived shorter than this and did nothing died of its start.
YOUNG_SECONDS = 5.0


class ForkPause:
    """Grows while children of a kind die of their start, one after another.

    Args:
        clock: monotonic.
        longest: seconds that it never exceeds.
    """

    def __init__(self, clock: Callable[[], float], longest: float = inf) -> None:
        self._clock = clock
        self._longest = longest
        self._young_deaths = 0
        self._over_at = self._born_at = clock()

    @property
    def is_over(self) -> bool:
        """Whether the next child may be forked."""
        return self._clock() >= self._over_at

    @property
    def has_lasted(self) -> bool:
        """Whether the latest child is, or was, no longer young."""
        return self._clock() - self._born_at >= YOUNG_SECONDS

    def note_birth(self) -> None:
        """A child was forked."""
        self._born_at = self._clock()

    def note_death(self, *, young: bool) -> None:
        """A child has died, of its start if it was young."""
        self._young_deaths = self._young_deaths + 1 if young else 0
        self._over_at = self._clock() + min(respawn_pause(self._young_deaths), self._longest)
