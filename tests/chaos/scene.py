"""Where it happens: a database, a proxy in front of it, pools, callers; and a record of what is done to them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import django

from demo_site.servers import Server, ServerError, carried_server
from tests.chaos.jobs import VARIABLE
from tests.chaos.pools import Pool, send
from tests.chaos.proxy import Proxy

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Options:
    """What is asked for.

    Attributes:
        jobs: how many are stored beforehand.
        seed: of all chance.
        database: "postgresql" or "sqlite".
        workers: in all.
        seconds: for how long faults happen.
        pause: mean seconds between two faults.
        faults: names of the faults; empty: all that the database knows.
        lease: LEASE_SECONDS of the pools.
    """

    jobs: int
    seed: int
    database: str
    workers: int = 4
    seconds: float = 40.0
    pause: float = 1.0
    faults: tuple[str, ...] = ()
    lease: float = 3.0


@dataclass
class Record:
    """What was done to whom, and when; see ``Evidence``."""

    deeds: Counter[str] = field(default_factory=Counter)
    deaths: dict[int, float] = field(default_factory=dict)
    leaving: dict[int, float] = field(default_factory=dict)
    stops: dict[int, list[tuple[float, float]]] = field(default_factory=dict)

    def died(self, pids: list[int]) -> None:
        """Note that processes are about to be killed."""
        for pid in pids:
            self.deaths.setdefault(pid, time.time())

    def leave(self, pids: list[int]) -> None:
        """Note that processes are asked to leave."""
        for pid in pids:
            self.leaving.setdefault(pid, time.time())

    def stopped(self, pids: list[int], since: float) -> None:
        """Note that processes were stopped until now."""
        for pid in pids:
            self.stops.setdefault(pid, []).append((since, time.time()))


class Scene:
    """Everything that faults can be done to."""

    def __init__(self, options: Options, directory: Path, server: Server | None, url: str) -> None:
        self.options = options
        self.directory = directory
        self.server = server
        self.chance = Random(options.seed)
        self.record = Record()
        self.proxy = Proxy(server.socket, Random(options.seed + 1)) if server else None
        self.url = url
        self.server_lock = threading.Lock()
        self.pools: list[Pool] = []
        self._retired: list[Pool] = []
        self._background: list[threading.Thread] = []
        self._errors: list[BaseException] = []

    @property
    def environment(self) -> dict[str, str]:
        """What the processes under faults get: the database through the proxy."""
        url = self.url
        if self.proxy is not None:
            name = urlsplit(url).path
            url = f"postgresql://postgres@127.0.0.1:{self.proxy.port}{name}"
        return {**os.environ, "DATABASE_URL": url, "PYTHONPATH": str(ROOT)}

    def start_pool(self) -> None:
        """Add a pool of two workers, or as many as are asked for if fewer."""
        log = self.directory / f"pool-{len(list(self.directory.glob('pool-*.log')))}.log"
        self.pools.append(Pool(log, self.environment, min(2, self.options.workers)))

    def retire(self, pool: Pool) -> None:
        """Do nothing more to a pool that is about to go."""
        self.pools.remove(pool)
        self._retired.append(pool)

    def in_background(self, deed: Callable[[], None]) -> None:
        """Do something that takes its time, beside what goes on."""

        def run() -> None:
            try:
                deed()
            except BaseException as error:
                self._errors.append(error)

        thread = threading.Thread(target=run)
        self._background.append(thread)
        thread.start()

    def join(self) -> None:
        """Wait for all that was begun in the background; raise the first error of it."""
        for thread in self._background:
            thread.join()
        if self._errors:
            raise self._errors[0]

    def start_server(self) -> None:
        """Start the server again; children of one that was crashed may still be about."""
        assert self.server is not None
        for _ in range(20):
            try:
                return self.server.start()
            except ServerError:
                time.sleep(0.5)
        self.server.start()
        return None

    def end(self) -> None:
        """Leave no process behind."""
        for pool in [*self.pools, *self._retired]:
            if pool.is_running:
                send(pool.family(), signal.SIGKILL)
                pool.process.wait()


@contextmanager
def scene(options: Options, directory: Path) -> Iterator[Scene]:
    """Provide the database, empty and migrated, Django set up on it in this process, and the proxy."""
    jobs = directory / "jobs"
    jobs.mkdir()
    os.environ[VARIABLE] = str(jobs)
    os.environ["CHAOS_SETTINGS"] = json.dumps(settings(options))
    with ExitStack() as stack:
        server = None
        url = f"sqlite:///{directory}/jobs.sqlite3"
        if options.database == "postgresql":
            server = stack.enter_context(carried_server())
            url = server.url
        _set_up(url)
        found = Scene(options, directory, server, url)
        if found.proxy is not None:
            stack.enter_context(found.proxy.running())
        stack.callback(found.end)
        yield found


def settings(options: Options) -> dict[str, object]:
    """Return ``JOBQUEUE`` of the pools: as by default, but for a shorter lease and all that has ended kept."""
    return {
        "KEEP_SUCCEEDED": None,
        "LEASE_SECONDS": options.lease,
        "HEARTBEAT_SECONDS": options.lease / 3,
        "POLL_SECONDS": 0.5,
        "SHUTDOWN_SECONDS": 5,
    }


def _set_up(url: str) -> None:
    from django.core.management import call_command

    os.environ["DATABASE_URL"] = url
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.chaos.settings"
    django.setup()
    call_command("migrate", verbosity=0)


@contextmanager
def callers(found: Scene, first: int, count: int) -> Iterator[Path]:
    """Run a caller that stores jobs through the proxy, one by one, until the block ends; yield what it writes."""
    path = found.directory / "calls.log"
    words = [str(first), str(count), str(found.options.seed), str(path)]
    with (found.directory / "caller.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.caller", *words],
            env=found.environment,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        )
    try:
        yield path
    finally:
        assert process.stdin is not None
        process.stdin.close()
        if process.wait(60):
            raise RuntimeError(f"the caller has failed:\n{(found.directory / 'caller.log').read_text()[-2000:]}")
