"""The figures: minute by minute for the jobs of the history, some hours of the three months before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from django.db import connections
from django.utils import timezone

from demo_site.hello.jobs import greet
from demo_site.history.lives import KINDS, SPAN, Kind, Life
from demo_site.shop import outside
from demo_site.videos.jobs import VideoWorker
from jobqueue.conf import get_settings
from jobqueue.models import Rollup
from jobqueue.models.rollup import COUNTS, columns_of, minute_of
from jobqueue.policy.histogram import BUCKETS, bucket_of

#: How far back figures go; and of how many hours one has figures, before a week ago and after.
FURTHEST = timedelta(days=90)
FINE = timedelta(days=7)
EVERY_HOURS, EVERY_FINE_HOURS = 6, 1
HOUR = 60
#: Of each hour so many jobs are drawn; the figures are multiples of theirs.
DRAWN = 12
FAILING = 0.004

#: Of these there are figures alone, no rows: their pages show what a visitor does.
VISITORS = (
    Kind(VideoWorker.__module__ + ".VideoWorker", "videos", 0.3, 9, 0.8, VideoWorker, lambda number, at: None),
    Kind(greet.path, "default", 0.8, 0.008, 0.5, lambda n: greet.bind(str(n)), lambda number, at: None),
)

Key = tuple[int, int, str, str]
Row = tuple[Any, ...]


@dataclass(slots=True)
class Sums:
    """What is counted of one class within a minute or an hour."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    run_seconds: float = 0.0
    run: list[int] = field(default_factory=lambda: [0] * BUCKETS)
    wait: list[int] = field(default_factory=lambda: [0] * BUCKETS)

    def add(self, what: str, ran: float, waited: float, times: int = 1) -> None:
        """Count an attempt that has ended, or several that took as long."""
        self.counts[what] += times
        self.run_seconds += ran * times
        self.run[bucket_of(ran)] += times
        self.wait[bucket_of(waited)] += times


def plant_figures(random: Random, lives: Iterable[Life], now: datetime) -> None:
    """Store the figures."""
    sums = _of_minutes(lives)
    for key, each in _of_hours(random, now):
        sums[key] = each
    columns = ["minute", "minutes", "queue", "name", "writer", *COUNTS, "run_seconds"]
    columns += [*columns_of("run"), *columns_of("wait")]
    rows = [
        (*key, 0, *each.counts.values(), each.run_seconds, *each.run, *each.wait) for key, each in sums.items()
    ]
    _insert(columns, rows)


def _of_minutes(lives: Iterable[Life]) -> dict[Key, Sums]:
    sums: dict[Key, Sums] = {}
    for life in lives:
        kind = life.kind
        at(sums, kind, life.stored).counts["stored"] += 1
        for each in life.tries:
            what = "succeeded" if not each.error else "failed" if each is life.end else "retried"
            ran, waited = (each.ended - each.started).total_seconds(), (each.started - each.due).total_seconds()
            at(sums, kind, each.ended).add(what, ran, waited)
    return sums


def at(sums: dict[Key, Sums], kind: Kind, moment: datetime) -> Sums:
    """Return the sums of the minute in which a moment lies."""
    key = (minute_of(moment), 1, kind.queue, kind.name)
    return sums[key] if key in sums else sums.setdefault(key, Sums())


def _of_hours(random: Random, now: datetime) -> Iterator[tuple[Key, Sums]]:
    """Yield the sums of hours: those of the visitors until now, of the others until the history begins."""
    for hour in _hours(now):
        for kind in (*KINDS, *VISITORS):
            if kind in VISITORS or hour + timedelta(hours=1) < now - SPAN:
                yield (minute_of(hour), HOUR, kind.queue, kind.name), _hour(random, kind, hour, now)


def _hours(now: datetime) -> Iterator[datetime]:
    hour = (now - FURTHEST).replace(minute=0, second=0, microsecond=0)
    while hour + timedelta(hours=1) < now:
        yield hour
        hour += timedelta(hours=EVERY_HOURS if hour < now - FINE else EVERY_FINE_HOURS)


def _hour(random: Random, kind: Kind, hour: datetime, now: datetime) -> Sums:
    hours = EVERY_HOURS if hour < now - FINE else EVERY_FINE_HOURS
    jobs = kind.per_minute * HOUR * hours * _growth(hour, now)
    jobs *= (
        0.6 if hours > 1 else outside.busyness(timezone.localtime(hour))
    )  # an hour that stands for a day's quarter
    times, sums = max(round(jobs * random.uniform(0.9, 1.1) / DRAWN), 1), Sums()
    for _ in range(DRAWN):
        failed = random.random() < FAILING and kind not in VISITORS
        ran, waited = kind.run * random.lognormvariate(0, kind.spread), 0.03 * random.lognormvariate(0, 1)
        sums.add("failed" if failed else "succeeded", ran, waited, times)
    sums.counts["stored"] = times * DRAWN
    return sums


def _growth(hour: datetime, now: datetime) -> float:
    """The shop has done better from week to week, and sells less at weekends."""
    weekend = 0.7 if hour.weekday() >= 5 else 1.0
    return weekend * (1 - 0.5 * ((now - hour) / FURTHEST))


def _insert(columns: list[str], rows: list[Row]) -> None:
    """Store many rows of many columns; the ORM would take longer than all the rest."""
    names, places = ", ".join(columns), ", ".join(["%s"] * len(columns))
    statement = f"INSERT INTO {Rollup._meta.db_table} ({names}) VALUES ({places})"  # noqa: S608 (names of ours)
    with connections[get_settings().database].cursor() as cursor:
        cursor.executemany(statement, rows)
