"""Reads rows of which some may have been spoilt by hand: one that cannot be read must not hide the others."""

from __future__ import annotations

from typing import NamedTuple

from django.db import OperationalError

from jobqueue.logs import headline
from jobqueue.models import Job, JobQuerySet


class Unreadable(NamedTuple):
    """A row that Django cannot read: a time on no day, text that is no UTF-8.

    Attributes:
        pk: its id.
        reason: what is wrong with it.
    """

    pk: int
    reason: str


def read_rows(rows: JobQuerySet) -> list[Job | Unreadable]:
    """Return rows; of each that cannot be read, its id and why."""
    try:
        return list(rows)
    except (ValueError, TypeError, OverflowError, OperationalError) as error:
        if not _is_of_a_row(error):
            raise
    model = rows.model._base_manager.using(rows.db)
    deferred, is_deferred = rows.query.deferred_loading
    ids = list(rows.values_list("pk", flat=True))
    return [_one(model.filter(pk=pk).defer(*deferred if is_deferred else ()), pk) for pk in ids]  # type: ignore[arg-type]


def read_row(rows: JobQuerySet, pk: int) -> Job | Unreadable | None:
    """Return one row by its id; None if there is none."""
    found = read_rows(rows.filter(pk=pk))
    return found[0] if found else None


def _one(rows: JobQuerySet, pk: int) -> Job | Unreadable:
    try:
        return rows.get()
    except (ValueError, TypeError, OverflowError, OperationalError) as error:
        if not _is_of_a_row(error):
            raise
        return Unreadable(pk, headline(str(error)))


def _is_of_a_row(error: Exception) -> bool:
    """Whether it is the row that is wrong, and not the database; SQLite has one class for both."""
    return not isinstance(error, OperationalError) or "decode" in str(error)
