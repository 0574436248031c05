"""What the rows went through, written down by triggers: no code of ours has a hand in it."""

from __future__ import annotations

from typing import NamedTuple

from django.db import connection

TABLES = """
CREATE TABLE chaos_ledger (number bigint NOT NULL);
CREATE TABLE chaos_moves (
  seq {serial}, at double precision, job bigint, was integer, state integer, was_claim text, claim text,
  worker text, pool bigint, attempts integer, crashes integer);
CREATE TABLE chaos_pools (seq {serial}, at double precision, pool bigint, pid integer, event text);
"""

POSTGRESQL = """
CREATE FUNCTION chaos_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO chaos_moves (at, job, was, state, was_claim, claim, worker, pool, attempts, crashes)
  VALUES (extract(epoch FROM clock_timestamp()), coalesce(NEW.id, OLD.id), OLD.state, NEW.state,
          replace(OLD.claim_id::text, '-', ''), replace(NEW.claim_id::text, '-', ''),
          OLD.locked_by, OLD.pool_id, NEW.attempts - OLD.attempts, NEW.crashes - OLD.crashes);
  RETURN NULL;
END $$;
CREATE TRIGGER chaos_move AFTER INSERT OR UPDATE OR DELETE ON jobqueue_job
  FOR EACH ROW EXECUTE FUNCTION chaos_move();
CREATE FUNCTION chaos_pool() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO chaos_pools (at, pool, pid, event)
  VALUES (extract(epoch FROM clock_timestamp()), coalesce(NEW.id, OLD.id), coalesce(NEW.pid, OLD.pid),
          CASE WHEN OLD.id IS NULL THEN 'registered' WHEN NEW.id IS NULL THEN 'removed'
               WHEN OLD.alive AND NOT NEW.alive THEN 'declared dead' ELSE 'beat' END);
  RETURN NULL;
END $$;
CREATE TRIGGER chaos_pool AFTER INSERT OR UPDATE OF alive OR DELETE ON jobqueue_pool
  FOR EACH ROW EXECUTE FUNCTION chaos_pool();
"""

_NOW = "(julianday('now') - 2440587.5) * 86400.0"
_INTO_MOVES = "INSERT INTO chaos_moves (at, job, was, state, was_claim, claim, worker, pool, attempts, crashes)"
_INTO_POOLS = "INSERT INTO chaos_pools (at, pool, pid, event)"

SQLITE = f"""
CREATE TRIGGER chaos_stored AFTER INSERT ON jobqueue_job BEGIN
  {_INTO_MOVES} VALUES ({_NOW}, NEW.id, NULL, NEW.state, NULL, NEW.claim_id, NULL, NULL, NULL, NULL);
END;
CREATE TRIGGER chaos_moved AFTER UPDATE ON jobqueue_job BEGIN
  {_INTO_MOVES} VALUES ({_NOW}, NEW.id, OLD.state, NEW.state, OLD.claim_id, NEW.claim_id, OLD.locked_by, OLD.pool_id,
                        NEW.attempts - OLD.attempts, NEW.crashes - OLD.crashes);
END;
CREATE TRIGGER chaos_deleted AFTER DELETE ON jobqueue_job BEGIN
  {_INTO_MOVES} VALUES ({_NOW}, OLD.id, OLD.state, NULL, OLD.claim_id, NULL, OLD.locked_by, OLD.pool_id, NULL, NULL);
END;
CREATE TRIGGER chaos_registered AFTER INSERT ON jobqueue_pool BEGIN
  {_INTO_POOLS} VALUES ({_NOW}, NEW.id, NEW.pid, 'registered');
END;
CREATE TRIGGER chaos_died AFTER UPDATE OF alive ON jobqueue_pool WHEN OLD.alive AND NOT NEW.alive BEGIN
  {_INTO_POOLS} VALUES ({_NOW}, NEW.id, NEW.pid, 'declared dead');
END;
CREATE TRIGGER chaos_removed AFTER DELETE ON jobqueue_pool BEGIN
  {_INTO_POOLS} VALUES ({_NOW}, OLD.id, OLD.pid, 'removed');
END;
"""


class Move(NamedTuple):
    """One change of one row. ``attempts`` and ``crashes``: by how much they rose."""

    at: float
    job: int
    was: int | None
    state: int | None
    was_claim: str | None
    claim: str | None
    worker: str | None
    pool: int | None
    attempts: int | None
    crashes: int | None


class PoolEvent(NamedTuple):
    """A pool's row came, went, or was declared dead."""

    at: float
    pool: int
    pid: int
    event: str


def install() -> None:
    """Make the tables and triggers."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(TABLES.format(serial="bigserial PRIMARY KEY") + POSTGRESQL)
    else:
        connection.ensure_connection()
        script = TABLES.format(serial="integer PRIMARY KEY AUTOINCREMENT") + SQLITE
        connection.connection.executescript(script)


def moves() -> list[Move]:
    """Return what the rows went through, in order."""
    return [Move(*row) for row in _rows(f"SELECT {', '.join(Move._fields)} FROM chaos_moves ORDER BY seq")]


def pool_events() -> list[PoolEvent]:
    """Return what the pools' rows went through, in order."""
    rows = _rows(f"SELECT {', '.join(PoolEvent._fields)} FROM chaos_pools ORDER BY seq")
    return [PoolEvent(*row) for row in rows]


def booked() -> list[int]:
    """Return the numbers in the ledger."""
    return [number for (number,) in _rows("SELECT number FROM chaos_ledger")]


def _rows(query: str) -> list[tuple]:  # type: ignore[type-arg]
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())
