"""The server restarts, or another one takes its place: pools find their way to it."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import psycopg
import pytest
from django.db import DatabaseError, InterfaceError, connection

from demo_site.servers import Server, carried_server
from jobqueue import enqueue
from tests.chaos import jobs
from tests.chaos.plan import Kind
from tests.processes.harness import wait_until
from tests.servers.stage import Stage, base_backup, default_database

RESTARTS = 3
READ_ONLY = "read-only transaction"


def test_restarts_in_a_row_lose_no_job_and_repeat_none(stage: Stage) -> None:
    pools = [stage.start_pool() for _ in range(2)]
    stage.store(Kind.REST, 0.05, count=200)
    stage.store(Kind.REST, 2.0, count=4)
    for _ in range(RESTARTS):
        time.sleep(0.7)
        stage.stop_server(signal.SIGINT)
        stage.start_server()
    stage.store(Kind.BOOK, count=10)
    stage.wait_until_all_succeeded()
    assert stage.ran_once()
    assert stage.violations() == []
    assert stage.stop_pools() == [0] * len(pools)


@pytest.fixture
def standby(stage: Stage) -> Iterator[Server]:
    """A second server, which has all that the first one confirms."""
    with base_backup(stage.server, "-R") as data, carried_server(data) as server:
        with psycopg.connect(stage.server.url, autocommit=True) as primary:
            primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            primary.execute("SELECT pg_reload_conf()")
        wait_until(lambda: stage.ask("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"))
        yield server


def test_a_standby_that_takes_over_has_every_confirmed_job(stage: Stage, standby: Server) -> None:
    pools = [stage.start_pool(through_proxy=True) for _ in range(2)]
    stage.store(Kind.REST, 4.0, count=2)
    stage.store(Kind.REST, 0.05, count=60)
    with default_database(stage.proxied_url):
        for number in range(62, 102):
            stage.note(Kind.REST, {number: stored_surely(number)})
            if number == 70:
                stage.server.stop(signal.SIGQUIT)
                stage.proxy.target = standby.socket
                time.sleep(1.5)  # it answers, and takes no writes
                with psycopg.connect(standby.url, autocommit=True) as other:
                    other.execute("SELECT pg_promote()")
        stage.store(Kind.BOOK, count=10)
        stage.wait_until_all_succeeded()
        assert stage.ran_once()
        assert stage.violations() == []
    assert READ_ONLY in "".join(pool.log.read_text() for pool in pools)
    assert stage.stop_pools() == [0] * len(pools)


def stored_surely(number: int) -> int:
    """Store a job as a careful caller does."""
    while True:
        try:
            return int(enqueue(jobs.rest.bind(number, 0.05), key=f"call-{number}").pk)
        except (DatabaseError, InterfaceError):
            connection.close()
            time.sleep(0.1)


def test_nobody_stays_with_a_server_that_takes_no_writes(stage: Stage, standby: Server) -> None:
    """The name of the server leads to the standby for a moment: new connections must find back."""
    pool = stage.start_pool(through_proxy=True, workers=1)
    stage.store(Kind.REST, 0)
    stage.wait_until_all_succeeded()

    stage.proxy.target = standby.socket
    [job] = stage.store(Kind.BOOK)  # claimed on the primary, performed on a new connection
    wait_until(lambda: READ_ONLY in stage.error_of(job), about=stage.about)
    stage.proxy.target = stage.server.socket
    stage.wait_until_all_succeeded()

    stage.proxy.target = standby.socket
    stage.proxy.reset_all()
    wait_until(lambda: READ_ONLY in pool.log.read_text(), about=stage.about)
    stage.proxy.target = stage.server.socket
    stage.store(Kind.BOOK, count=20)
    stage.wait_until_all_succeeded()

    with psycopg.connect(standby.url) as other:
        [(clients,)] = other.execute("SELECT count(*) FROM pg_stat_activity WHERE client_addr IS NOT NULL")
    assert clients == 0
    assert stage.stop_pools() == [0]
