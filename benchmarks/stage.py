"""What a benchmark runs on: a database with our tables, shared counters, pools by the real command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from demo_site.servers import carried_postgresql

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_SECONDS = 300.0


@contextmanager
def database(kind: str) -> Iterator[None]:
    """Provide an empty, migrated database and set Django up on it."""
    with tempfile.TemporaryDirectory(prefix="jobqueue-bench-") as directory:
        if kind == "sqlite":
            _set_up(f"sqlite:///{directory}/jobs.sqlite3")
            yield
        elif url := os.environ.get("DATABASE_URL"):
            _set_up(url)
            yield
        else:
            with carried_postgresql() as carried:
                _set_up(carried)
                yield
                _hang_up()


def _set_up(url: str) -> None:
    import django
    from django.core.management import call_command

    os.environ["DATABASE_URL"] = url
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    django.setup()
    call_command("migrate", verbosity=0)


def _hang_up() -> None:
    from django.db import connections

    connections.close_all()


class Counts:
    """One byte for each job, shared with all workers: how often it has run."""

    def __init__(self, jobs: int) -> None:
        self._file = tempfile.NamedTemporaryFile(prefix="jobqueue-counts-")  # noqa: SIM115 (for the run)
        self._file.write(bytes(jobs))
        self._file.flush()
        os.environ["BENCHMARK_COUNTS"] = self._file.name

    def total(self) -> int:
        """Return how many runs there were."""
        return sum(Path(self._file.name).read_bytes())

    def check(self) -> None:
        """Make sure that each job has run exactly once."""
        counts = Path(self._file.name).read_bytes()
        if any(count != 1 for count in counts):
            wrong = {count: counts.count(count) for count in set(counts)}
            raise AssertionError(f"not each job ran exactly once: {wrong} (runs: jobs)")


@contextmanager
def pool(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``jobworker`` with the words given, and stop it gracefully."""
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "manage.py"), "jobworker", "-v", "0", *words],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def wait_until(condition: Callable[[], bool], pause: float = 0.02) -> None:
    """Wait for a condition; raise if it never comes true."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the benchmark came to no end")
        time.sleep(pause)


def empty_table() -> None:
    """Begin with an empty table, as if it were new."""
    from django.db import connection

    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("TRUNCATE jobqueue_job")
        else:
            cursor.execute("DELETE FROM jobqueue_job")


def analyse() -> None:
    """Bring the statistics up to date."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE jobqueue_job")
