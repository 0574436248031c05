"""How PostgreSQL treats our connections: a pooler, the isolation of transactions, time limits, its clock."""

from __future__ import annotations

from collections.abc import Iterator

from jobqueue.doctor.finding import Finding, error, hint, ok, warning
from jobqueue.doctor.site import Site
from jobqueue.stores.poolers import is_direct
from jobqueue.wording import span

#: Clocks further apart make jobs early or late by as much.
SKEW_SECONDS = 5.0
READ_COMMITTED = "read committed"

SETTINGS = """
SELECT current_user, current_setting('default_transaction_isolation'), current_setting('transaction_isolation'),
       current_setting('idle_in_transaction_session_timeout') = '0',
       pg_is_in_recovery() OR current_setting('default_transaction_read_only')::bool
"""
CLOCK = "SELECT extract(epoch FROM clock_timestamp())::float8"


def session(site: Site) -> Iterator[Finding]:
    """Report what differs from a direct connection with PostgreSQL's defaults."""
    user, *isolations, never, refused = site.row(SETTINGS)
    direct = is_direct(site.connection.connection)
    found = [*writes(refused=refused), *isolation(isolations), *idle(user, never=never), *pooler(direct=direct)]
    yield from found
    if not found:
        yield ok("session", f"direct, {READ_COMMITTED}, ended when idle in a transaction")


def writes(*, refused: bool) -> Iterator[Finding]:
    """Report a server on which no job can be stored."""
    if refused:
        message = "it takes no writes: a standby, or default_transaction_read_only is on"
        yield error("session.readonly", message, "Name the primary server in DATABASES, or switch that off.")


def isolation(levels: list[str]) -> Iterator[Finding]:
    """Report levels of isolation, of single statements and of transactions, at which the server refuses some."""
    other = next((level for level in levels if level != READ_COMMITTED), None)
    if other is not None:
        message = (
            f"transactions are {other}: the server refuses some of your own and of atomic jobs; claims are not"
        )
        yield hint(
            "session.isolation", message, "Repeat those that are refused; atomic jobs are retried as any other."
        )


def idle(user: str, *, never: bool) -> Iterator[Finding]:
    """Report that forgotten transactions live for ever."""
    if never:
        message = "a forgotten transaction is never ended, and slows claims down while it lasts"
        remedy = f"""SQL: ALTER ROLE "{user}" SET idle_in_transaction_session_timeout = '5min';"""
        yield hint("session.idle", message, remedy)


def pooler(*, direct: bool) -> Iterator[Finding]:
    """Report that somebody stands in between."""
    if not direct:
        message = "a pooler stands in between: in transaction mode LISTEN hears nothing and plans are not kept"
        remedy = "Let workers look more often: python manage.py jobworker --no-listen --sleep 1"
        yield hint("session.pooler", message, remedy)


def clock(site: Site) -> Iterator[Finding]:
    """Report whether this host and the database agree on the time."""
    before = site.clock()
    (there,) = site.row(CLOCK)
    yield from clocks(there - (before + site.clock()) / 2)


def clocks(ahead: float) -> Iterator[Finding]:
    """Report about a database whose clock is so many seconds ahead of ours."""
    if abs(ahead) <= SKEW_SECONDS:
        yield ok("clock", f"this host and the database agree to {span(abs(ahead))}")
        return
    message = f"the database is {span(abs(ahead))} {'ahead of' if ahead > 0 else 'behind'} this host"
    yield warning("clock.skew", message, "Set both by NTP. On each of the two: timedatectl")
