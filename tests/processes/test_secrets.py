"""Secrets of a project while its pools work: rotated under load, and shown in no list of processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings

from jobqueue import enqueue_many
from jobqueue.models import Job
from jobqueue.models import Pool as Row
from tests.keys import NEW, OLD, encrypting, id_of
from tests.processes import jobs
from tests.processes.conftest import QUICK
from tests.processes.harness import MANAGE, Journal, Pool, environment, wait_until
from tests.processes.test_pool import all_succeeded, states

StartPool = Callable[..., Pool]
Rotate = Callable[..., subprocess.Popen[str]]

JOBS = 400
PASSWORD = "S3cret-of-the-database"
#: For all at first, then with the new key in front.
BEFORE: dict[str, Any] = {"ENCRYPTION_KEYS": [OLD, NEW], "SIGNING_KEYS": ["s3cret-old", "s3cret-new"]}
AFTER: dict[str, Any] = {"ENCRYPTION_KEYS": [NEW, OLD], "SIGNING_KEYS": ["s3cret-new", "s3cret-old"]}
IN_THE_END: dict[str, Any] = {"ENCRYPTION_KEYS": [NEW], "SIGNING_KEYS": ["s3cret-new"]}


@pytest.fixture
def rotate(transactional_db: None, journal: Journal) -> Iterator[Rotate]:
    """Start ``manage.py jobs rotate-keys``."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: str, **given: Any) -> subprocess.Popen[str]:
        command = [sys.executable, str(MANAGE), "jobs", "rotate-keys", *words]
        started.append(
            subprocess.Popen(
                command, env=environment(journal, QUICK | given), stdout=-1, stderr=subprocess.STDOUT, text=True
            )
        )
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.communicate()


def under_old_keys(but: int = 0) -> bool:
    """Whether some job is not under the new key."""
    mark = f"enc1:{id_of(NEW)}:"
    return Job.objects.exclude(handler__startswith=mark).exclude(pk=but).exists()


def test_keys_are_changed_under_load_and_no_job_is_lost(
    start_pool: StartPool, rotate: Rotate, journal: Journal
) -> None:
    with encrypting(*BEFORE["ENCRYPTION_KEYS"], SIGNING_KEYS=BEFORE["SIGNING_KEYS"]):
        enqueue_many(jobs.nap.bind(key, 0.005) for key in range(JOBS))
    old = start_pool("-n", "2", "-v", "0", **BEFORE)
    wait_until(lambda: len(journal.counts()) > 20, about=lambda: old.text)
    pool = start_pool("-n", "2", "-v", "0", **AFTER)
    assert old.stop() == 0
    process = rotate("--batch", "20", "--wait", "30", **AFTER)
    said, _ = process.communicate(timeout=60)
    assert (process.returncode, under_old_keys()) == (0, False), said
    assert "All are under the first keys" in said
    last = start_pool("-n", "1", "-v", "0", **IN_THE_END)
    assert pool.stop() == 0
    wait_until(lambda: all_succeeded(JOBS), about=lambda: f"{states()} {last.text}")
    assert journal.counts() == dict.fromkeys(range(JOBS), 1)
    process = rotate(**IN_THE_END)
    assert process.communicate(timeout=60)[0].startswith(f"Renewed 0 of {JOBS} jobs")


def test_rotation_may_be_stopped_and_begun_again(start_pool: StartPool, rotate: Rotate, journal: Journal) -> None:
    with encrypting(OLD):
        running = jobs.nap.enqueue(1, 3.0)
        jobs.nap.using(run_at=timedelta(days=1)).enqueue(2, 0.0)
    pool = start_pool("-n", "1", ENCRYPTION_KEYS=[OLD])
    wait_until(lambda: journal.of(1), about=lambda: pool.text)
    process = rotate("--wait", "600", ENCRYPTION_KEYS=[NEW, OLD])
    wait_until(lambda: not under_old_keys(running.pk))
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert (process.returncode, said) == (1, "Stopped. What is done is done; type the same again for the rest.\n")
    wait_until(lambda: Job.objects.succeeded().exists(), about=lambda: f"{states()} {pool.text}")
    process = rotate(ENCRYPTION_KEYS=[NEW, OLD])
    assert process.wait(60) == 0
    assert not under_old_keys()


def command_lines(pool: Pool) -> Iterator[str]:
    """What a list of processes shows of a pool: command lines and the names of threads."""
    for pid in (pool.pid, *pool.children()):
        process = Path(f"/proc/{pid}")
        yield process.joinpath("cmdline").read_bytes().decode()
        yield from (path.read_text() for path in process.glob("task/*/comm"))


@pytest.fixture
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the pool's settings have a password for the database, which a trusting server does not ask for."""
    url = os.environ.get("DATABASE_URL")
    if url and not urlsplit(url).password:
        monkeypatch.setenv("DATABASE_URL", url.replace("@", f":{PASSWORD}@", 1))


@pytest.mark.usefixtures("_password")
def test_s18_no_list_of_processes_and_no_lock_shows_a_secret(start_pool: StartPool, journal: Journal) -> None:
    secrets = {PASSWORD, settings.SECRET_KEY, NEW, OLD, "s3cret-new", "s3cret-old", "argument-s3cret"}
    secrets |= {each["PASSWORD"] for each in settings.DATABASES.values() if each.get("PASSWORD")}
    pool = start_pool("-n", "2", "--threads", "2", "--app-name", "mailer", **AFTER)
    wait_until(lambda: Row.objects.exists(), about=lambda: pool.text)
    with encrypting(*AFTER["ENCRYPTION_KEYS"], SIGNING_KEYS=AFTER["SIGNING_KEYS"]):
        jobs.nap_with.enqueue(1, 3.0, password="argument-s3cret")
    wait_until(lambda: journal.of(1), about=lambda: pool.text)
    shown = [*command_lines(pool), *map(str, Job.objects.values_list("locked_by", "name", "queue"))]
    shown += map(str, Row.objects.values_list())
    assert len(shown) > 8
    assert any("jobworker" in each for each in shown)
    assert [(secret, each) for secret in secrets for each in shown if secret in each] == []
