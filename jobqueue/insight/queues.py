"""Queues with their traffic: how many jobs come and go, how long they wait and run, and when a queue will be empty."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db.models import Count, Q

from jobqueue.insight.figures import QueueFigures, figures
from jobqueue.insight.rollups import RANGES, Counts, Done, Range, Rollups
from jobqueue.insight.scene import Scene
from jobqueue.models.rollup import time_of
from jobqueue.policy.histogram import percentile
from jobqueue.states import State
from jobqueue.wording import age

#: Over how long one looks for what comes and goes.
LATELY = Range("10m", 10, 1)
#: Of so many of the newest jobs one knows whether they have been tried.
NEWEST = 10_000


@dataclass(frozen=True)
class Traffic:
    """A queue, and what passes through it.

    Attributes:
        queue: what is in it now.
        come: jobs that are stored a minute.
        gone: jobs that end a minute.
        run_p95, wait_p95: seconds that 95 of 100 attempts of the last hour ran, and had waited, at most.
    """

    queue: QueueFigures
    come: float
    gone: float
    run_p95: float | None
    wait_p95: float | None

    @property
    def empties_in(self) -> float | None:
        """The seconds until it is empty, if all goes on like this; None: nothing waits, or it does not get empty."""
        faster = self.gone - self.come
        return self.queue.waiting / faster * 60 if self.queue.waiting and faster > 0 else None

    @property
    def grows(self) -> bool:
        """Whether more comes than goes while something waits."""
        return bool(self.queue.waiting) and self.come > self.gone

    @property
    def state(self) -> str:
        """How the queue is, in a word."""
        return self.queue.state


class Queues(NamedTuple):
    """All queues, those with the oldest jobs first, and whether all were looked at."""

    queues: list[Traffic]
    is_whole: bool


def queues(scene: Scene) -> Queues:
    """Return all queues of which anything is known."""
    found = figures(scene)
    lately = Rollups(scene.alias, LATELY, scene.now)
    counts, begin = lately.by("queue"), time_of(lately.points[0])
    hour = Rollups(scene.alias, RANGES["1h"], scene.now).groups("queue")
    minutes = max(age(begin, scene.now), 1.0) / 60
    untried = _untried(scene, begin)
    told = [
        _traffic(each, counts.get(each.name, Counts()), hour.get(each.name), untried.get(each.name, 0.0), minutes)
        for each in found.queues
    ]
    return Queues(told, found.is_whole)


def _traffic(queue: QueueFigures, counts: Counts, hour: Done | None, untried: float, minutes: float) -> Traffic:
    return Traffic(
        queue,
        come=counts.stored / minutes + untried,
        gone=counts.ended / minutes,
        run_p95=percentile(hour.run, 95) if hour else None,
        wait_p95=percentile(hour.wait, 95) if hour else None,
    )


def _untried(scene: Scene, since: datetime) -> dict[str, float]:
    """Return how many jobs a minute have come lately of which no figure tells: a job is counted with its first attempt.

    Where a queue stalls these are all of its jobs.
    """
    lately = scene.jobs.filter(created_at__gte=since)
    for pk, stored in scene.jobs.order_by("-pk").values_list("pk", "created_at")[NEWEST - 1 : NEWEST]:
        lately = lately.filter(pk__gte=pk)
        # If there are more than these, they are those of a shorter time.
        since = max(since, stored)
    minutes = max(age(since, scene.now), 1.0) / 60
    untried = lately.filter(Q(state=State.READY, attempts=0) | Q(state=State.RUNNING, attempts__lte=1))
    counted = untried.order_by().values("queue").annotate(number=Count("pk")).values_list("queue", "number")
    return {queue: number / minutes for queue, number in counted}
