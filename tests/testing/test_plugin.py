"""The plugin as pytest loads it, and the worker beside a test."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction

from jobqueue import job
from jobqueue.models import Job
from jobqueue.testing import WorkerThread
from tests.app.scripted import Boom, fail, story, tell

ROOT = Path(__file__).resolve().parents[2]
A_TEST = """
from tests.app.jobs import add

def test_it(jobs):
    add.enqueue(1, 2)
    jobs.assert_enqueued(add, args=[1, 2])
    assert jobs.work_off().performed == 1

def test_it_fails(jobs):
    jobs.assert_enqueued(add)
"""


def test_the_package_names_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    plugin = import_module(project["entry-points"]["pytest11"]["jobqueue"])
    assert plugin.jobs
    assert plugin.worker


def test_loading_it_needs_no_settings_and_loads_no_models() -> None:
    names = "'jobqueue.models' in sys.modules, 'jobqueue.testing' in sys.modules"
    code = f"import sys, jobqueue.pytest_plugin; print({names})"
    bare = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=bare, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "False"]


def test_a_project_uses_its_fixtures(tmp_path: Path) -> None:
    (tmp_path / "test_shop.py").write_text(A_TEST)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "pytest_django.plugin",
            "-p",
            "jobqueue.pytest_plugin",
            str(tmp_path),
        ],
        cwd=tmp_path,
        env=os.environ
        | {
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": "tests.settings",
        },
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr
    # The test's own line is what is shown, not ours.
    assert "test_shop.py:10: AssertionError" in done.stdout or "test_shop.py:10" in done.stdout
    assert "jobqueue/testing/asserting.py" not in done.stdout


@job
def tell_the_thread() -> None:
    """Say who performs."""
    story.append(threading.current_thread().name)


class TestTheWorker:
    def test_it_performs_what_is_committed(self, worker: WorkerThread) -> None:
        with transaction.atomic():
            tell_the_thread.enqueue()
            tell.enqueue("x")
        worker.wait()
        assert story == ["test worker", "x"]
        assert Job.objects.succeeded().count() == 2

    def test_it_keeps_what_jobs_raise(self, worker: WorkerThread) -> None:
        fail.enqueue()
        worker.wait()
        assert [type(each) for each in worker.errors] == [Boom]

    def test_waiting_in_vain_names_the_jobs(self, worker: WorkerThread) -> None:
        worker.stop()
        tell.enqueue("x")
        with pytest.raises(TimeoutError, match=r"After 0.1 s there still are jobs: #\d+ tests.app.scripted.tell"):
            worker.wait(0.1)

    @pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite has databases in memory")
    def test_a_database_in_memory_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("jobqueue.testing.thread.is_in_memory", lambda alias: True)
        with pytest.raises(ImproperlyConfigured, match=r'\["TEST"\] = \{"NAME"'):
            WorkerThread()
