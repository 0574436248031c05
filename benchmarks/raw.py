"""The floor: the same claim and finish, the same batches, the same durability, with the bare driver and no Django."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg
from django.db import connection

from benchmarks.jobs import stamp
from jobqueue.stores import get_store, postgresql, postgresqlwords, sqlite
from jobqueue.stores.control import CONTROL
from jobqueue.stores.pools import PoolRegistry
from jobqueue.stores.prepared import prepared

Work = Callable[[int], None]
Connection = psycopg.Connection[Any]
Rows = list[tuple[Any, ...]]


def drain(batch: int, work: Work) -> float:
    """Empty the table in one thread and return the jobs performed each second."""
    pool_id = PoolRegistry(get_store()).register(host="raw", pid=os.getpid())
    loop = _drain_postgresql if connection.vendor == "postgresql" else _drain_sqlite
    try:
        began = time.perf_counter()
        done = loop(pool_id, batch, work)
        return done / (time.perf_counter() - began)
    finally:
        PoolRegistry(get_store()).retire(pool_id)


def number_in(handler: str) -> int:
    """Return the job's argument."""
    number: int = json.loads(handler.partition("\n")[0])["args"][0]
    return number


def pick_up(count: int) -> None:
    """Be the barest worker of PostgreSQL: wait for NOTIFY, claim one job, perform it, write its end; so many times."""
    pool_id = PoolRegistry(get_store()).register(host="raw", pid=os.getpid())
    done = 0
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as raw:
        raw.execute(f"LISTEN {postgresql.CHANNEL}")
        while done < count:
            for _ in raw.notifies(timeout=1, stop_after=1):
                pass
            while rows := _claim(raw, pool_id, 1):
                stamp.function(number_in(rows[0][5]))
                _finish(raw, rows)
                done += 1
    PoolRegistry(get_store()).retire(pool_id)


def _drain_postgresql(pool_id: int, batch: int, work: Work) -> int:
    done = 0
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as raw:
        while rows := _claim(raw, pool_id, batch):
            for row in rows:
                work(number_in(row[5]))
            _finish(raw, rows)
            done += len(rows)
    return done


def _claim(raw: Connection, pool_id: int, limit: int) -> Rows:
    parameters = {"pool_id": pool_id, "locked_by": "raw", "limit": limit, "claim_id": uuid4()}
    return _control(raw, postgresql.claim_statement(False, False, False), parameters)


def _finish(raw: Connection, rows: Rows) -> None:
    size = len(rows)
    columns = [row[0] for row in rows], [rows[0][12]] * size, [None] * size, [0.0] * size, [0.0] * size
    _control(raw, postgresqlwords.FINISH_SUCCEEDED, columns)


def _control(raw: Connection, statement: str, parameters: Any) -> Rows:
    cursor = psycopg.ClientCursor(raw)
    cursor.execute((CONTROL + prepared(raw, statement)).encode(), parameters)
    while cursor.nextset():
        pass
    return cursor.fetchall()


def _drain_sqlite(pool_id: int, batch: int, work: Work) -> int:
    claim = sqlite.claim_statement(False, False, False)
    for name in ("claim_id", "pool_id", "locked_by", "limit", "now"):
        claim = claim.replace(f"%({name})s", f":{name}")
    finish = sqlite.FINISH_SUCCEEDED.replace("%s", "?")
    done = 0
    raw = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None, timeout=20)
    raw.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;")
    try:
        while True:
            claim_id, now = uuid4().hex, str(datetime.now(UTC))[:26]
            values = {"claim_id": claim_id, "pool_id": pool_id, "locked_by": "raw", "limit": batch, "now": now}
            rows = raw.execute(claim, values).fetchall()
            if not rows:
                return done
            for row in rows:
                work(number_in(row[5]))
            raw.execute("BEGIN IMMEDIATE")
            raw.executemany(finish, [(None, now, now, now, row[0], claim_id) for row in rows])
            raw.execute("COMMIT")
            done += len(rows)
    finally:
        raw.close()
