"""What goes wrong between a caller and the database, told with the alias and with what to type."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.core.exceptions import ImproperlyConfigured, SynchronousOnlyOperation
from django.db.transaction import TransactionManagementError
from django.db.utils import InterfaceError, InternalError, OperationalError, ProgrammingError

from jobqueue.stores.errors import sqlstate, wrong_with_table
from jobqueue.stores.sharing import why_locked

if TYPE_CHECKING:
    from jobqueue.stores.base import Store

#: PostgreSQL's code of a transaction that an earlier error has broken.
ABORTED = "25P02"


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
        if isinstance(error, InternalError) and sqlstate(error) != ABORTED:
            raise
        raise TransactionManagementError(
            f'The transaction on "{store.alias}" is broken by an earlier error, so nothing more can be written in it. '
            "Leave its atomic() block first."
        ) from error
    except (ProgrammingError, OperationalError, InterfaceError) as error:
        if wrong := wrong_with_table(error, store.alias):
            raise ImproperlyConfigured(wrong) from error
        said = why_locked(error, store.alias) or f'Database "{store.alias}": {error}'
        raise type(error)(said) from error.__cause__
