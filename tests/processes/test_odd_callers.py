"""Jobs stored from where programs seldom do it: signal handlers, exit handlers, threads at the end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from jobqueue.models import Job
from tests.processes.harness import Journal, environment

Run = Callable[[str], str]

START = """
import asyncio, atexit, signal, threading
import django
django.setup()
from django.db import connection, transaction
from jobqueue import aenqueue, retry
from tests.processes import jobs

def store(*args):
    try:
        print("stored", jobs.note.enqueue(1).name)
    except Exception as error:
        print(type(error).__name__, error)

"""
SLOW = {
    "postgresql": "SELECT pg_sleep(0.5)",
    "sqlite": "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 3000000) SELECT max(x) FROM n",
}


@pytest.fixture
def run(transactional_db: None, tmp_path: Path) -> Run:
    """Run a script in a process of its own, and return what it says."""

    def script(text: str) -> str:
        result = subprocess.run(
            [sys.executable, "-c", START + text],
            env=environment(Journal(tmp_path / "journal"), {}),
            cwd=settings.BASE_DIR,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert (result.returncode, result.stderr) == (0, "")
        return result.stdout

    return script


@pytest.mark.parametrize(
    "script",
    {
        "a handler between two queries": "signal.signal(signal.SIGUSR1, store); signal.raise_signal(signal.SIGUSR1)",
        "a handler in a transaction": (
            "signal.signal(signal.SIGUSR1, store)\nwith transaction.atomic(): signal.raise_signal(signal.SIGUSR1)"
        ),
        "the end of the program": "atexit.register(store)",
        "the end, after a query": "atexit.register(store); connection.ensure_connection()",
        "a thread that outlives the main one": "threading.Thread(target=store).start()",
    }.items(),
    ids=lambda item: item[0],
)
def test_a_job_may_be_stored_in(run: Run, script: tuple[str, str]) -> None:
    assert run(script[1]) == "stored tests.processes.jobs.note\n"
    assert Job.objects.count() == 1


def test_in_the_midst_of_a_query_no_handler_waits_for_ever(run: Run) -> None:
    said = run(f"""
signal.signal(signal.SIGALRM, store)
signal.setitimer(signal.ITIMER_REAL, 0.1)
with connection.cursor() as cursor:
    cursor.execute({SLOW[connection.vendor]!r})
    cursor.fetchall()
print("the query has ended")
store()
""")
    told = {
        "postgresql": (
            'RuntimeError The connection to "default" is in the midst of a query: a signal handler can store no job. '
            "Set a flag in it, and store the job afterwards."
        ),
        "sqlite": "stored tests.processes.jobs.note",
    }
    assert said.splitlines() == [
        told[connection.vendor],
        "the query has ended",
        "stored tests.processes.jobs.note",
    ]


def test_an_event_loop_stores_by_the_twins(run: Run) -> None:
    said = run("""
async def main():
    store()
    print((await aenqueue(jobs.note.bind(2))).name)

asyncio.run(main())
""")
    assert said.splitlines() == [
        "SynchronousOnlyOperation An event loop is running here. Use: await aenqueue(…)",
        "tests.processes.jobs.note",
    ]
