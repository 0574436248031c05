"""Whether the database answers, how fast, and of what version it is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from sqlite3 import sqlite_version_info

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, InterfaceError, NotSupportedError

from jobqueue.cli.banner import VENDORS
from jobqueue.doctor.finding import Finding, error, ok, warning
from jobqueue.doctor.site import Site
from jobqueue.logs import headline
from jobqueue.pool.schema import read_schema
from jobqueue.wording import span

Version = tuple[int, ...]

#: The oldest that the statements of the stores run on.
OLDEST: dict[str, Version] = {"postgresql": (14,), "sqlite": (3, 35)}
#: A claim and a finish pay one round trip each.
SLOW_SECONDS = 0.02
TRIPS = 3


def database(site: Site) -> Iterator[Finding]:
    """Report whether the database answers."""
    try:
        site.connection.ensure_connection()
        seconds = min(_trip(site) for _ in range(TRIPS))
    except NotSupportedError as found:  # Django has limits of its own
        yield _too_old(headline(str(found)))
    except (DatabaseError, InterfaceError, ImproperlyConfigured) as found:
        message = f'cannot reach "{site.alias}": {headline(str(found))}'
        yield error("database.unreachable", message, f"Try it by hand: {_shell(site.alias)}")
    else:
        yield from answered(_name(site), site.connection.vendor, _version(site), seconds)


def answered(name: str, vendor: str, version: Version, seconds: float) -> Iterator[Finding]:
    """Report about a database that answers.

    Args:
        name: what to call it.
        vendor: Django's word for its kind.
        version: its version.
        seconds: its fastest round trip.
    """
    oldest = OLDEST[vendor]
    if version < oldest:
        yield _too_old(f"{name} is older than {'.'.join(map(str, oldest))}")
    elif seconds > SLOW_SECONDS:
        message = f"{name} answers in {span(seconds)}; each claim and each end waits for that"
        yield warning("database.slow", message, "Run workers near the database, or more of them: jobworker -n 4")
    else:
        yield ok("database", f"{name} answers in {span(seconds)}")


def migrations(site: Site) -> Iterator[Finding]:
    """Report whether the tables are those of this release."""
    schema = read_schema(site.alias)
    if schema.trouble is None:
        yield ok("migrations", f"applied up to {schema.known[-1]}" if schema.known else "none")
    else:
        id = "migrations.newer" if schema.newer else "migrations.missing"
        yield error(id, *schema.trouble)


def _trip(site: Site) -> float:
    began = time.perf_counter()
    site.row("SELECT 1")
    return time.perf_counter() - began


def _name(site: Site) -> str:
    vendor, version = VENDORS[site.connection.vendor], ".".join(map(str, _version(site)))
    return f'{vendor} {version} "{str(site.connection.settings_dict["NAME"]).rpartition("/")[2]}"'


def _version(site: Site) -> Version:
    connection = site.connection
    return divmod(connection.pg_version, 10_000) if connection.vendor == "postgresql" else sqlite_version_info


def _too_old(message: str) -> Finding:
    return error("database.version", message, "Upgrade the database server, or the SQLite library of this Python.")


def _shell(alias: str) -> str:
    return f"python manage.py dbshell{'' if alias == 'default' else f' --database {alias}'}"
