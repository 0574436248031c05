"""A small project that knows Django's task framework alone runs unchanged when its backend is switched to ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django import VERSION

from tests.processes.harness import AS_ROOT
from tests.test_architecture import ROOT

pytestmark = pytest.mark.timeout(300)

FRAMEWORK = "django.tasks" if VERSION >= (6, 0) else "django_tasks"
IMMEDIATE = {"BACKEND": f"{FRAMEWORK}.backends.immediate.ImmediateBackend", "QUEUES": []}
OURS = {"BACKEND": "jobqueue.backends.DatabaseBackend", "QUEUES": [], "OPTIONS": {"max_attempts": 1}}

SETTINGS = f"""\
import json
import os

import dj_database_url

SECRET_KEY = "a secret of fifty random characters, or nearly so many"
USE_TZ = True
DATABASES = {{"default": dj_database_url.parse(os.environ["PROJECT_DATABASE"])}}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {{
        "transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": "PRAGMA journal_mode=WAL",
    }}
TASKS = {{"default": json.loads(os.environ["PROJECT_TASKS"])}}
INSTALLED_APPS = {[] if VERSION >= (6, 0) else ["django_tasks"]}
if TASKS["default"]["BACKEND"].startswith("jobqueue."):
    INSTALLED_APPS += ["jobqueue"]
"""
MANAGE = """\
import os
import sys

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"

from django.core.management import execute_from_command_line

execute_from_command_line(sys.argv)
"""
TASKS = f"""\
import asyncio

from {FRAMEWORK} import TaskContext, task


@task
def add(a, b=0):
    return a + b


@task()
async def slowly(text):
    await asyncio.sleep(0.01)
    return text.upper()


@task(takes_context=True, priority=10)
def about(context: TaskContext, key):
    assert context.task_result.task.module_path == "tasks.about"
    return {{"attempt": context.attempt, "args": context.task_result.args, key: context.task_result.task.priority}}


@task
def nested():
    return add.enqueue(2, b=3).task.module_path


@task(queue_name="mail")
def fail(message):
    raise LookupError(message)


@task
def leave():
    raise SystemExit(3)


@task
def unstorable():
    return {{1, 2}}


@task
def pairs(given):
    return [[key, value] for key, value in given]
"""
GO = f"""\
import asyncio
import json
import subprocess
import sys
import time
from datetime import timedelta

import django

django.setup()

from django.db import transaction
from django.utils import timezone
from {FRAMEWORK} import default_task_backend

import tasks


def enqueue():
    yield tasks.add.enqueue(1)
    yield tasks.add.enqueue(1, b=2.5)
    yield asyncio.run(tasks.slowly.aenqueue("grüße"))
    yield tasks.about.enqueue("priority")
    yield tasks.about.using(priority=-7).enqueue(key="priority")
    yield tasks.nested.enqueue()
    yield tasks.fail.enqueue("nothing found")
    yield tasks.leave.enqueue()
    yield tasks.unstorable.enqueue()
    yield tasks.pairs.enqueue([("a", 1), ("b", (2, None))])
    soon = tasks.add
    if default_task_backend.supports_defer:
        soon = soon.using(run_after=timezone.now() + timedelta(seconds=0.3))
    yield soon.enqueue(20, b=1)
    with transaction.atomic():
        yield tasks.add.enqueue("a", b="b")


def finished(result):
    while not result.is_finished:
        time.sleep(0.05)
        result = default_task_backend.get_result(result.id)
    return result


def told(result):
    errors = [(each.exception_class.__mro__[-3].__name__, each.traceback.strip().splitlines()[-1][:40])
              for each in result.errors if result.task.name != "unstorable"]
    return {{
        "task": result.task.module_path, "priority": result.task.priority, "queue": result.task.queue_name,
        "status": str(result.status), "args": result.args, "kwargs": result.kwargs, "attempts": result.attempts,
        "workers": len(result.worker_ids), "errors": errors,
        "failed with a TypeError": [issubclass(each.exception_class, TypeError) for each in result.errors],
        "return_value": None if result.status == "FAILED" else result.return_value,
        "times": result.enqueued_at <= result.started_at <= result.last_attempted_at <= result.finished_at,
    }}


results = list(enqueue())
if sys.argv[1:]:
    time.sleep(0.3)
    subprocess.run([sys.executable, "manage.py", *sys.argv[1:]], check=True)
print(json.dumps([told(finished(result)) for result in results]))
"""


class Project:
    """The project in a folder of its own, with either backend."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder = folder
        self.database = database
        for name, text in {"settings": SETTINGS, "manage": MANAGE, "tasks": TASKS, "go": GO}.items():
            (folder / f"{name}.py").write_text(text)

    def run(self, backend: dict[str, Any], *words: str) -> str:
        return subprocess.run(
            [sys.executable, *words],
            env=self.environment(backend),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            text=True,
            timeout=120,
            check=True,
        ).stdout

    def go(self, backend: dict[str, Any], *between: str) -> list[dict[str, Any]]:
        last_line = self.run(backend, "go.py", *between).splitlines()[-1]
        told: list[dict[str, Any]] = json.loads(last_line)
        return told

    def environment(self, backend: dict[str, Any]) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("JOBQUEUE", "DATABASE_URL"))
        }
        return kept | {
            "DJANGO_SETTINGS_MODULE": "settings",
            "PYTHONPATH": os.pathsep.join([str(self.folder), str(ROOT)]),
            "PROJECT_DATABASE": self.database,
            "PROJECT_TASKS": json.dumps(backend),
        }


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    url = os.environ.get("DATABASE_URL")
    if not url:
        yield Project(tmp_path, f"sqlite:///{tmp_path / 'db.sqlite3'}")
        return
    name = f"tasks_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        before, _, query = url.partition("?")
        yield Project(tmp_path, f"{before.rpartition('/')[0]}/{name}{'?' + query if query else ''}")
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("how", ["a pool of two workers", "work_off"])
def test_it_does_the_same_with_our_backend(project: Project, how: str) -> None:
    expected = project.go(IMMEDIATE)
    assert {each["status"] for each in expected} == {"SUCCESSFUL", "FAILED"}
    project.run(OURS, "manage.py", "migrate", "-v", "0")
    if how == "work_off":
        assert project.go(OURS, "jobworker", "work_off", *AS_ROOT) == expected
        return
    words = [sys.executable, "manage.py", "jobworker", "-n", "2", *AS_ROOT]
    with (project.folder / "worker.log").open("w") as log:
        worker = subprocess.Popen(
            words,
            env=project.environment(OURS),
            cwd=project.folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            assert project.go(OURS) == expected, (project.folder / "worker.log").read_text()
        finally:
            worker.terminate()
            assert worker.wait(30) == 0, (project.folder / "worker.log").read_text()


def test_its_checks_are_silent(project: Project) -> None:
    assert "no issues" in project.run(OURS, "manage.py", "check")
