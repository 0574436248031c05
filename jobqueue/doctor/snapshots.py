"""Who keeps PostgreSQL from cleaning up: claims must step over every row that somebody might still see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from jobqueue.doctor.finding import Finding, hint, ok, warning
from jobqueue.doctor.site import Site
from jobqueue.wording import span

LONG_SECONDS = 300.0
#: For what has no age in seconds.
LONG_TRANSACTIONS = 1_000_000

SESSIONS = """
SELECT pid, application_name, usename, state, extract(epoch FROM clock_timestamp() - xact_start)::float8
FROM pg_stat_activity
WHERE coalesce(backend_xmin, backend_xid) IS NOT NULL AND xact_start IS NOT NULL AND datname = current_database()
  AND pid <> pg_backend_pid() AND backend_type NOT LIKE 'autovacuum%'
ORDER BY xact_start LIMIT 1
"""
PREPARED = """
SELECT gid, owner, extract(epoch FROM clock_timestamp() - prepared)::float8
FROM pg_prepared_xacts WHERE database = current_database() ORDER BY prepared LIMIT 1
"""
# By way of JSON, since older servers have no column inactive_since.
SLOTS = """
SELECT slot_name, active, age(xmin),
       extract(epoch FROM clock_timestamp() - (to_jsonb(slot) ->> 'inactive_since')::timestamptz)::float8
FROM pg_replication_slots AS slot WHERE xmin IS NOT NULL ORDER BY age(xmin) DESC LIMIT 1
"""
HIDDEN = """
SELECT count(*), current_user FROM pg_stat_activity
WHERE datname = current_database() AND query = '<insufficient privilege>'
"""


class Session(NamedTuple):
    """A session in a transaction."""

    pid: int
    application: str
    role: str
    state: str
    seconds: float


class Prepared(NamedTuple):
    """A transaction prepared for a two-phase commit."""

    gid: str
    owner: str
    seconds: float


class Slot(NamedTuple):
    """A replication slot that holds back the cleaning, by so many transactions."""

    name: str
    active: bool
    transactions: int
    inactive_seconds: float | None


def snapshots(site: Site) -> Iterator[Finding]:
    """Report the oldest of each kind."""
    sessions = [Session(*row) for row in site.rows(SESSIONS)]
    prepared = [Prepared(*row) for row in site.rows(PREPARED)]
    slots = [Slot(*row) for row in site.rows(SLOTS)]
    found = [*of_sessions(sessions), *of_prepared(prepared), *of_slots(slots)]
    yield from found or [ok("snapshots", _oldest(sessions))]
    yield from hidden(*site.row(HIDDEN))


def of_sessions(sessions: list[Session]) -> Iterator[Finding]:
    """Report a transaction that has been open for long."""
    for pid, application, role, state, seconds in sessions:
        if seconds > LONG_SECONDS:
            who = ", ".join(filter(None, (application, f"role {role}", state)))
            message = f"pid {pid} ({who}) is open for {span(seconds)} and slows claims"
            yield warning("snapshots.session", message, f"SQL: SELECT pg_terminate_backend({pid});")


def of_prepared(prepared: list[Prepared]) -> Iterator[Finding]:
    """Report a prepared transaction that nobody ends."""
    for gid, owner, seconds in prepared:
        if seconds > LONG_SECONDS:
            quoted = gid.replace("'", "''")
            message = f'transaction "{gid}" of role {owner} is prepared for {span(seconds)} and slows claims'
            yield warning("snapshots.prepared", message, f"Commit it, or, SQL: ROLLBACK PREPARED '{quoted}';")


def of_slots(slots: list[Slot]) -> Iterator[Finding]:
    """Report a replication slot that nobody reads, or whose reader is far behind."""
    for name, active, transactions, seconds in slots:
        if active and transactions > LONG_TRANSACTIONS:
            message = f'a standby holds back {transactions:,} transactions by slot "{name}" and slows claims'
            yield warning(
                "snapshots.slot", message, "On the standby: no long reports, or hot_standby_feedback = off"
            )
        elif not active and (seconds is None or seconds > LONG_SECONDS):
            since = "" if seconds is None else f" for {span(seconds)}"
            message = f'nobody reads replication slot "{name}"{since}; it holds back {transactions:,} transactions'
            remedy = f"Start its standby, or, SQL: SELECT pg_drop_replication_slot('{name}');"
            yield warning("snapshots.slot", message, remedy)


def hidden(sessions: int, user: str) -> Iterator[Finding]:
    """Report that other roles' sessions cannot be looked at."""
    if sessions:
        message = f"{sessions:,} sessions of other roles cannot be seen from here"
        yield hint("snapshots.hidden", message, f'SQL, as a superuser: GRANT pg_read_all_stats TO "{user}";')


def _oldest(sessions: list[Session]) -> str:
    return f"the oldest transaction is {span(sessions[0].seconds)} old" if sessions else "no transaction is open"
