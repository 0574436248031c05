"""Jobs in every state, and what ``manage.py jobs`` says of them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.utils import timezone

from jobqueue import enqueue
from jobqueue.models import Job, Pool
from jobqueue.states import State
from tests.app.jobs import add
from tests.processes.conftest import journal, start_pool

__all__ = ["journal", "start_pool"]


class Said:
    """What a verb said: on stdout, on stderr, and as its exit status."""

    def __init__(self, out: str, err: str, status: int) -> None:
        self.out, self.err, self.status = out, err, status

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def jobs(db: None) -> Callable[..., Said]:
    """Types ``manage.py jobs …``."""
    return say


def say(*words: object, **options: Any) -> Said:
    out, err, status = io.StringIO(), io.StringIO(), 0
    try:
        call_command("jobs", *map(str, words), stdout=out, stderr=err, **options)
    except SystemExit as ended:
        status = int(str(ended.code))
    return Said(out.getvalue(), err.getvalue(), status)


def job(state: State = State.READY, *, call: Any = None, ago: float = 60, **columns: Any) -> Job:
    """A stored job in a state, so many seconds old."""
    stored = enqueue(call or add.bind(1, 2))
    moment = timezone.now() - timedelta(seconds=ago)
    given: dict[str, Any] = {"state": state, "created_at": moment, "updated_at": moment}
    if state is State.RUNNING:
        given |= {"claim_id": uuid4(), "pool_id": 1, "locked_by": "host:atlas pid:1", "locked_at": moment}
    if state.is_final:
        given |= {"finished_at": moment, "started_at": moment - timedelta(seconds=2), "attempts": 1}
    if state is State.FAILED:
        given |= {"failed_at": moment, "last_error": "ValueError: no stream 0:1\n\nTraceback …"}
    if state is State.SCHEDULED:
        given["run_at"] = timezone.now() + timedelta(days=1)
    Job.objects.filter(pk=stored.pk).update(**(given | columns))
    return Job.objects.get(pk=stored.pk)


def pool(**columns: Any) -> Pool:
    """A living pool."""
    given: dict[str, Any] = {"pk": 1, "host": "atlas", "pid": 4120, "beat_at": timezone.now()}
    return Pool.objects.create(**(given | columns))
