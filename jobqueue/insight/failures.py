"""Kinds of failures: how often each came lately, since when, and what it looks like. Every look has an end."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from django.db.models import Count, Max, Min, OuterRef, Q, QuerySet, Subquery

from jobqueue.handlers.masking import Mask
from jobqueue.handlers.shown import mask_for
from jobqueue.insight.figures import MANY
from jobqueue.insight.scene import Scene
from jobqueue.models import Attempt
from jobqueue.policy.failures import failure_in
from jobqueue.states import State

#: What we write, and an address may hold.
FINGERPRINT = re.compile(r"[0-9A-Za-z_-]+")
#: So many of the newest failed attempts are looked at.
WINDOW = 50_000
#: So many kinds are told of, those that came most often lately.
SHOWN = 30
#: Attempts of one kind that are shown.
ATTEMPTS = 25
#: Characters of an error that are shown.
LONGEST_ERROR = 20_000


class Span(NamedTuple):
    """How far back one looks, and how many hours make a point of a line."""

    hours: int
    step: int


WEEK = Span(168, 6)
DAY = Span(24, 1)
#: Hours within which attempts are counted, as far as one looks back.
COUNTED = (1, 3, 24, 168)


@dataclass(frozen=True)
class Kind:
    """Failures of one kind. What jobs have said is left out for those who may not see it.

    Attributes:
        fingerprint: which kind.
        counts: how many attempts failed so within 1, 3, 24 and 168 hours; fewer for a shorter span.
        points: how many at each point of the span, the oldest first.
        first, last: when it was first and last seen within the span.
        name: of the class.
        exception: its class.
        message: what it said, without what varies.
        place: file and function of the project's own code.
        failed: jobs that failed for good within seven days, and in this way at last.
        is_full: whether there are more failed jobs than the newest 10,000, which were counted.
    """

    fingerprint: str
    counts: dict[int, int]
    points: list[int]
    first: datetime
    last: datetime
    name: str = ""
    exception: str = ""
    message: str = ""
    place: str = ""
    failed: int = 0
    is_full: bool = False

    @property
    def short(self) -> str:
        """The last part of the exception's name."""
        return self.exception.rpartition(".")[2]

    @property
    def hour(self) -> int:
        """Failed attempts within an hour."""
        return self.counts[1]

    @property
    def three_hours(self) -> int:
        """Failed attempts within three hours."""
        return self.counts[3]

    @property
    def day(self) -> int:
        """Failed attempts within a day."""
        return self.counts[24]

    @property
    def total(self) -> int:
        """Failed attempts within the span."""
        return sum(self.points)


@dataclass(frozen=True)
class Kinds:
    """All kinds within a span.

    Attributes:
        shown: those that came most often within a day, then within the span.
        others: how many more there are.
        is_whole: whether all attempts of the span were looked at; else only the newest 50,000.
    """

    shown: list[Kind]
    others: int
    is_whole: bool


def kinds(
    scene: Scene, span: Span = WEEK, *, limit: int = SHOWN, with_payload: bool = False, with_jobs: bool = True
) -> Kinds:
    """Return the kinds of failures within a span.

    Args:
        scene: whose jobs.
        span: how far back.
        limit: tell of so many.
        with_payload: whether to tell what errors said, and where they were raised.
        with_jobs: whether to count the jobs that have failed for good.
    """
    attempts, is_whole = _lately(scene, span)
    found = _counted(attempts, span, scene.now)
    found.sort(key=lambda kind: (kind.day, kind.total, kind.last), reverse=True)
    shown = _described(scene, found[:limit], with_payload=with_payload, with_jobs=with_jobs)
    return Kinds(shown, len(found) - len(shown), is_whole)


def kind_of(scene: Scene, fingerprint: str, *, with_payload: bool = False) -> Kind | None:
    """Return one kind, counted as ``kinds`` does; None if there is no such failure, however old."""
    attempts, _ = _lately(scene, WEEK)
    found = _counted(attempts.filter(fingerprint=fingerprint), WEEK, scene.now) or _older(scene, fingerprint)
    return next(iter(_described(scene, found, with_payload=with_payload)), None)


def attempts_of(scene: Scene, fingerprint: str, limit: int = ATTEMPTS) -> list[Attempt]:
    """Return the newest attempts that failed in one way, without their errors; of old ones those of the newest jobs."""
    mine = _attempts(scene).filter(fingerprint=fingerprint).defer("stored_error")
    lately, _ = _lately(scene, WEEK)
    found = list(lately.filter(fingerprint=fingerprint).defer("stored_error").order_by("-ended_at")[:limit])
    return found or list(mine.order_by("-job_id", "-id")[:limit])


def error_of(scene: Scene, attempt: Attempt) -> str:
    """Return an attempt's error with what is sensitive hidden, cut where it is too long to be shown."""
    job = scene.jobs.filter(pk=attempt.job_id).first()
    mask = Mask() if job is None else mask_for(job)
    error = mask(attempt.error)
    return error if len(error) <= LONGEST_ERROR else f"{error[:LONGEST_ERROR]}…"


def _lately(scene: Scene, span: Span) -> tuple[QuerySet[Attempt], bool]:
    """Return the attempts of a span, the newest 50,000 at most, and whether these are all."""
    since = scene.now - timedelta(hours=span.hours)
    attempts = _attempts(scene).filter(ended_at__gte=since).exclude(fingerprint="")
    for oldest in attempts.order_by("-ended_at").values_list("ended_at", flat=True)[WINDOW : WINDOW + 1]:
        return attempts.filter(ended_at__gt=oldest), False
    return attempts, True


def _attempts(scene: Scene) -> QuerySet[Attempt]:
    return Attempt.objects.using(scene.alias).order_by()


def _counted(attempts: QuerySet[Attempt], span: Span, now: datetime) -> list[Kind]:
    """Count the attempts of each kind, by nothing but the index."""
    edges = sorted({*range(0, span.hours + 1, span.step), *(hours for hours in COUNTED if hours <= span.hours)})
    within = {
        f"within_{hours}": Count("fingerprint", filter=Q(ended_at__gt=now - timedelta(hours=hours)))
        for hours in edges[1:]
    }
    rows = attempts.values("fingerprint").annotate(first=Min("ended_at"), last=Max("ended_at"), **within)
    return [_kind({**row}, span) for row in rows if FINGERPRINT.fullmatch(row["fingerprint"])]


def _kind(row: dict[str, Any], span: Span) -> Kind:
    counts = {
        int(name.removeprefix("within_")): count for name, count in row.items() if name.startswith("within_")
    }
    ago = [0, *(counts[hours] for hours in range(span.step, span.hours + 1, span.step))]
    points = [older - newer for newer, older in pairwise(ago)]
    return Kind(
        fingerprint=row["fingerprint"],
        counts={hours: counts[hours] for hours in COUNTED if hours in counts},
        points=points[::-1],
        first=row["first"],
        last=row["last"],
    )


def _older(scene: Scene, fingerprint: str) -> list[Kind]:
    """Return a kind that has not been seen within a week, as it was seen last."""
    for attempt in attempts_of(scene, fingerprint, 1):
        none = [0] * (WEEK.hours // WEEK.step)
        return [Kind(fingerprint, dict.fromkeys(COUNTED, 0), none, attempt.ended_at, attempt.ended_at)]
    return []


def _described(scene: Scene, found: Sequence[Kind], *, with_payload: bool, with_jobs: bool = True) -> list[Kind]:
    """Say what kinds look like, each by its newest attempt, and how many jobs have failed for good of it."""
    if not found:
        return []
    newest = _newest(scene, found, with_payload=with_payload)
    jobs = scene.jobs.filter(pk__in=[each.job_id for each in newest.values()])
    names = dict(jobs.values_list("pk", "name"))
    failed, is_full = _failed(scene) if with_jobs else (Counter[str](), False)
    looks = {
        fingerprint: _looks(each, names.get(each.job_id, ""), with_payload=with_payload)
        for fingerprint, each in newest.items()
    }
    return [
        replace(kind, failed=failed[kind.fingerprint], is_full=is_full, **looks.get(kind.fingerprint, {}))
        for kind in found
    ]


def _newest(scene: Scene, found: Sequence[Kind], *, with_payload: bool) -> dict[str, Attempt]:
    """Return the newest attempt of each kind."""
    # Both lists are looked up in one index; it does not matter that each time is asked of each kind.
    attempts = _attempts(scene).filter(
        ended_at__in={kind.last for kind in found}, fingerprint__in={kind.fingerprint for kind in found}
    )
    newest = attempts.values("fingerprint").annotate(newest=Max("pk")).values_list("newest", flat=True)
    whole = _attempts(scene).filter(pk__in=list(newest))
    return {each.fingerprint: each for each in (whole if with_payload else whole.defer("stored_error"))}


def _looks(attempt: Attempt, name: str, *, with_payload: bool) -> dict[str, Any]:
    told = {"name": name, "exception": attempt.exception}
    if with_payload:
        failure = failure_in(attempt.error)
        told |= {"message": Mask()(failure.message), "place": failure.place}
    return told


def _failed(scene: Scene) -> tuple[Counter[str], bool]:
    """Return how many of the newest jobs that failed for good did so in which way, and whether there are more jobs."""
    since = scene.now - timedelta(hours=WEEK.hours)
    last = _attempts(scene).filter(job=OuterRef("pk")).order_by("-pk").values("fingerprint")[:1]
    jobs = scene.jobs.in_state(State.FAILED).filter(finished_at__gte=since).order_by("-finished_at")
    rows = list(jobs.annotate(kind=Subquery(last)).values_list("kind", flat=True)[:MANY])
    return Counter(kind for kind in rows if kind), len(rows) == MANY
