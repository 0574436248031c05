"""How much a run does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Sizes that the benchmarks share.

    Attributes:
        jobs: in one round; "many" are derived from it.
        rounds: whose median counts.
        timed_seconds: about how long one worker is kept busy with jobs that take time.
        pickups: single jobs whose way to an idle worker is timed.
        warm_up_seconds: before an idle pool is watched.
        idle_seconds: how long it is watched.
    """

    jobs: int = 50_000
    rounds: int = 3
    timed_seconds: float = 3.0
    pickups: int = 500
    warm_up_seconds: float = 3.0
    idle_seconds: float = 30.0

    @property
    def few(self) -> int:
        """A small backlog: 10,000 jobs by default."""
        return self.jobs // 5

    @property
    def many(self) -> int:
        """A long drain: 100,000 jobs by default."""
        return self.jobs * 2

    @property
    def huge(self) -> int:
        """More than fits into any cache of ours: a million jobs by default."""
        return self.jobs * 20


USUAL = Scale()
#: Only to see that everything works, in seconds.
TINY = Scale(jobs=500, rounds=1, timed_seconds=0.5, pickups=20, warm_up_seconds=1.0, idle_seconds=3.0)
