"""Expressions for queries."""

from __future__ import annotations

from typing import Any

from django.db.models import IntegerField, Value

from jobqueue.states import State


class Literal(Value):
    """A state written into the SQL itself.

    SQLite uses a partial index only if the query shows its condition, and a bound parameter shows nothing.
    """

    def __init__(self, state: State) -> None:
        super().__init__(int(state), output_field=IntegerField())

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        """Return the number, and no parameters."""
        return str(int(self.value)), ()
