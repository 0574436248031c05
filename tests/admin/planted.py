"""Jobs in every state, as workers leave them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.utils import timezone

from jobqueue import enqueue
from jobqueue.models import Attempt, Job, Report
from jobqueue.states import State
from tests.app.jobs import add

#: Stands in arguments, results, errors and logs; who may not see these must not find it anywhere.
MARKER = "s3cr3t-m4rk3r"

ERROR = f"""ValueError: no stream {MARKER}

  File "/srv/shop/jobs.py", line 7, in encode
    call()
  File "/usr/lib/python3.11/site-packages/ffmpeg/run.py", line 3, in run
    probe()
  File "/usr/lib/python3.11/site-packages/ffmpeg/probe.py", line 9, in probe
    raise ValueError
"""


def plant(state: State = State.READY, **columns: Any) -> Job:
    """Store a job of ``add`` and put it into a state."""
    given = {name: columns.pop(name) for name in ("queue", "key") if name in columns}
    job = enqueue(add.bind(1, 2), **given)
    now = timezone.now()
    of_state: dict[State, dict[str, Any]] = {
        State.RUNNING: {"claim_id": uuid4(), "pool_id": 7, "locked_at": now, "locked_by": "host:atlas pid:7"},
        State.SCHEDULED: {"run_at": now + timedelta(hours=1)},
        State.SUCCEEDED: {"started_at": now - timedelta(seconds=3), "finished_at": now, "attempts": 1},
        State.FAILED: {"started_at": now - timedelta(seconds=3), "finished_at": now, "attempts": 25},
        State.CANCELLED: {"finished_at": now},
    }
    Job.objects.filter(pk=job.pk).update(state=state, **of_state.get(state, {}) | columns)
    job.refresh_from_db()
    return job


def plant_failure(error: str = ERROR, **columns: Any) -> Job:
    """Store a job that has failed twice, with result, report and log."""
    result = f'"{MARKER}"'
    job = plant(State.FAILED, last_error=error, stored_result=result, attempts=2, **columns)
    now = timezone.now()
    for number in (1, 2):
        Attempt.objects.create(
            job=job,
            number=number,
            worker="host:atlas pid:7",
            outcome="failed",
            started_at=now - timedelta(seconds=9 - number),
            ended_at=now - timedelta(seconds=8 - number),
            exception="ValueError",
            fingerprint="0123456789abcdef",
            stored_error=error,
        )
    Report.objects.create(
        job=job, done=3, total=12, stored_text=f"frame {MARKER}", stored_log=f"line one\nline {MARKER}"
    )
    return job
