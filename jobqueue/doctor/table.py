"""The table of jobs: dead rows, and numbers that may run out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from jobqueue.doctor.finding import Finding, error, ok, warning
from jobqueue.doctor.site import Site
from jobqueue.wording import span

#: So many dead rows are no matter for any table.
FEW_DEAD = 20_000
#: Share of the ids above which one should act soon, and at once.
MUCH, NEARLY_ALL = 0.5, 0.9
LARGEST = 2**63 - 1
WIDEN = "With workers stopped, SQL: ALTER TABLE jobqueue_job ALTER COLUMN id TYPE bigint;"
RESTART = "When the table is empty, SQL: ALTER SEQUENCE jobqueue_job_id_seq RESTART;"
SQLITE_RESTART = "When the table is empty, SQL: DELETE FROM sqlite_sequence WHERE name = 'jobqueue_job';"

STATISTICS = """
SELECT n_live_tup, n_dead_tup,
       extract(epoch FROM clock_timestamp() - greatest(last_autovacuum, last_vacuum))::float8,
       current_setting('autovacuum')::bool,
       NOT coalesce('autovacuum_enabled=off' = ANY(reloptions) OR 'autovacuum_enabled=false' = ANY(reloptions), false)
FROM pg_stat_user_tables JOIN pg_class ON pg_class.oid = relid WHERE relid = 'jobqueue_job'::regclass
"""
IDS = """
SELECT coalesce(pg_sequence_last_value(seqrelid), 0),
       least(seqmax, CASE atttypid WHEN 'integer'::regtype THEN 2147483647 ELSE seqmax END)
FROM pg_sequence, pg_attribute
WHERE seqrelid = pg_get_serial_sequence('jobqueue_job', 'id')::regclass
  AND attrelid = 'jobqueue_job'::regclass AND attname = 'id'
"""
SQLITE_IDS = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'jobqueue_job'"


class Statistics(NamedTuple):
    """What PostgreSQL knows of the table; ``vacuumed`` is seconds ago, None: never."""

    live: int
    dead: int
    vacuumed: float | None
    server_vacuums: bool
    table_is_vacuumed: bool


def table(site: Site) -> Iterator[Finding]:
    """Report dead rows and who removes them."""
    yield from of_statistics(Statistics(*site.row(STATISTICS)))


def of_statistics(known: Statistics) -> Iterator[Finding]:
    """Report about a table of which so much is known."""
    when = "never vacuumed" if known.vacuumed is None else f"vacuumed {span(known.vacuumed)} ago"
    rows = f"about {known.live:,} rows, {known.dead:,} dead ones, {when}"
    if not known.server_vacuums:
        yield warning("table.autovacuum", f"autovacuum is off; {rows}", "In postgresql.conf: autovacuum = on")
    elif not known.table_is_vacuumed:
        remedy = "SQL: ALTER TABLE jobqueue_job RESET (autovacuum_enabled);"
        yield warning("table.autovacuum", f"autovacuum leaves it out; {rows}", remedy)
    elif known.dead > FEW_DEAD and known.dead > known.live:
        remedy = "Once no old transaction is left, SQL: VACUUM (ANALYZE) jobqueue_job;"
        yield warning("table.bloat", f"{rows}, which slow claims down", remedy)
    else:
        yield ok("table", rows)


def ids(site: Site) -> Iterator[Finding]:
    """Report how many ids are left in PostgreSQL."""
    last, largest = site.row(IDS)
    remedy = WIDEN if largest < LARGEST else RESTART
    yield from of_ids(last, largest, remedy)


def sqlite_ids(site: Site) -> Iterator[Finding]:
    """Report how many ids are left in SQLite."""
    (last,) = site.row(SQLITE_IDS)
    yield from of_ids(last, LARGEST, SQLITE_RESTART)


def of_ids(last: int, largest: int, remedy: str) -> Iterator[Finding]:
    """Report about a sequence that has come so far."""
    share = last / largest
    if share < MUCH:
        yield ok("ids", f"{last:,} given out, {share:.1%} of what the column holds")
    else:
        grade = error if share > NEARLY_ALL else warning
        message = f"{share:.0%} of all ids are given out; behind {largest:,} no job can be stored"
        yield grade("ids.few", message, remedy)
