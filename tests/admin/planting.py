"""Rows for the pages to show."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from jobqueue import enqueue
from jobqueue.models import Attempt, Job, Rollup
from jobqueue.models.rollup import minute_of
from jobqueue.policy.failures import failure_in, fingerprint
from jobqueue.states import State
from tests.app.jobs import add

NAME = "tests.app.jobs.add"
#: What must not become part of a page's own words.
HOSTILE = '"><svg onload=1>\u202eevil<script>alert(1)</script>javascript:/../?&#'

ERROR = """\
ValueError: no stream 7 in 'a.mp4'

Traceback (most recent call last):
  File "/srv/shop/encode.py", line 3, in encode_one
    raise ValueError(…)
ValueError: no stream 7 in 'a.mp4'
"""


def ended(state: State = State.FAILED, *, ago: float = 60, took: float = 2, **columns: Any) -> Job:
    """A job that ended so many seconds ago."""
    stored = enqueue(add.bind(1, 2))
    moment = timezone.now() - timedelta(seconds=ago)
    given: dict[str, Any] = {
        "state": state, "attempts": 1, "created_at": moment, "updated_at": moment,
        "started_at": moment - timedelta(seconds=took), "finished_at": moment, "locked_by": "host:atlas pid:1",
    }  # fmt: skip
    Job.objects.filter(pk=stored.pk).update(**(given | columns))
    return Job.objects.get(pk=stored.pk)


def attempt(job: Job | None = None, *, ago: float = 60, error: str = ERROR, **columns: Any) -> Attempt:
    """An attempt that failed so many seconds ago."""
    job = job or ended(ago=ago)
    moment, failure = timezone.now() - timedelta(seconds=ago), failure_in(error)
    given: dict[str, Any] = {
        "number": 1, "worker": "host:atlas pid:1", "outcome": "failed", "stored_error": error,
        "started_at": moment - timedelta(seconds=2), "ended_at": moment, "exception": failure.exception,
        "fingerprint": fingerprint(job.name, failure),
    }  # fmt: skip
    return Attempt.objects.create(job=job, **(given | columns))


def rollup(*, ago: float = 60, now: datetime | None = None, **columns: Any) -> Rollup:
    """Figures of a minute so many seconds ago."""
    moment = (now or timezone.now()) - timedelta(seconds=ago)
    given = {"queue": "default", "name": NAME, "writer": Rollup.objects.count(), "minute": minute_of(moment)}
    return Rollup.objects.create(**(given | columns))
