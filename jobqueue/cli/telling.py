"""How the verbs speak of one job: for people in a few words, for programs as an object with stable keys."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from jobqueue.cli.tables import Cell
from jobqueue.cli.voice import Voice
from jobqueue.insight.words import arguments_line, arguments_of
from jobqueue.logs import headline
from jobqueue.models import Job
from jobqueue.states import State
from jobqueue.wording import age, span

ROLES = {"failed": "ERROR", "retrying": "WARNING", "succeeded": "SUCCESS", "running": "HTTP_INFO"}


def say_json(say: Voice, told: Mapping[str, Any]) -> None:
    """Say one object."""
    say(json.dumps(told, default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value.total_seconds() if isinstance(value, timedelta) else str(value)


def state_of(job: Job) -> str:
    """Return the state in a word; a scheduled job with an attempt behind it is retrying."""
    state = State(job.state)
    return "retrying" if state is State.SCHEDULED and job.attempts else state.label


def state_cell(job: Job) -> Cell:
    """Return the state in its colour."""
    word = state_of(job)
    return Cell(word, ROLES.get(word, ""))


def when_of(job: Job, now: datetime) -> str:
    """Return what people want to know of its time: when it ended, when it is due, how long it waits or runs."""
    state = State(job.state)
    if state.is_final:
        return f"{span(max(age(job.finished_at or job.updated_at, now), 0.0))} ago"
    if state is State.RUNNING:
        return f"for {span(max(age(job.locked_at or now, now), 0.0))}"
    wait = age(now, job.run_at)
    return f"in {span(wait)}" if wait > 0 else f"since {span(-wait)}"


def about(job: Job) -> str:
    """Return its error if it has failed, else its arguments."""
    if state_of(job) in {"failed", "retrying"} and job.error:
        return headline(job.error)
    return arguments_line(job)


def as_object(job: Job) -> dict[str, Any]:
    """Return a job for programs."""
    found = arguments_of(job)
    return {
        "id": job.pk,
        "state": State(job.state).label,
        "job": job.name,
        "queue": job.queue,
        "priority": job.priority,
        "attempts": job.attempts,
        "max_attempts": job.max_attempts,
        "key": job.key,
        "worker": job.locked_by,
        "created_at": job.created_at,
        "run_at": job.run_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "error": headline(job.error) if job.error else None,
        "arguments": None if isinstance(found, str) else found,
    }


def clock(moment: datetime | None) -> str:
    """Return a time as people write it, in the current time zone."""
    if moment is None:
        return "-"
    local = timezone.localtime(moment) if timezone.is_aware(moment) else moment
    return f"{local:%Y-%m-%d %H:%M:%S}"
