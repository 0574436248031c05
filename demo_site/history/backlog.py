"""What is still to be done: later, again, when somebody resumes its queue, or never, since nobody listens."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any

from django.utils import timezone

from demo_site.history.lives import Try, told
from demo_site.history.rows import attempt, row_of, worker_of
from demo_site.shop import jobs, outside
from jobqueue import pause
from jobqueue.models import Attempt, Job, Pause
from jobqueue.policy.backoff import backoff
from jobqueue.states import State

READERS = 120
EXPORTS = 41
RETRYING = 3
CANCELLED = 9


def plant_backlog(random: Random, now: datetime) -> None:
    """Store jobs that wait, those that will be tried again, those that were called off, and a pause."""
    rows = [*_unheard(random, now), *_paused(now), *_later(now), *_cancelled(now)]
    Job.objects.bulk_create(rows, batch_size=500)
    _retrying(random, now)
    pause("exports", reason="The accountants' server is down until Monday", by="ana")
    Pause.objects.filter(queue="exports").update(since=now - timedelta(hours=3, minutes=10))


def _unheard(random: Random, now: datetime) -> list[Job]:
    since = [now - timedelta(minutes=14, seconds=-random.uniform(0, 600)) for _ in range(READERS)]
    calls = [jobs.send_newsletter.bind(48, f"reader{number}@example.com") for number in range(READERS)]
    return [_waiting(call, each) for call, each in zip(calls, sorted(since), strict=True)]


def _paused(now: datetime) -> list[Job]:
    days = [now - timedelta(days=number) for number in range(EXPORTS, 0, -1)]
    calls = [jobs.export_orders.bind(f"{day:%Y-%m-%d}") for day in days]
    return [_waiting(call, now - timedelta(minutes=4 * (EXPORTS - n))) for n, call in enumerate(calls)]


def _later(now: datetime) -> list[Job]:
    midnight = (timezone.localtime(now) + timedelta(days=1)).replace(hour=0, minute=5, second=0, microsecond=0)
    nights = [midnight + timedelta(days=number) for number in range(3)]
    sums = [_scheduled(jobs.add_up.bind(f"{night - timedelta(days=1):%Y-%m-%d}"), night, now) for night in nights]
    due = [(order, now + timedelta(days=9, minutes=order % 97)) for order in range(31_000, 31_030)]
    cards = [jobs.charge_card.bind(order, "19.99", card_token=f"tok_{order:x}") for order, _ in due]
    return sums + [_scheduled(call, when, now) for call, (_, when) in zip(cards, due, strict=True)]


def _cancelled(now: datetime) -> list[Job]:
    issue = [jobs.send_newsletter.bind(47, f"reader{number}@example.com") for number in range(CANCELLED)]
    ended = {"state": State.CANCELLED, "finished_at": now - timedelta(minutes=50), "updated_at": now}
    return [
        _row(call, run_at=now - timedelta(hours=1), created_at=now - timedelta(hours=1), **ended) for call in issue
    ]


def _retrying(random: Random, now: datetime) -> None:
    """Articles whose supplier did not answer, and which are asked about again in a while."""
    night = timezone.localtime(now).replace(hour=2, minute=20)
    for number in range(RETRYING):
        try:
            outside.ask_supplier(100 + number, night)
        except outside.SupplierDown as error:
            text = told(error)
        began, worker = now - timedelta(minutes=6 - number), worker_of(number)
        tries = [
            Try(began, began + timedelta(seconds=40 * each), began + timedelta(seconds=40 * each + 0.2), text)
            for each in range(3)
        ]
        call, last = jobs.sync_stock.bind(100 + number), tries[-1].ended
        again = now + timedelta(seconds=backoff(4 + number // 2))
        so_far = {"attempts": len(tries), "last_error": text, "failed_at": last, "started_at": tries[-1].started}
        job = _scheduled(call, again, began, **so_far, updated_at=last, locked_by=worker)
        job.save(force_insert=True)
        Attempt.objects.bulk_create(attempt(job, number, each, worker) for number, each in enumerate(tries, 1))


def _waiting(performable: Any, since: datetime) -> Job:
    return _row(performable, state=State.READY, run_at=since, created_at=since, updated_at=since)


def _scheduled(performable: Any, run_at: datetime, stored: datetime, **columns: Any) -> Job:
    stamps = {"created_at": stored, "updated_at": stored, **columns}
    return _row(performable, state=State.SCHEDULED, run_at=run_at, **stamps)


def _row(performable: Any, **columns: Any) -> Job:
    return Job(**row_of(performable), **columns)
