"""PostgreSQL set up as some projects have it. The tests of stores and workers must pass in each of these ways, too.

``python3 dev.py test --setup NAME`` runs them; NAME stands in JOBQUEUE_TEST_SETUP then, also for the pools that the
tests start.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any


class Setup:
    """PostgreSQL by its defaults, or SQLite. Others override what they do differently."""

    @contextmanager
    def around(self, url: str) -> Iterator[dict[str, str]]:
        """Surround a run of the tests on the server of ``url``; yield what the run needs in its environment."""
        yield {"DATABASE_URL": url}

    def configure(self, entry: dict[str, Any]) -> None:
        """Change an entry of DATABASES."""

    def begin(self, connection: Any) -> None:
        """Change a test database, once it has been made."""

    def end(self, connection: Any) -> None:
        """Leave a test database so that it can be dropped."""

    def of_pools(self) -> dict[str, str]:
        """Return what the pools that tests start have in their environment, beside what the tests have."""
        return {}


class Isolated(Setup):
    """The project has chosen an isolation level in OPTIONS, and its database has it as default.

    The one is for transactions, the other for statements outside of them, too.
    """

    def __init__(self, level: str) -> None:
        self._level = level

    def configure(self, entry: dict[str, Any]) -> None:
        """Set it as Django's documentation says."""
        from psycopg import IsolationLevel

        level = IsolationLevel[self._level.upper().replace(" ", "_")]
        entry["OPTIONS"] = entry.get("OPTIONS", {}) | {"isolation_level": level}

    def begin(self, connection: Any) -> None:
        """Set it on the server."""
        name = connection.ops.quote_name(connection.settings_dict["NAME"])
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = '{self._level}'")
        connection.close()


def current() -> Setup:
    """Return the set-up of this run."""
    return setups()[os.environ.get("JOBQUEUE_TEST_SETUP", "")]


def setups() -> Mapping[str, Setup]:
    """Return all by name."""
    from tests.setups.pgbouncer import BehindPgBouncer
    from tests.setups.roles import LeastPrivilege

    return {
        "": Setup(),
        "serializable": Isolated("serializable"),
        "repeatable-read": Isolated("repeatable read"),
        "pgbouncer": BehindPgBouncer(),
        "roles": LeastPrivilege(),
    }
