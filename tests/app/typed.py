"""Jobs whose arguments have types, for the form that stores jobs."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from jobqueue import Performable, job
from tests.app.jobs import Colour
from tests.app.models import Video


@job
def typed(
    number: int,
    /,
    ratio: float,
    word: str,
    when: datetime,
    day: date,
    price: Decimal,
    ident: UUID,
    colour: Colour,
    is_copy: bool,
    video: Video,
    rows: list[int],
    maybe: int | None,
    size: int = 7,
    *more: int,
    flag: bool = True,
    note: str = "none",
    **rest: Any,
) -> dict[str, Any]:
    """Take one argument of each kind that forms know."""
    return {name: str(value) for name, value in locals().items()}


@job
def missing(thing: Nonesuch) -> str:  # type: ignore[name-defined]  # noqa: F821
    """Take something of a type that is not there at run time."""
    return str(thing)


class Fussy(Performable):
    """Takes no negative number."""

    def __init__(self, number: int) -> None:
        if number < 0:
            raise RuntimeError("no <b>negative</b> number")
        self.number = number

    def perform(self) -> int:
        """Return it."""
        return self.number
