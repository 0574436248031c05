"""Expressions for queries."""

from __future__ import annotations

from typing import Any

from django.db.models import BooleanField, F, Func, IntegerField, Value
from django.db.models.functions import Collate
from django.db.models.lookups import IContains

from jobqueue.states import State

#: Largest handler that a row may hold, bytes; far above the largest that is written.
MAX_HANDLER = 4 * 1024 * 1024


class Literal(Value):
    """A state written into the SQL itself.

    SQLite uses a partial index only if the query shows its condition, and a bound parameter shows nothing.
    """

    def __init__(self, state: State) -> None:
        super().__init__(int(state), output_field=IntegerField())

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        """Return the number, and no parameters."""
        return str(int(self.value)), ()


class Holds(IContains):
    """Whether a text holds another, whatever the case of its letters."""

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        """Let plain letters be capitals by the rules of plain text: those of a language take twice as long, or more."""
        if not self.rhs.isascii():
            return self.as_sql(compiler, connection)
        # The database makes capitals of what is looked for by its own rules: in Turkish, that of i is not I.
        return IContains(Collate(self.lhs, "C"), self.rhs.upper()).as_sql(compiler, connection)


class Readable(Func):
    """Whether times can be read back: finite, and in the years 1000 to 2999.

    In as few terms as can be: PostgreSQL reads a table's conditions anew for each statement that writes to it.
    """

    output_field = BooleanField()
    template = "1 = 1"

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, tuple[Any, ...]]:
        """Return the condition on the earliest and the latest."""
        template = "LEAST(%(expressions)s) >= '1000-01-01Z' AND GREATEST(%(expressions)s) < '3000-01-01Z'"
        sql, params = self.as_sql(compiler, connection, template=template, **context)
        return sql, (*params, *params)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, tuple[Any, ...]]:
        """Return a condition on each, which is text; so are the bounds, but they would be numbers without "-"."""
        conditions, params = [], list[Any]()
        for each in self.source_expressions:
            sql, own = compiler.compile(each)
            conditions.append(f"{sql} >= '1000-' AND {sql} < '3000-'")
            params += [*own, *own]
        return " AND ".join(conditions), tuple(params)


class Sound(Func):
    """Whether a new row can be taken in hand: its handler is not too long for memory, its columns hold their types.

    SQLite takes anything in any column. There text must be text and numbers numbers, and ``run_at`` must stand in
    Django's form: the order of its text is the order of time.
    """

    output_field = BooleanField()
    template = "1 = 1"

    def __init__(self, *expressions: Any) -> None:
        super().__init__(*expressions or map(F, SOUND))

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, tuple[Any, ...]]:
        """Return the condition on the handler alone."""
        sql, params = compiler.compile(self.source_expressions[0])
        return f"octet_length({sql}) <= {MAX_HANDLER}", tuple(params)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, tuple[Any, ...]]:
        """Return the conditions, column by column."""
        conditions, params = [], list[Any]()
        for each, condition in zip(self.source_expressions, SOUND.values(), strict=True):
            sql, own = compiler.compile(each)
            conditions.append(condition.replace("?", sql))
            params += list(own) * condition.count("?")
        return " AND ".join(conditions), tuple(params)


#: Columns that hardly change once a row is stored, and what SQLite asks of them ("?" is the column). There is no space
#: behind a comma: where Django reads a table's columns back, it takes that for the end of one.
SOUND = {
    "handler": f"typeof(?) = 'text' AND length(CAST(? AS BLOB)) <= {MAX_HANDLER}",
    "name": "typeof(?) = 'text'",
    "queue": "typeof(?) = 'text'",
    "key": "typeof(?) IN ('text','null')",
    "priority": "typeof(?) = 'integer'",
    "crashes": "typeof(?) = 'integer'",
    "max_attempts": "typeof(?) IN ('integer','null')",
    "max_run_time": "typeof(?) IN ('real','null')",
    # "+0 days" turns the 31st of February into a day that is one.
    "run_at": (
        "datetime(substr(?,1,19),'+0 days') IS substr(?,1,19) AND substr(?,20,1) IN ('','.') AND length(?) <= 26"
    ),
}
