"""Text that wants to be run, in every field that takes text. `python -m tests.browser.hostile` plants it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import django

django.setup()

from django.utils import timezone  # noqa: E402

from demo_site.hello.jobs import greet  # noqa: E402
from demo_site.history.rows import row_of  # noqa: E402
from jobqueue.models import Attempt, Job, Pause, Pool, Report, Rollup  # noqa: E402
from jobqueue.models.rollup import minute_of  # noqa: E402
from jobqueue.states import State  # noqa: E402

#: Breaks out of attributes and texts; the word tells where it has been shown.
TEXT = (
    "mallory\"'><svg onload=alert(1)><img src=x onerror=alert(2)><script>alert(3)</script>"
    "</script></textarea></title>{{ 7|add:35 }}javascript:alert(4)\u202e\x1b[31m&lt;b&gt;"
)
FINGERPRINT = "bad0bad0bad0bad0"


def plant() -> dict[str, Any]:
    """Store a job, its attempts and reports, a pool, figures and a pause that are full of it."""
    now = timezone.now()
    job = Job.objects.create(
        **{**row_of(greet.bind(TEXT)), "key": TEXT[:255], "name": TEXT[:255]},
        state=State.FAILED,
        attempts=1,
        last_error=f'{TEXT}\n\nTraceback (most recent call last):\n  File "{TEXT}", line 1, in {TEXT}\n',
        locked_by=TEXT[:255],
        started_at=now,
        finished_at=now,
        failed_at=now,
    )
    known = Job.objects.create(
        **row_of(greet.bind(TEXT), key="hostile"),
        state=State.FAILED,
        attempts=1,
        last_error=TEXT,
        locked_by=TEXT[:255],
        finished_at=now,
        failed_at=now,
    )
    for each in (job, known):
        Attempt.objects.create(
            job=each,
            number=1,
            worker=TEXT[:255],
            outcome="failed",
            started_at=now,
            ended_at=now,
            exception=TEXT[:200],
            fingerprint=FINGERPRINT,
            stored_error=each.last_error or TEXT,
        )
        lines = f"--- attempt 1, {now:%Y-%m-%d %H:%M:%S %z} ---\n12:00:00 INFO {TEXT}\n    {TEXT}"
        Report.objects.create(job=each, done=1, total=3, stored_text=TEXT, stored_log=lines)
    worker = {"pid": 1, "buffered": 0, "succeeded": 1, "failed": 1, "jobs": [{"id": job.pk, "seconds": 1.0}]}
    pool = Pool.objects.create(
        name=TEXT[:64], host=TEXT[:255], pid=1, release=TEXT[:64], queues=["mail"], workers=[worker],
        beat_at=now + timedelta(days=1),
    )  # fmt: skip
    Pause.objects.create(queue="newsletter", reason=TEXT[:200], paused_by=TEXT[:150])
    Rollup.objects.create(
        minute=minute_of(now) - 5, queue="mail", name=TEXT[:255], failed=3, stored=3, run_05=3, wait_01=3
    )
    return {
        "job": {"failed": known.pk, "unknown": job.pk},
        "failure": {"any": FINGERPRINT},
        "worker": {"any": pool.pk},
    }


if __name__ == "__main__":
    print(json.dumps(plant()))
