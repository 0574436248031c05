"""Words about one job that commands and pages share."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from jobqueue.exceptions import JobQueueError
from jobqueue.handlers.shown import masked_arguments
from jobqueue.logs import headline
from jobqueue.models import Job

#: Longest arguments that are shown on a line.
LONGEST = 2000


def short_name(name: str) -> str:
    """Return the end of a job's name that tells it: ``VideoWorker``, ``Order.email_receipt``."""
    *before, last = name.split(".")
    return f"{before[-1]}.{last}" if before and before[-1][:1].isupper() else last


def tries_of(job: Job, max_attempts: int) -> str:
    """Return how often it was tried, of how often it may be."""
    return f"{job.attempts}/{job.max_attempts or max_attempts}"


def arguments_line(job: Job, say: Callable[[Exception], str] = str) -> str:
    """Return the arguments in one line, the sensitive ones hidden; or why they cannot be read, as ``say`` says it."""
    found = arguments_of(job, say)
    if isinstance(found, str):
        return f"({found})"
    return " ".join(
        f"{name}={json.dumps(value, default=str, ensure_ascii=False)}" for name, value in found.items()
    )[:LONGEST]


def arguments_of(job: Job, say: Callable[[Exception], str] = str) -> dict[str, Any] | str:
    """Return the arguments by name, the sensitive ones hidden; or why they cannot be read, as ``say`` says it."""
    try:
        return masked_arguments(job)
    except JobQueueError as error:
        return headline(say(error))
