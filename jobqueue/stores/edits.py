"""Rows that people edit: written only if they are as they were read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from jobqueue.models import JobQuerySet
from jobqueue.stores.acts import ORIGINS, Act, forget_wishes


class Seen(NamedTuple):
    """How a row was when somebody began to edit it."""

    id: int
    state: int
    updated_at: datetime
    handler: str
    queue: str
    priority: int
    run_at: datetime

    def __repr__(self) -> str:
        return f"<row #{self.id} as it was seen>"


#: From which states a job may be edited: it stays where it is, moves to another time, or is tried again.
EDITABLE = (*ORIGINS[Act.POSTPONE], *ORIGINS[Act.RETRY])


def write_edit(jobs: JobQuerySet, seen: Seen, columns: Mapping[str, Any], *, forget: bool) -> bool:
    """Write columns of a row, inside of the present transaction; False if it is another by now.

    Args:
        jobs: all of the store.
        seen: the row as it was read.
        columns: what is written.
        forget: wishes that it end, as a retry does.

    What somebody keeps locked is being changed, and so left alone. Times are compared here and not by the database:
    SQLite would compare their texts.
    """
    row = jobs.filter(pk=seen.id, state__in=EDITABLE)
    locked = row.select_for_update(skip_locked=True, no_key=True)
    found = locked.values_list(*Seen._fields).first()
    if found is None or Seen(*found) != seen:
        return False
    if forget:
        forget_wishes(row)
    return bool(row.update(**columns))
