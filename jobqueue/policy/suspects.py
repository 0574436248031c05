"""A job that has taken its process along may do so again, and must not take the blame for it to its neighbours.

When a whole pool vanishes, nobody knows which of the jobs that it held it was performing, so all are charged a crash.
A job with a crash behind it is therefore held only while it is performed: never in a buffer, where the crash of another
would be charged to it, and with nothing in the buffer behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import Protocol, TypeVar


class Claimed(Protocol):
    """A job that a worker holds."""

    @property
    def crashes(self) -> int:
        """How often it has taken its process along."""


J = TypeVar("J", bound=Claimed)


def set_apart(jobs: Sequence[J], hungry: int) -> tuple[list[J], list[J]]:
    """Return what a worker may keep of the jobs that it has claimed, and what it must put back.

    Args:
        jobs: in their order.
        hungry: how many of its performers wait for a job.
    """
    if not any(job.crashes for job in jobs):
        return list(jobs), []
    suspects = list(takewhile(lambda job: job.crashes, jobs))
    if suspects:
        count = min(len(suspects), max(hungry, 1))
        return list(jobs[:count]), list(jobs[count:])
    return [job for job in jobs if not job.crashes], [job for job in jobs if job.crashes]
