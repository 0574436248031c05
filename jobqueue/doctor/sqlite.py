"""SQLite as it really is, whatever the settings say."""

from __future__ import annotations

from collections.abc import Iterator
from sqlite3 import sqlite_version_info
from typing import NamedTuple

from django.db import DatabaseError, OperationalError

from jobqueue.doctor.finding import Finding, error, hint, ok, warning
from jobqueue.doctor.site import Site
from jobqueue.logs import headline
from jobqueue.stores import sharing
from jobqueue.wording import in_bytes

Version = tuple[int, ...]

FULL = 2
SYNCHRONOUS = ("OFF", "NORMAL", "FULL", "EXTRA")
#: A file up to this size is checked in passing; seconds for that.
SMALL_BYTES = 256 * 1024 * 1024
CHECK_SECONDS = 0.4
HOURS = 6 * 3600.0


class Modes(NamedTuple):
    """How a connection treats the file."""

    journal: str
    synchronous: int
    timeout_ms: int
    transaction: str


def sqlite(site: Site) -> Iterator[Finding]:
    """Report the modes that matter to several processes, and what a known fault makes of them."""
    if site.file is None:
        message = f'database "{site.alias}" is in memory, where no worker process sees it'
        yield warning("sqlite.memory", message, f'Name a file in DATABASES["{site.alias}"]["NAME"].')
        return
    read = Modes(
        str(site.row("PRAGMA journal_mode")[0]),
        int(site.row("PRAGMA synchronous")[0]),
        int(site.row("PRAGMA busy_timeout")[0]),
        str(site.connection.transaction_mode or "DEFERRED").upper(),
    )
    yield from of_modes(site.alias, read)
    yield from of_library(sqlite_version_info, read.journal)


def of_modes(alias: str, read: Modes) -> Iterator[Finding]:
    """Report about modes that will be locked often or forget what they confirmed."""
    wrong = {
        '"transaction_mode": "IMMEDIATE"': read.transaction not in {"IMMEDIATE", "EXCLUSIVE"},
        '"timeout": 20': read.timeout_ms < sharing.LEAST_TIMEOUT * 1000,
        '"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL"': (
            read.journal != "wal" or read.synchronous < FULL
        ),
    }
    now = (
        f"journal_mode {read.journal}, synchronous {SYNCHRONOUS[read.synchronous]}, "
        f"timeout {read.timeout_ms / 1000:g} s, transactions {read.transaction}"
    )
    if any(wrong.values()):
        options = ", ".join(option for option, is_wrong in wrong.items() if is_wrong)
        message = f"{now}: it will be locked often, or lose jobs at a power cut"
        yield warning("sqlite.modes", message, f'In DATABASES["{alias}"]["OPTIONS"]: {options}')
    else:
        yield ok("sqlite", now)


def of_library(version: Version, journal: str) -> Iterator[Finding]:
    """Report a library that may, very rarely, spoil a file in WAL mode (sqlite.org/wal.html#walresetbug)."""
    if journal == "wal" and may_spoil(version):
        message = (
            f"SQLite {'.'.join(map(str, version))} can, very rarely, spoil a file that several processes write"
        )
        remedy = "Upgrade the SQLite library of this Python to 3.51.3 or newer, and keep backups."
        yield warning("sqlite.library", message, remedy)


def may_spoil(version: Version) -> bool:
    """Whether a version has the fault, which 3.51.3 mended and two older lines as well."""
    mended: dict[Version, int] = {(3, 44): 6, (3, 50): 7}
    return (3, 7) <= version < (3, 51, 3) and version[2] < mended.get(version[:2], 1000)


def integrity(site: Site) -> Iterator[Finding]:
    """Report whether the file is sound; one that is too large for that is left for a thorough look."""
    if site.file is None:
        return
    size = site.file.stat().st_size
    if size > SMALL_BYTES and not site.thorough:
        yield _unchecked(size)
        return
    try:
        with site.store.looking(HOURS if site.thorough else CHECK_SECONDS):
            faults = [str(row[0]) for row in site.rows("PRAGMA quick_check(3)")]
    except OperationalError as found:
        if "interrupted" not in str(found):
            raise
        yield _unchecked(size)
    except DatabaseError as found:
        yield _spoilt(str(found))
    else:
        yield (
            ok("integrity", f"the file is sound ({in_bytes(size)})") if faults == ["ok"] else _spoilt(faults[0])
        )


def _unchecked(size: int) -> Finding:
    message = f"the file ({in_bytes(size)}) is too large to be checked in passing"
    return hint("integrity.unchecked", message, "Check it: python manage.py jobs doctor --thorough")


def _spoilt(fault: str) -> Finding:
    remedy = "Stop everything, then restore a backup, or salvage: sqlite3 FILE .recover | sqlite3 NEW"
    return error("integrity.spoilt", f"the file is damaged: {headline(fault)}", remedy)
