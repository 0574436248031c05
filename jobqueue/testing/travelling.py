"""A later time for the jobs that wait."""

from __future__ import annotations

from contextvars import ContextVar, Token
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from asgiref.sync import sync_to_async
from django.db import DatabaseError, InterfaceError

from jobqueue.exceptions import shown, zoned
from jobqueue.stores import get_store
from jobqueue.stores.by_hand import age

_travelled: ContextVar[timedelta] = ContextVar("jobqueue_travelled")


def travelled() -> timedelta:
    """Return how far ahead of the clock the jobs are."""
    return _travelled.get(timedelta())


class travel_to:
    """Inside the block, jobs are due as if it were that time: ``with travel_to(timedelta(days=1)): work_off()``.

    The database's clock cannot be turned, so the jobs are moved instead: at the beginning each scheduled job becomes
    older by the distance (``run_at`` and ``created_at``), at the end those that still are scheduled are moved back.
    A job stored inside, or tried again, counts from the time travelled to. Nothing else is moved: ``timezone.now()``
    tells the real time. May be nested, and used with ``async with``.

    Args:
        when: an aware datetime, or a timedelta from the present, which is that of the block round it.

    Raises:
        ValueError: for a datetime without a time zone, where the project uses them.
        TypeError: for anything else.
    """

    def __init__(self, when: datetime | timedelta) -> None:
        if not isinstance(when, datetime | timedelta):
            raise TypeError(f"travel_to takes a datetime, or a timedelta from now. It is {shown(when)}.")
        self._when = when
        self._tokens: list[tuple[Token[timedelta], timedelta]] = []

    def __enter__(self) -> Self:
        self._enter(*self._set_out())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave(kind is not None)
        self._return()

    async def __aenter__(self) -> Self:
        ahead, distance = await sync_to_async(self._set_out)()
        self._enter(ahead, distance)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await sync_to_async(self._leave)(kind is not None)
        self._return()

    def _set_out(self) -> tuple[timedelta, timedelta]:
        """Move the jobs; return how far ahead they are then, and how far they were moved."""
        before, store = travelled(), get_store()
        if isinstance(self._when, datetime):
            ahead = (zoned(self._when) or self._when) - store.now()
        else:
            ahead = before + self._when
        age(store, ahead - before)
        return ahead, ahead - before

    def _enter(self, ahead: timedelta, distance: timedelta) -> None:
        self._tokens.append((_travelled.set(ahead), distance))

    def _leave(self, failing: bool) -> None:
        """Move the jobs back; a transaction that an error has broken takes them back by itself."""
        _, distance = self._tokens[-1]
        try:
            age(get_store(), -distance)
        except (DatabaseError, InterfaceError):
            if not failing:
                raise

    def _return(self) -> None:
        token, _ = self._tokens.pop()
        _travelled.reset(token)
