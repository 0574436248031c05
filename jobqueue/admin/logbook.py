"""What people did, in the log of Django's admin: who, when, to what, and what was before."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import router, transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from jobqueue.models import Job
from jobqueue.stores.acts import Act

#: Longest name that an entry shows.
LONGEST_SHOWN = 200


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


def log_change_of(request: HttpRequest, model: type[Model], name: str, words: str, shown: str = "") -> None:
    """Note a change of what has pages and no row: a queue, a class, a worker; ``shown`` is what people call it."""
    user: Any = request.user
    LogEntry.objects.create(
        user_id=user.pk,
        content_type=ContentType.objects.get_for_model(model),
        object_id=name,
        object_repr=(shown or name)[:LONGEST_SHOWN],
        action_flag=CHANGE,
        change_message=words,
    )


def entries_about(model: type[Model], name: str = "") -> QuerySet[LogEntry]:
    """Return what was done to all that has these pages, or to what has one name, the newest first."""
    of_kind = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(model))
    found = of_kind.filter(object_id=name) if name else of_kind
    return found.select_related("user").order_by("-action_time", "-pk")


def _write(request: HttpRequest, jobs: Iterable[Job], flag: int, words: str) -> None:
    noted: Any = list(jobs)
    if noted:
        user: Any = request.user
        LogEntry.objects.log_actions(user.pk, noted, flag, words)
