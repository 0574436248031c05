"""What goes wrong between a caller and the database, told with the alias and with what to type."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.core.exceptions import ImproperlyConfigured, SynchronousOnlyOperation
from django.db.transaction import TransactionManagementError
from django.db.utils import InterfaceError, InternalError, OperationalError, ProgrammingError

if TYPE_CHECKING:
    from jobqueue.stores.base import Store

#: PostgreSQL's codes, and SQLite's words.
ABORTED = "25P02"
UNDEFINED = {"42P01": "is missing", "42703": "is out of date"}
SQLITE_SAYS = {"no such table": "is missing", "no such column": "is out of date", "no column": "is out of date"}


@contextmanager
def writing(store: Store, twin: str) -> Iterator[None]:
    """Turn errors of the database into clear ones of the same class; the driver's own stays their cause.

    Args:
        store: that is written to.
        twin: what to await instead in async code.

    Raises:
        ImproperlyConfigured: if the table is missing, or older than this release.
        TransactionManagementError: if an earlier error has broken the caller's transaction.
        SynchronousOnlyOperation: naming the twin.
        OperationalError, InterfaceError, ProgrammingError: naming the alias.
        RuntimeError: in the midst of another query of the same connection.
    """
    try:
        store.check_between_queries()
        yield
    except SynchronousOnlyOperation as error:
        raise SynchronousOnlyOperation(f"An event loop is running here. Use: await {twin}(…)") from error
    except (TransactionManagementError, InternalError) as error:
        if isinstance(error, InternalError) and _code(error) != ABORTED:
            raise
        raise TransactionManagementError(
            f'The transaction on "{store.alias}" is broken by an earlier error, so nothing more can be written in it. '
            "Leave its atomic() block first."
        ) from error
    except (ProgrammingError, OperationalError, InterfaceError) as error:
        if what := _wrong_with_table(error):
            raise ImproperlyConfigured(
                f'The table jobqueue_job {what} in database "{store.alias}". Run: {_migrate(store.alias)}'
            ) from error
        raise type(error)(f'Database "{store.alias}": {error}') from error.__cause__


def _wrong_with_table(error: Exception) -> str | None:
    # Read off the error: the failed transaction would answer no further question.
    said = str(error)
    if "jobqueue_job" not in said:
        return None
    sqlite = (what for words, what in SQLITE_SAYS.items() if words in said)
    return UNDEFINED.get(_code(error)) or next(sqlite, None)


def _code(error: Exception) -> str:
    return getattr(error.__cause__, "sqlstate", None) or ""


def _migrate(alias: str) -> str:
    database = "" if alias == "default" else f" --database {alias}"
    return f"python manage.py migrate jobqueue{database}"
