"""Mistakes that show when a worker performs: what its log and the job's ``last_error`` say."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable

from jobqueue import models
from jobqueue.cli.command import EXIT_INTERRUPTED
from jobqueue.models import Job
from tests.newcomers.conftest import Newcomer
from tests.processes import jobs
from tests.processes.conftest import journal, start_pool  # noqa: F401 (fixtures)
from tests.processes.harness import AS_ROOT, Journal, Pool, wait_until

ENQUEUE = "from shop.jobs import *; from shop.models import *; {}.enqueue(Order.objects.create(pk=7))"
ERROR = "from jobqueue.models import Job; print(Job.objects.get().error)"
RENAMED = """\
from jobqueue import job


@job
def send_receipts(order): ...
"""
CHANGED = """\
from jobqueue import job


@job
def send_receipt(customer, total): ...
"""
LOCKED = """\
import sqlite3

from jobqueue import job
from shop.models import Order


@job(max_attempts=1)
def count(order):
    other = sqlite3.connect("db.sqlite3")
    other.execute("BEGIN IMMEDIATE")
    try:
        Order.objects.create()
    finally:
        other.close()
"""
ENDLESS = """\
from jobqueue import job


@job(max_run_time=0.05, max_attempts=1)
def never_ends(order):
    while True: ...
"""
LOCKED_SETTINGS = 'DATABASES["default"]["OPTIONS"] = {"transaction_mode": "IMMEDIATE", "timeout": 0.1}\n'
NOWHERE = """\
DATABASES["default"] = {"ENGINE": "django.db.backends.postgresql", "HOST": "127.0.0.1", "PORT": 1, "NAME": "shop"}
"""


def performed(project: Newcomer) -> tuple[str, str]:
    """Return what a worker prints, and the first line of the one job's error."""
    log = project.manage("jobworker", "work_off")
    return log, project.shell(ERROR).splitlines()[0]


def test_12_a_job_was_renamed(project: Newcomer) -> None:
    project.shell(ENQUEUE.format("send_receipt"))
    project.rewrite("shop/jobs.py", RENAMED)
    log, error = performed(project)
    assert error == (
        "This job needs shop.jobs.send_receipt, which no longer exists. Nearest: shop.jobs.send_receipts. "
        'Add aliases=["shop.jobs.send_receipt"] to it, deploy, then retry the job.'
    )
    assert " block #1 shop.jobs.send_receipt " in log


def test_13_the_arguments_fit_no_longer(project: Newcomer) -> None:
    project.shell(ENQUEUE.format("send_receipt"))
    project.rewrite("shop/jobs.py", CHANGED)
    log, error = performed(project)
    said = "TypeError: send_receipt() missing a required argument: 'total'. "
    assert error.startswith(f"{said}Job #1 was stored by ")
    assert said in log


def test_17_a_row_was_deleted_before_the_run(project: Newcomer) -> None:
    project.shell(ENQUEUE.format("send_receipt") + "; Order.objects.all().delete()")
    log, error = performed(project)
    assert (
        error
        == 'Order 7, which this job needs, no longer exists. Cancelled (on_missing="cancel"; with "fail" it fails).'
    )
    assert " cancelled #1 shop.jobs.send_receipt " in log


def test_18_sqlite_is_locked_in_a_job(project: Newcomer) -> None:
    project.set(LOCKED_SETTINGS)
    project.rewrite("shop/jobs.py", LOCKED)
    project.shell(ENQUEUE.format("count"))
    log, error = performed(project)
    said = "SQLite stayed locked for 0.1 s. It takes one writer at a time."
    assert error == (
        f"django.db.utils.OperationalError: database is locked. {said} "
        'In DATABASES["default"]["OPTIONS"] set "transaction_mode": "IMMEDIATE", "timeout": 20, '
        '"init_command": "PRAGMA journal_mode=WAL". For more than about 4 workers use PostgreSQL.'
    )
    assert said in log


def test_18_sqlite_is_locked_where_a_job_is_stored(project: Newcomer) -> None:
    project.set(LOCKED_SETTINGS)
    lock = "import sqlite3; other = sqlite3.connect('db.sqlite3'); other.execute('BEGIN IMMEDIATE'); "
    said = project.raised(lock + "send_receipt.enqueue(1)")
    assert said.startswith("SQLite stayed locked for 0.1 s. It takes one writer at a time. In DATABASES[")


def test_21_the_database_cannot_be_reached(project: Newcomer) -> None:
    project.set(NOWHERE)
    said = project.manage("jobworker", "--fail-fast", status=1)
    assert 'CommandError: Cannot reach database "default": ' in said
    assert "Traceback" not in said
    worker = subprocess.Popen(
        [sys.executable, "manage.py", "jobworker", *AS_ROOT],
        cwd=project.folder,
        env=project.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert worker.stdout is not None
    line = next(line for line in worker.stdout if "Next try in " in line)
    worker.send_signal(signal.SIGINT)
    _, said = worker.communicate(timeout=30)
    assert worker.returncode in {0, EXIT_INTERRUPTED}
    assert "Traceback" not in said
    assert 'wait  Cannot reach database "default": ' in line
    assert "127.0.0.1" in line
    assert "port 1 failed: Connection refused" in line
    assert line.endswith(" Ctrl+C stops.\n")


def test_25_a_worker_is_killed(start_pool: Callable[..., Pool], journal: Journal) -> None:  # noqa: F811
    stored = jobs.nap.using(max_attempts=2).enqueue(1, 60)
    pool = start_pool()
    [entry] = wait_until(lambda: journal.of(1), about=lambda: pool.text)
    os.kill(entry.pid, signal.SIGKILL)
    wait_until(lambda: Job.objects.get(pk=stored.pk).last_error, about=lambda: pool.text)
    error = str(Job.objects.get(pk=stored.pk).error)
    assert error.startswith("Crashed: host:")
    assert error.endswith(
        f" pid:{entry.pid} was killed by SIGKILL while performing this job. "
        "If it happens again, the job may use too much memory."
    )
    assert "If it happens again, the job may use too much memory." in pool.text
    assert models.Job.objects.get(pk=stored.pk).crashes == 1


def test_26_a_job_takes_too_long(project: Newcomer) -> None:
    project.rewrite("shop/jobs.py", ENDLESS)
    project.shell(ENQUEUE.format("never_ends"))
    log, error = performed(project)
    said = "JobTimeout: stopped after 50ms (max_run_time). Raise max_run_time on the job, or split the work."
    assert error == said
    assert said in log
