"""The rows: of the jobs that are kept, of the attempts that failed, and what imports have told."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from demo_site.history.lives import Life, Try, rows_of
from demo_site.shop.jobs import import_catalogue
from jobqueue.conf import get_settings
from jobqueue.drafting import new_job
from jobqueue.handlers.codec import encode
from jobqueue.models import Attempt, Job, Report
from jobqueue.policy.failures import failure_in, fingerprint
from jobqueue.states import State

#: The machine that has worked so far, and its workers.
HOST = "atlas"
PIDS = (4121, 4122, 4123)


def plant_rows(lives: Iterable[Life], now: datetime) -> None:
    """Store the jobs that a worker would have kept: all that failed, of the others those of the last hours."""
    keep = timedelta(seconds=get_settings().keep_succeeded or 0)
    kept = [life for life in lives if life.has_failed or life.end.ended > now - keep]
    kept.sort(key=lambda life: life.stored)
    jobs = Job.objects.bulk_create([_job(life) for life in kept], batch_size=500)
    pairs = [*zip(jobs, kept, strict=True)]
    Attempt.objects.bulk_create([each for pair in pairs for each in _attempts(*pair)], batch_size=500)
    imports = [(job, life) for job, life in pairs if life.kind.name == import_catalogue.path]
    Report.objects.bulk_create([_report(*pair) for pair in imports], batch_size=500)


def _job(life: Life) -> Job:
    end, failed = life.end, life.has_failed
    failures = [each for each in life.tries if each.error]
    return Job(
        **row_of(life.kind.call(life.number)),
        state=State.FAILED if failed else State.SUCCEEDED,
        attempts=len(life.tries),
        created_at=life.stored,
        run_at=end.due,
        updated_at=end.ended,
        started_at=end.started,
        finished_at=end.ended,
        failed_at=failures[-1].ended if failures else None,
        last_error=failures[-1].error if failures else None,
        locked_by=worker_of(life.number),
        stored_result=None if failed or life.result is None else json.dumps(encode(life.result, life.kind.name)),
    )


def row_of(performable: Any, **options: Any) -> dict[str, Any]:
    """Return the columns that enqueueing fills, with a signed handler."""
    new = new_job(performable, options)._asdict()
    return {name: value for name, value in new.items() if value is not None}


def worker_of(number: int) -> str:
    """Return the name of the worker that performed a job."""
    return f"host:{HOST} pid:{PIDS[number % len(PIDS)]}"


def _attempts(job: Job, life: Life) -> Iterator[Attempt]:
    for number, each in enumerate(life.tries, 1):
        if each.error:
            yield attempt(job, number, each, worker_of(life.number))


def attempt(job: Job, number: int, each: Try, worker: str) -> Attempt:
    """Return the row of an attempt that failed."""
    failure = failure_in(each.error)
    return Attempt(
        job=job,
        number=number,
        worker=worker,
        outcome=_outcome(each.error),
        started_at=each.started,
        ended_at=each.ended,
        exception=failure.exception,
        fingerprint=fingerprint(job.name, failure),
        stored_error=each.error,
    )


def _outcome(error: str) -> str:
    return {"JobTimeout": "timed out", "Crashed": "crashed"}.get(error.partition(":")[0], "failed")


def _report(job: Job, life: Life) -> Report:
    total = rows_of(life.number)
    done = total * 3 // 5 if life.has_failed else total
    return Report(
        job=job,
        done=done,
        total=total,
        stored_text="rows of Northwind",
        stored_log="\n".join(_log(life, done, total)),
        updated_at=life.end.ended,
    )


def _log(life: Life, done: int, total: int) -> Iterator[str]:
    for number, each in enumerate(life.tries, 1):
        began, took = timezone.localtime(each.started), each.ended - each.started
        yield f"--- attempt {number}, {began:%Y-%m-%d %H:%M:%S %z} ---"
        yield f"{began:%H:%M:%S} INFO demo_site.shop Reading {total} rows of Northwind"
        for read in range(100, done, 100):
            yield f"{began + took * read / total:%H:%M:%S} INFO demo_site.shop {read} rows of {total} are read"
        if not each.error:
            yield f"{began + took:%H:%M:%S} WARNING demo_site.shop {total // 40} rows have no price and were left out"
