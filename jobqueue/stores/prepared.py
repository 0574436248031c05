"""Statements that the server keeps planned: to plan a claim of one job takes as long as to perform it.

psycopg prepares by itself only in a protocol that takes one statement at a time; ours come with their settings in
front, in one round trip. So they are prepared by name. A pooler in transaction mode hands each transaction to another
server process, which would not know the name: there, statements are sent whole.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import psycopg
from psycopg import errors

from jobqueue.stores.poolers import is_direct

#: The name is not known, or known from elsewhere, or the table has changed under it.
UNPREPARED = (errors.InvalidSqlStatementName, errors.DuplicatePreparedStatement, errors.FeatureNotSupported)

#: A plan that serves all parameters, and so is made once.
GENERIC = "SET LOCAL plan_cache_mode = force_generic_plan; "

_PLACEHOLDER = re.compile(r"%(?:\((\w+)\))?s")

#: What each connection has prepared; None where it must not.
_prepared: WeakKeyDictionary[psycopg.Connection[Any], set[str] | None] = WeakKeyDictionary()


class _Texts(NamedTuple):
    prepare: str
    execute: str


def prepared(connection: psycopg.Connection[Any], statement: str, control: str = "") -> str:
    """Return what to send instead of a statement, with the same placeholders, where the server keeps its plan.

    Call outside of transactions.

    Args:
        connection: on which it will be sent.
        statement: of the store's.
        control: settings that go in front: to plan, too, takes locks.
    """
    if connection not in _prepared:
        _prepared[connection] = set() if is_direct(connection) else None
    known = _prepared[connection]
    if known is None:
        return statement
    texts = _texts(statement)
    if statement not in known:
        connection.execute((control + texts.prepare).encode())
        known.add(statement)
    return texts.execute


def give_up(connection: psycopg.Connection[Any]) -> None:
    """Prepare nothing more on a connection that has answered with one of ``UNPREPARED``."""
    _prepared[connection] = None


@lru_cache
def _texts(statement: str) -> _Texts:
    """Return PREPARE and EXECUTE for a statement with psycopg's placeholders, named or not."""
    name = f"jobqueue_{sha256(statement.encode()).hexdigest()[:16]}"
    numbers: dict[str, str] = {}

    def number(found: re.Match[str]) -> str:
        # Each unnamed one is another, each name one.
        key = found[0] if found[1] else f"%s {len(numbers)}"
        return numbers.setdefault(key, f"${len(numbers) + 1}")

    numbered = _PLACEHOLDER.sub(number, statement)
    arguments = f"({', '.join(key.split()[0] for key in numbers)})" if numbers else ""
    return _Texts(f"PREPARE {name} AS {numbered}", f"{GENERIC}EXECUTE {name}{arguments}")
