"""The roles of docs/how-to/least_privilege.md: the page's own SQL, on real databases."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from tests.docs.pages import DOCS, blocks
from tests.setups import Setup

WEB, WORKER, DASHBOARD = "shop_web", "shop_worker", "shop_dashboard"
PASSWORDS = {WEB: "change-me", WORKER: "change-me-too", DASHBOARD: "and-me"}
#: So that no role is ever dropped that a server had before.
MARK = "made for the tests of jobqueue"
#: Whoever uses the roles shares this advisory lock, so that none drops them under another.
LOCK = 60_624


class LeastPrivilege(Setup):
    """Pools log in with the worker's role; the tests store jobs with the web's, and are the owner for the rest."""

    @contextmanager
    def around(self, url: str) -> Iterator[dict[str, str]]:
        """Have the roles."""
        with roles(url):
            yield {"DATABASE_URL": url}

    def begin(self, connection: Any) -> None:
        """Grant what the page grants, and let the test process enqueue by the web's role."""
        from jobqueue import stores

        grant(connection)
        stores.STORES["postgresql"] = "tests.setups.webstore.WebStore"

    def of_pools(self) -> dict[str, str]:
        """Let pools log in with the worker's role."""
        return {"DATABASE_URL": url_of(WORKER, os.environ["DATABASE_URL"])}


@cache
def sql() -> tuple[str, str]:
    """Return what the page has one type: the roles, and their privileges."""
    made, granted = [block.text for block in blocks(DOCS / "how-to" / "least_privilege.md") if block.kind == "sql"]
    return made, granted


@contextmanager
def roles(url: str) -> Iterator[None]:
    """Have the page's roles on a server as long as a block runs."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as server:
        server.execute("SELECT pg_advisory_lock_shared(%s)", [LOCK])
        with suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
            server.execute(f"{sql()[0]}; COMMENT ON ROLE {WEB} IS '{MARK}'")
        try:
            yield
        finally:
            server.execute("SELECT pg_advisory_unlock_shared(%s)", [LOCK])
            _drop(server)


def _drop(server: Any) -> None:
    """Drop them if they are ours and nobody else uses them."""
    [(alone,)] = server.execute("SELECT pg_try_advisory_lock(%s)", [LOCK])
    [(ours,)] = server.execute(
        "SELECT coalesce(shobj_description(%s::regrole, 'pg_authid') = %s, false)", [WEB, MARK]
    )
    if alone and ours:
        server.execute(f"DROP ROLE {', '.join(PASSWORDS)}")


def grant(connection: Any) -> None:
    """Grant what the page grants, and what the jobs of the tests do to the tests' own tables."""
    from django.apps import apps

    tables = ", ".join(model._meta.db_table for model in apps.get_app_config("app").get_models())
    with connection.cursor() as cursor:
        cursor.execute(sql()[1])
        cursor.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {tables} TO {WORKER}")


def ungrant(connection: Any) -> None:
    """Take all privileges in this database back."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP OWNED BY {', '.join(PASSWORDS)}")


@contextmanager
def acting_as(role: str) -> Iterator[Any]:
    """Let this thread's connection "default" be one that has logged in with a role."""
    from django.db import connections

    owner = connections["default"]
    other = owner.copy()
    other.settings_dict |= {"USER": role, "PASSWORD": PASSWORDS[role]}
    connections["default"] = other
    try:
        yield other
    finally:
        other.close()
        connections["default"] = owner


def url_of(role: str, url: str) -> str:
    """Return the URL with which a role logs in."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}:{PASSWORDS[role]}@{place}"))
