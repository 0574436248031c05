"""What the doctor says of a PostgreSQL server: who holds it up, and how it is set."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection
from psycopg import pq

from jobqueue import doctor
from jobqueue.conf import Settings
from jobqueue.doctor import Level, Site, examine, session, settings, snapshots, table
from jobqueue.doctor.snapshots import Prepared, Session, Slot
from jobqueue.doctor.table import Statistics
from tests.doctor.conftest import one, problems
from tests.processes.harness import wait_until
from tests.unit.test_checks import database

only_there = pytest.mark.skipif(connection.vendor != "postgresql", reason="asks PostgreSQL")


def run(sql: str) -> Any:
    """Run a statement on Django's connection; return the first value of its answer, if it has one."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0] if cursor.description else None


@contextmanager
def another(**given: Any) -> Iterator[psycopg.Connection[Any]]:
    """Another session on the same database."""
    parameters = {key: value for key, value in connection.get_connection_params().items() if key in PLAIN}
    with closing(psycopg.connect(**{**parameters, **given}, autocommit=True)) as own:
        yield own


PLAIN = {"dbname", "user", "password", "host", "port"}


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever holds the server up does so for too long."""
    monkeypatch.setattr(snapshots, "LONG_SECONDS", 0.0)


@only_there
class TestSnapshots:
    def test_nobody_holds_anything(self, site: Site) -> None:
        [finding] = snapshots.snapshots(site)
        assert (finding.id, finding.message) == ("snapshots", "no transaction is open")

    @pytest.mark.django_db(transaction=True)
    def test_an_old_snapshot_is_told_with_its_session(self, at_once: None) -> None:
        site = Site(Settings())
        with another(application_name="report\x1b[2J") as reader:
            reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            reader.execute("SELECT count(*) FROM jobqueue_job")
            [finding] = snapshots.snapshots(site)
            pid = reader.info.backend_pid
            assert (finding.id, finding.level) == ("snapshots.session", Level.WARNING)
            assert finding.message.startswith(f"pid {pid} (report")
            assert "role postgres, idle in transaction) is open for " in finding.message
            assert finding.remedy == f"SQL: SELECT pg_terminate_backend({pid});"
            run(finding.remedy.removeprefix("SQL: "))
            wait_until(lambda: problems(snapshots.snapshots(site)) == [])

    def test_so_is_one_that_has_written_and_not_committed(self, site: Site, at_once: None) -> None:
        with another() as writer:
            writer.execute("BEGIN")
            writer.execute("CREATE TEMPORARY TABLE something (n int)")
            assert problems(snapshots.snapshots(site)) == ["snapshots.session"]

    def test_a_young_one_is_well(self, site: Site) -> None:
        with another() as reader:
            reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            reader.execute("SELECT 1")
            [finding] = snapshots.snapshots(site)
        assert finding.level is Level.OK
        assert finding.message.startswith("the oldest transaction is ")

    def test_other_databases_hold_up_their_own(self, site: Site, at_once: None) -> None:
        with another(dbname="postgres") as reader:
            reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            reader.execute("SELECT 1")
            assert problems(snapshots.snapshots(site)) == []

    def test_a_prepared_transaction_is_told(self, site: Site, at_once: None) -> None:
        if run("SHOW max_prepared_transactions") == "0":
            pytest.skip("this server has max_prepared_transactions = 0")
        with another() as own:
            own.execute("BEGIN")
            own.execute("INSERT INTO jobqueue_pool SELECT * FROM jobqueue_pool")
            own.execute("PREPARE TRANSACTION 'it''s left'")
            try:
                finding = one(snapshots.snapshots(site), "snapshots.prepared")
                assert finding.message.startswith('transaction "it\'s left" of role postgres is prepared for ')
            finally:
                own.execute("ROLLBACK PREPARED 'it''s left'")
            assert finding.remedy == "Commit it, or, SQL: ROLLBACK PREPARED 'it''s left';"

    def test_a_slot_that_nobody_reads_is_told(self, site: Site, at_once: None) -> None:
        name = f"standby_{connection.settings_dict['NAME']}"
        with another() as own:
            own.execute("SELECT pg_create_physical_replication_slot(%s, true)", (name,))
            try:
                assert problems(snapshots.snapshots(site)) == [], "it holds log files, and no rows yet"
                report_as_standby(name, xmin=int(run("SELECT txid_snapshot_xmin(txid_current_snapshot())")))
                wait_until(lambda: problems(snapshots.snapshots(site)) == ["snapshots.slot"])
                [finding] = snapshots.snapshots(site)
            finally:
                own.execute("SELECT pg_drop_replication_slot(%s)", (name,))
        assert finding.message.startswith(f'nobody reads replication slot "{name}"')
        assert finding.remedy == f"Start its standby, or, SQL: SELECT pg_drop_replication_slot('{name}');"

    def test_sessions_of_other_roles_cannot_be_seen_without_the_right(self, site: Site) -> None:
        run("CREATE ROLE jobqueue_plain")
        run("SET LOCAL ROLE jobqueue_plain")
        with another() as reader:
            reader.execute("SELECT 1")
            finding = one(snapshots.snapshots(site), "snapshots.hidden")
        assert finding.level is Level.HINT
        assert finding.remedy == 'SQL, as a superuser: GRANT pg_read_all_stats TO "jobqueue_plain";'


def report_as_standby(slot: str, xmin: int) -> None:
    """Say to the server, as a standby with hot_standby_feedback does, which rows it must keep; then go."""
    with another(replication="true") as own:
        server = own.pgconn
        lsn = run("SELECT pg_current_wal_flush_lsn()")
        server.send_query(f"START_REPLICATION SLOT {slot} PHYSICAL {lsn}".encode())
        result = server.get_result()
        assert result is not None
        assert result.status == pq.ExecStatus.COPY_BOTH, result.error_message
        since_2000 = int((time.time() - 946_684_800) * 1_000_000)
        server.put_copy_data(struct.pack("!cqIIII", b"h", since_2000, xmin & 0xFFFFFFFF, xmin >> 32, 0, 0))
        server.flush()
        wait_until(lambda: run(f"SELECT xmin IS NOT NULL FROM pg_replication_slots WHERE slot_name = '{slot}'"))


class TestSnapshotsInWords:
    def test_five_minutes_are_the_limit(self) -> None:
        young, old = Session(1, "", "shop", "active", 299), Session(1, "", "shop", "active", 301)
        assert list(snapshots.of_sessions([young])) == []
        [finding] = snapshots.of_sessions([old])
        assert finding.message == "pid 1 (role shop, active) is open for 5 min and slows claims"
        assert list(snapshots.of_prepared([Prepared("x", "shop", 299)])) == []

    @pytest.mark.parametrize(
        ("slot", "told"),
        [
            (Slot("a", True, 10, None), False),
            (Slot("a", True, 2_000_000, None), True),
            (Slot("a", False, 10, None), True),
            (Slot("a", False, 10, 60.0), False),
            (Slot("a", False, 10, 600.0), True),
        ],
    )
    def test_a_slot_is_told_when_nobody_reads_it_or_somebody_slowly(self, slot: Slot, told: bool) -> None:
        assert bool(list(snapshots.of_slots([slot]))) is told


@pytest.fixture
def pooled(django_db_setup: None, django_db_blocker: Any, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """The database of this run behind what a client sees of a pooler: a process id that is not the server's."""
    entry, given = connection.settings_dict, connection.get_connection_params()
    server = Path(str(given.get("host"))) / f".s.PGSQL.{given.get('port', 5432)}"
    if not server.is_socket():
        pytest.skip("the server of this run is not reached by a socket file")
    with django_db_blocker.unblock(), closing(socket.socket(socket.AF_UNIX)) as door:
        door.bind(str(tmp_path / ".s.PGSQL.5432"))
        door.listen()
        threading.Thread(target=let_in, args=(door, server), daemon=True).start()
        options = {**entry["OPTIONS"], "host": str(tmp_path), "port": "5432"}
        yield {**entry, "OPTIONS": options, "TEST": {}}


def let_in(door: socket.socket, server: Path) -> None:
    """Pass all that come on to the server, until the door is closed."""
    with suppress(OSError):
        while True:
            client, _ = door.accept()
            behind = socket.socket(socket.AF_UNIX)
            behind.connect(str(server))
            for source, target in ((client, behind), (behind, client)):
                threading.Thread(target=pass_on, args=(source, target), daemon=True).start()


def pass_on(source: socket.socket, target: socket.socket) -> None:
    """Pass bytes on; in the message that tells the process id, another id."""
    key_data = b"K\x00\x00\x00\x0c"
    with suppress(OSError), source, target:
        while some := source.recv(65_536):
            head, found, tail = some.partition(key_data)
            target.sendall(head + found + (struct.pack("!I", 1) + tail[4:] if found else tail))


@only_there
class TestSession:
    def test_a_direct_connection_with_a_limit_is_well(self, site: Site) -> None:
        run("SET LOCAL idle_in_transaction_session_timeout = '5min'")
        [finding] = session.session(site)
        assert finding.message == "direct, read committed, ended when idle in a transaction"

    def test_the_hint_about_forgotten_transactions_can_be_typed(self, site: Site) -> None:
        finding = one(session.session(site), "session.idle")
        assert finding.level is Level.HINT
        run(finding.remedy.removeprefix("SQL: "))

    def test_another_isolation_is_told(self, site: Site) -> None:
        run("SET LOCAL default_transaction_isolation = 'serializable'")
        assert one(session.session(site), "session.isolation").message.startswith(
            "transactions are serializable: "
        )

    def test_a_server_that_takes_no_writes_is_told(self, site: Site) -> None:
        run("SET LOCAL default_transaction_read_only = on")
        assert one(session.session(site), "session.readonly").level is Level.ERROR

    def test_a_pooler_is_told(self, pooled: dict[str, Any]) -> None:
        with database(**pooled):
            site = Site(Settings(database="jobs"))
            finding = one(examine(site), "session.pooler")
            site.connection.close()
        assert finding.remedy.endswith("python manage.py jobworker --no-listen --sleep 1")

    @pytest.mark.parametrize("hours", [-1, 1])
    def test_clocks_that_differ_are_told(self, db: None, hours: int) -> None:
        site = Site(Settings(), clock=lambda: time.time() + 3600 * hours)
        [finding] = session.clock(site)
        way = "behind" if hours > 0 else "ahead of"
        assert (finding.id, finding.message) == ("clock.skew", f"the database is 60 min {way} this host")

    def test_clocks_of_one_host_agree(self, site: Site) -> None:
        [finding] = session.clock(site)
        assert finding.level is Level.OK

    def test_commits_that_may_be_lost_are_told(self, site: Site) -> None:
        [finding] = settings.durability(site)
        assert finding.message == "fsync, full_page_writes and synchronous_commit are on"
        run("SET LOCAL synchronous_commit = off")
        [finding] = settings.durability(site)
        assert (finding.id, finding.title) == ("jobqueue.W015", "durability")


@only_there
class TestTable:
    def test_a_table_that_autovacuum_leaves_out_is_told(self, site: Site) -> None:
        run("ALTER TABLE jobqueue_job SET (autovacuum_enabled = off)")
        [finding] = table.table(site)
        assert finding.id == "table.autovacuum"
        run(finding.remedy.removeprefix("SQL: "))
        [finding] = table.table(site)
        assert finding.level is Level.OK

    @pytest.mark.django_db(transaction=True)
    def test_dead_rows_are_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(table, "FEW_DEAD", 200)
        run(
            "INSERT INTO jobqueue_job (handler, name, queue, priority, attempts, crashes, state, run_at,"
            " created_at, updated_at) SELECT '', '', 'a', 0, 0, 0, 3, now(), now(), now()"
            " FROM generate_series(1, 150)"
        )
        for _ in range(3):
            run("UPDATE jobqueue_job SET attempts = attempts + 1")
        run("SELECT pg_stat_force_next_flush()")
        [finding] = table.table(Site(Settings()))
        assert finding.id == "table.bloat"
        run(finding.remedy.rpartition("SQL: ")[2])
        run("SELECT pg_stat_force_next_flush()")
        [finding] = table.table(Site(Settings()))
        assert finding.level is Level.OK
        assert finding.message.startswith("about 150 rows, 0 dead ones, vacuumed ")

    @pytest.mark.parametrize("share", [0.6, 0.95])
    def test_few_ids_are_told(self, site: Site, share: float) -> None:
        run("ALTER TABLE jobqueue_job ALTER COLUMN id TYPE integer")
        before = run("SELECT last_value FROM jobqueue_job_id_seq")
        try:
            run(f"SELECT setval('jobqueue_job_id_seq', {int(2**31 * share)})")
            [finding] = table.ids(site)
        finally:
            run(f"SELECT setval('jobqueue_job_id_seq', {before})")
        assert (finding.id, finding.level) == ("ids.few", Level.ERROR if share > 0.9 else Level.WARNING)
        assert f"{share:.0%} of all ids are given out; behind 2,147,483,647 no" in finding.message
        assert finding.remedy.endswith("ALTER COLUMN id TYPE bigint;")

    def test_of_a_bigint_there_are_enough(self, site: Site) -> None:
        [finding] = table.ids(site)
        assert finding.level is Level.OK


@pytest.mark.parametrize(
    ("known", "id"),
    [
        (Statistics(1000, 10, 60.0, True, True), "table"),
        (Statistics(1000, 19_000, 60.0, True, True), "table"),
        (Statistics(1000, 21_000, 60.0, True, True), "table.bloat"),
        (Statistics(30_000, 21_000, 60.0, True, True), "table"),
        (Statistics(0, 0, None, False, True), "table.autovacuum"),
    ],
)
def test_what_statistics_say(known: Statistics, id: str) -> None:
    [finding] = table.of_statistics(known)
    assert finding.id == id


@only_there
def test_a_role_that_may_read_little_is_told_and_not_failed(site: Site) -> None:
    run("CREATE ROLE jobqueue_plain")
    run("SET LOCAL ROLE jobqueue_plain")
    found = problems(examine(site))
    assert "migrations.unknown" in found or "migrations.missing" in found


@only_there
@pytest.mark.django_db(transaction=True)
def test_a_table_that_somebody_has_locked_does_not_hold_up_the_doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "SECONDS", 0.2)
    with another() as own:
        own.execute("BEGIN")
        own.execute("LOCK TABLE jobqueue_job IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        found = problems(examine(Site(Settings())))
        assert time.monotonic() - began < 10
    assert found == ["workers.none", "queues.unknown", "jobs.unknown"]
