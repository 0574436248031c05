"""What people did, in the log of Django's admin: who, when, to which job, and what was before."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.db import router, transaction
from django.http import HttpRequest

from jobqueue.models import Job
from jobqueue.stores.acts import Act


def together(alias: str) -> AbstractContextManager[object]:
    """Return what lets an act on a database's jobs and its entry be written both or neither, if that can be."""
    return transaction.atomic(using=alias) if router.db_for_write(LogEntry) == alias else nullcontext()


def log_act(request: HttpRequest, jobs: Iterable[Job], act: Act, words: str) -> None:
    """Note an act on some jobs, an entry each."""
    _write(request, jobs, DELETION if act is Act.DELETE else CHANGE, words)


def log_change(request: HttpRequest, job: Job, words: str) -> None:
    """Note a change of a job."""
    _write(request, [job], CHANGE, words)


def log_addition(request: HttpRequest, job: Job, words: str) -> None:
    """Note that a job was stored."""
    _write(request, [job], ADDITION, words)


def _write(request: HttpRequest, jobs: Iterable[Job], flag: int, words: str) -> None:
    noted: Any = list(jobs)
    if noted:
        user: Any = request.user
        LogEntry.objects.log_actions(user.pk, noted, flag, words)
