"""What a benchmark runs on: a database of its own, pools by the real command, other processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import django
import psycopg

from benchmarks.processes import family
from demo_site.servers import carried_postgresql

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_SECONDS = 300.0
#: Seconds between two looks; seldom enough that looking costs the workers nothing.
PAUSE = 0.02
#: The environment's name for the URL of the server on which the database was made.
SERVER = "BENCHMARK_SERVER"


# The database


@contextmanager
def database(kind: str) -> Iterator[None]:
    """Provide an empty, migrated database of postgresql or sqlite, set Django up on it, and remove it at the end."""
    with _sqlite() if kind == "sqlite" else _postgresql() as url:
        _set_up(url)
        try:
            yield
        finally:
            hang_up()


@contextmanager
def _sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="jobqueue-bench-") as directory:
        yield f"sqlite:///{directory}/jobs.sqlite3"


@contextmanager
def _postgresql() -> Iterator[str]:
    """Make a database on the server of DATABASE_URL, else on the carried one."""
    given = os.environ.get("DATABASE_URL", "")
    if given.startswith("postgres"):
        with _own_database(given) as url:
            yield url
    else:
        with carried_postgresql() as carried, _own_database(carried) as url:
            yield url


@contextmanager
def _own_database(server: str) -> Iterator[str]:
    name = f"jobqueue_benchmarks_{os.getpid()}"
    os.environ[SERVER] = server
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    try:
        yield urlsplit(server)._replace(path=f"/{name}").geturl()
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _set_up(url: str) -> None:
    from django.core.management import call_command

    os.environ["DATABASE_URL"] = url
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    django.setup()
    call_command("migrate", verbosity=0)


def hang_up() -> None:
    """Close the connections of this process."""
    from django.db import connections

    connections.close_all()


# Processes


class Pool:
    """A running ``jobworker`` and all its processes."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @property
    def pids(self) -> list[int]:
        """The supervisor, its maintenance and its workers."""
        return family(self._process.pid)

    def wait_until(self, condition: Callable[[], bool], pause: float = PAUSE) -> None:
        """Wait for something that the pool is to do.

        Raises:
            RuntimeError: if the pool has ended.
            TimeoutError: if it never comes true.
        """
        wait_until(lambda: condition() or self._has_ended(), pause)

    def _has_ended(self) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError(f"jobworker has ended with {self._process.returncode}")
        return False


def wait_until(condition: Callable[[], bool], pause: float = PAUSE) -> None:
    """Wait for a condition.

    Raises:
        TimeoutError: if it never comes true.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the benchmark came to no end")
        time.sleep(pause)


@contextmanager
def pool(*words: str, settings: str = "benchmarks.settings") -> Iterator[Pool]:
    """Run ``jobworker`` with the words given, and stop it gracefully.

    Raises:
        RuntimeError: if it did not end well.
    """
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "manage.py"), "jobworker", "-v", "0", *words],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": settings},
        stdout=subprocess.DEVNULL,
    )
    try:
        yield Pool(process)
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(60)
    if code:
        raise RuntimeError(f"jobworker has ended with {code}")


def another_process() -> ProcessPoolExecutor:
    """Return what calls functions in a process of its own, which starts from nothing and sets Django up."""
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=django.setup)
