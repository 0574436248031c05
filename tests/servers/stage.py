"""A server, a proxy in front of it, pools, and all that their jobs have written."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Any

import dj_database_url
from django.core.management import call_command
from django.db import DatabaseError, InterfaceError, connection, connections

from demo_site.servers import PORT, Server, ServerError, carried_server
from jobqueue import enqueue_many
from jobqueue.declaring import JobFunction
from jobqueue.states import State
from tests.chaos import audit, jobs, journal
from tests.chaos.invariants import Evidence, Violation, check
from tests.chaos.journal import Run
from tests.chaos.plan import Kind
from tests.chaos.pools import Pool, send
from tests.chaos.proxy import Proxy
from tests.chaos.run import gather
from tests.chaos.scene import ROOT, Record
from tests.processes.harness import wait_until
from tests.servers.jobs import wait_for

LEASE = 3.0


class Stage:
    """What a test plays on.

    Attributes:
        server: its own; empty, migrated, with the tables and triggers of ``tests.chaos.audit``.
        proxy: the way to the server for those who start with ``through_proxy``.
        record: whom the test has killed or cut off, so that the rules know.
        lease: LEASE_SECONDS of the pools.
    """

    def __init__(self, server: Server, proxy: Proxy, directory: Path, lease: float = LEASE) -> None:
        self.server = server
        self.proxy = proxy
        self.directory = directory
        self.journal = directory / "jobs"
        self.journal.mkdir()
        self.lease = lease
        self.record = Record()
        self.pools: list[Pool] = []
        self._kinds: dict[int, Kind] = {}
        self._stored: dict[int, int] = {}

    # The server

    def stop_server(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """Stop it, as a crash does or in good order."""
        connection.close()
        self.server.stop(how)

    def start_server(self) -> None:
        """Start it again; processes of one that has crashed may still be about."""
        for _ in range(20):
            try:
                return self.server.start()
            except ServerError:
                time.sleep(0.5)
        return self.server.start()

    # Pools

    @property
    def proxied_url(self) -> str:
        """The server's address through the proxy."""
        return f"postgresql://postgres@127.0.0.1:{self.proxy.port}/postgres"

    def start_pool(
        self,
        *words: str,
        workers: int = 2,
        through_proxy: bool = False,
        environment: dict[str, str] | None = None,
        **settings: Any,
    ) -> Pool:
        """Start a pool and wait until it has entered itself in the table."""
        pool = self.launch_pool(
            *words, workers=workers, through_proxy=through_proxy, environment=environment, **settings
        )
        wait_until(lambda: self.ask("SELECT 1 FROM jobqueue_pool WHERE pid = %s", pool.pid), about=self.about)
        return pool

    def launch_pool(
        self,
        *words: str,
        workers: int = 2,
        through_proxy: bool = False,
        environment: dict[str, str] | None = None,
        **settings: Any,
    ) -> Pool:
        """Start a pool, whether the server is there or not."""
        quick = {"LEASE_SECONDS": self.lease, "HEARTBEAT_SECONDS": self.lease / 3, "POLL_SECONDS": 0.5}
        variables = {
            "CHAOS_JOURNAL": str(self.journal),
            "DATABASE_URL": self.proxied_url if through_proxy else self.server.url,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "JOBQUEUE_TEST_SETTINGS": json.dumps(quick | settings),
            "PYTHONPATH": str(ROOT),
            **(environment or {}),
        }
        log = self.directory / f"pool-{len(self.pools)}.log"
        pool = Pool(log, os.environ | variables, workers, ("-v", "1", *words))
        self.pools.append(pool)
        return pool

    def stop_pools(self) -> list[int]:
        """End all pools gracefully; return their exit statuses."""
        return [pool.stop() for pool in self.pools]

    def leave_nothing_behind(self) -> None:
        """End what still runs."""
        for pool in self.pools:
            if pool.is_running:
                family = pool.family()
                send(family, signal.SIGKILL)
                pool.process.wait()

    # Jobs

    def store(self, kind: Kind, *arguments: Any, count: int = 1, **options: Any) -> list[int]:
        """Store jobs of a kind, numbered on; return their ids."""
        return self._store(kind, getattr(jobs, kind), arguments, count, options)

    def store_waiting(self, path: Path, count: int = 1, **options: Any) -> list[int]:
        """Store jobs that go on until a file is made; return their ids."""
        return self._store(Kind.REST, wait_for, (str(path),), count, options)

    def _store(
        self, kind: Kind, job: JobFunction[..., Any], arguments: Sequence[Any], count: int, options: dict[str, Any]
    ) -> list[int]:
        first = len(self._kinds)
        numbers = range(first, first + count)
        ids = enqueue_many((job.bind(number, *arguments) for number in numbers), **options)
        self.note(kind, dict(zip(numbers, ids, strict=True)))
        return ids

    def note(self, kind: Kind, stored: dict[int, int]) -> None:
        """Note jobs that were stored by other means, by their numbers."""
        self._stored |= stored
        self._kinds |= dict.fromkeys(stored, kind)

    def states(self) -> dict[str, int]:
        """Return how many jobs are in which state; nothing while the server does not answer."""
        rows = self.ask("SELECT state, count(*) FROM jobqueue_job GROUP BY state")
        return {State(state).label: count for state, count in rows}

    def all_succeeded(self) -> bool:
        """Whether every job that was stored has ended well."""
        return self.states() == {"succeeded": len(self._stored)}

    def wait_until_all_succeeded(self, seconds: float = 30.0) -> None:
        """Wait for it."""
        wait_until(self.all_succeeded, seconds, about=self.about)

    def error_of(self, job: int) -> str:
        """Return the last error of a job, if it has one."""
        return "".join(
            error or "" for (error,) in self.ask("SELECT last_error FROM jobqueue_job WHERE id = %s", job)
        )

    def beats(self, pool: Pool) -> int:
        """Return how often a pool has beaten."""
        return sum(beats for (beats,) in self.ask("SELECT beats FROM jobqueue_pool WHERE pid = %s", pool.pid))

    # What was seen

    def ask(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Return what the server says; nothing while it says nothing."""
        try:
            with connection.cursor() as cursor:
                cursor.execute(query, parameters)
                return list(cursor.fetchall())
        except (DatabaseError, InterfaceError):
            connection.close()
            return []

    def unfinished(self) -> set[int]:
        """Return the jobs that have not come to an end."""
        return {job for (job,) in self.ask("SELECT id FROM jobqueue_job WHERE state < 3")}

    def started(self, ids: Sequence[int]) -> bool:
        """Whether each of these jobs has been started."""
        return {run.job for run in self.runs_of(ids)} == set(ids)

    def runs_of(self, ids: Sequence[int]) -> list[Run]:
        """Return each time that one of these jobs was performed."""
        return [run for run in self.runs() if run.job in ids]

    def runs(self) -> list[Run]:
        """Return each time that a job was performed."""
        return journal.runs(self.journal)

    def ran_once(self) -> bool:
        """Whether each job that was stored was started once."""
        return Counter(run.number for run in self.runs()) == dict.fromkeys(self._stored, 1)

    def declared_dead(self) -> list[int]:
        """Return the processes whose pools others have taken for dead."""
        return [each.pid for each in audit.pool_events() if each.event == "declared dead"]

    def evidence(self) -> Evidence:
        """Return all that the rules look at."""
        return gather(self.journal, self._kinds, self._stored, set(), self.record, self.lease)

    def violations(self) -> list[Violation]:
        """Return which of the rules of ``tests.chaos.invariants`` were broken."""
        return check(self.evidence())

    def about(self) -> str:
        """Return what helps to understand a failure."""
        logs = "\n".join(f"{pool.log.name}:\n{pool.log.read_text()[-1500:]}" for pool in self.pools)
        return f"{self.states()}\n{logs}"


@contextmanager
def template() -> Iterator[Path]:
    """Provide the data of a server that is migrated and stopped."""
    with tempfile.TemporaryDirectory(prefix="jobqueue-servers-") as name:
        Path(name).chmod(0o711)  # the account that runs the server must get through
        data = Path(name) / "data"
        with carried_server(data) as server, default_database(server.url):
            call_command("migrate", database="default", verbosity=0)
            audit.install()
        yield data


@contextmanager
def stage(source: Path, directory: Path, **settings: str) -> Iterator[Stage]:
    """Provide a server with a copy of a template's data, which Django's default connection leads to, and a proxy."""
    with ExitStack() as stack:
        data = stack.enter_context(copied(source))
        server = stack.enter_context(carried_server(data, **settings))
        stack.enter_context(default_database(server.url))
        proxy = Proxy(server.socket, Random(1))
        stack.enter_context(proxy.running())
        found = Stage(server, proxy, directory)
        stack.callback(found.leave_nothing_behind)
        yield found


@contextmanager
def copied(source: Path) -> Iterator[Path]:
    """Provide a copy of a stopped server's data, with its owner."""
    with tempfile.TemporaryDirectory(prefix="jobqueue-servers-", dir=source.parent) as name:
        Path(name).chmod(0o711)
        copy = Path(name) / "data"
        replace(copy, source)
        yield copy


def replace(data: Path, source: Path) -> None:
    """Put other data in the place of a stopped server's."""
    if data.exists():
        shutil.rmtree(data)
    subprocess.run(["cp", "-a", source, data], check=True)


@contextmanager
def default_database(url: str) -> Iterator[None]:
    """Have Django's default connection of this thread lead elsewhere."""
    usual, settings = connections["default"], connections.settings["default"]
    usual.close()
    connections.settings["default"] = {**settings, "OPTIONS": {}, **dj_database_url.parse(url)}
    del connections["default"]
    try:
        yield
    finally:
        connections["default"].close()
        connections.settings["default"] = settings
        connections["default"] = usual


@contextmanager
def base_backup(server: Server, *words: str) -> Iterator[Path]:
    """Provide a copy of a running server's data as they are now, or a little later."""
    with tempfile.TemporaryDirectory(prefix="jobqueue-servers-", dir=server.data.parent) as name:
        Path(name).chmod(0o711)
        copy = Path(name) / "data"
        copy.mkdir(0o700)
        shutil.chown(copy, server.data.owner(), server.data.group())
        where = f"host={server.socket.parent} port={PORT} user=postgres application_name=standby"
        subprocess.run(
            [server.binaries / "pg_basebackup", "-d", where, "-D", copy, "-c", "fast", "--no-sync", *words],
            check=True,
            cwd=copy,
            **server.account,
        )
        yield copy
