"""``manage.py jobworker`` as a person or a script calls it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import call_command

from jobqueue import enqueue_many
from jobqueue import models as tables
from jobqueue.models import Job
from jobqueue.states import State
from tests.app import scripted
from tests.processes import jobs
from tests.processes.conftest import QUICK
from tests.processes.harness import MANAGE, Journal, Pool, environment, wait_until
from tests.processes.test_pool import all_succeeded

StartPool = Callable[..., Pool]
Call = Callable[..., subprocess.CompletedProcess[str]]

STARTING = re.compile(r"\*\*\* Starting job worker (\S+ )?host:\S+ pid:\d+")
PROCESSED = re.compile(r"\d+ jobs processed at \d+\.\d{4} j/s, \d+ failed \.\.\.")


def test_dj17_dj18_dj19_a_pool_in_the_foreground_until_ctrl_c(start_pool: StartPool, journal: Journal) -> None:
    pool = start_pool("--app-name", "mailer")
    wait_until(lambda: tables.Pool.objects.exists(), about=lambda: pool.text)
    enqueue_many(jobs.note.bind(key) for key in range(7))
    wait_until(lambda: "jobs processed" in pool.text, about=lambda: pool.text)
    pool.signal(signal.SIGINT)
    assert pool.wait() == 0
    lines = pool.text.splitlines()
    assert STARTING.fullmatch(lines[0])
    assert "mailer host:" in lines[0]
    [processed] = [line for line in lines if "jobs processed" in line]
    assert PROCESSED.fullmatch(processed)
    assert processed.startswith("7 jobs processed at ")
    assert processed.endswith(", 0 failed ...")
    assert len([line for line in lines if " start #" in line]) == 7
    assert len([line for line in lines if " done  #" in line]) == 7


def test_an_idle_pool_says_nothing(start_pool: StartPool) -> None:
    pool = start_pool()
    row = wait_until(lambda: tables.Pool.objects.first(), about=lambda: pool.text)
    wait_until(lambda: tables.Pool.objects.get().beats > row.beats + 3)
    assert len(pool.text.splitlines()) == 2, "who it is, and what it was started with"


class TestWorkOff:
    def test_it_empties_the_queue_and_leaves(self, call: Call, journal: Journal) -> None:
        enqueue_many(jobs.note.bind(key) for key in range(20))
        result = call("work_off", "-v", "0")
        assert (result.returncode, result.stderr) == (0, "")
        starting, processed = result.stdout.splitlines()
        assert STARTING.fullmatch(starting)
        assert PROCESSED.fullmatch(processed)
        assert journal.counts() == dict.fromkeys(range(20), 1)
        assert all_succeeded(20)
        assert not tables.Pool.objects.exists()

    def test_exit_on_complete_is_the_same(self, call: Call, journal: Journal) -> None:
        jobs.note.enqueue(1)
        assert call("--exit-on-complete").returncode == 0
        assert journal.counts() == {1: 1}

    @pytest.mark.parametrize(("words", "status"), [((), 0), (("--fail-on-error",), 5)])
    def test_a_failed_job_is_told_by_the_exit_status_if_asked(
        self, call: Call, words: tuple[str, ...], status: int
    ) -> None:
        jobs.fail.enqueue(1)
        result = call("work_off", *words)
        assert result.returncode == status
        assert 'error="ValueError: job 1 fails"' in result.stdout

    def test_a_long_pass_keeps_its_lease(self, call: Call, start_pool: StartPool, journal: Journal) -> None:
        jobs.nap.enqueue(1, 5)
        watching = start_pool("--queue", "other")
        result = call("work_off")
        assert result.returncode == 0, result.stdout + watching.text
        assert journal.counts() == {1: 1}
        assert Job.objects.get().attempts == 1

    def test_a_job_over_its_time_is_ended(self, call: Call, journal: Journal) -> None:
        jobs.sleep_for_ever.using(max_run_time=0.5).enqueue(1)
        assert call("work_off").returncode == 0
        assert "JobTimeout" in str(Job.objects.get().last_error)

    def test_asked_to_stop_it_ends_after_the_running_job(
        self, transactional_db: None, tmp_path: Path, journal: Journal
    ) -> None:
        first = jobs.nap.enqueue(1, 1)
        jobs.nap.enqueue(2, 60)
        process = subprocess.Popen(
            [sys.executable, str(MANAGE), "jobworker", "work_off"],
            env=environment(journal, QUICK),
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
        )
        wait_until(lambda: journal.of(1))
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert Job.objects.get(pk=first.pk).state == State.SUCCEEDED
        assert set(Job.objects.exclude(pk=first.pk).values_list("state", "attempts")) == {(State.READY, 0)}

    @pytest.mark.django_db(transaction=True)
    def test_it_can_be_called_from_python(self, capsys: pytest.CaptureFixture[str]) -> None:
        scripted.answer.enqueue(1)
        call_command("jobworker", "work_off", verbosity=0)
        assert Job.objects.get().state == State.SUCCEEDED
        assert "1 jobs processed" in capsys.readouterr().out


def test_a_config_file_gives_the_options(call: Call, tmp_path: Path, journal: Journal) -> None:
    (tmp_path / "worker.toml").write_text('queue = ["mail", "video"]\nverbosity = 0\n')
    for key, queue in enumerate(["mail", "video", "other"]):
        jobs.note.using(queue=queue).enqueue(key)
    result = call("work_off", "--config", "worker.toml")
    assert result.returncode == 0, result.stderr
    assert set(journal.counts()) == {0, 1}


def test_one_help_tells_all(call: Call) -> None:
    result = call("--help")
    assert result.returncode == 0
    for word in ("which jobs", "how many", "waiting", "running as a service", "output", "exit codes", "signals"):
        assert word in result.stdout


def test_the_version_is_ours(call: Call) -> None:
    import jobqueue

    assert call("--version").stdout.strip() == jobqueue.__version__


def test_machine_readable_logs(start_pool: StartPool, journal: Journal) -> None:
    import json

    pool = start_pool("--log-format", "json")
    row = jobs.note.enqueue(1)
    wait_until(lambda: "job.done" in pool.text, about=lambda: pool.text)
    entries = [json.loads(line) for line in pool.text.splitlines() if line.startswith("{")]
    [done] = [entry for entry in entries if entry["event"] == "job.done"]
    assert (done["job_id"], done["job"], done["level"]) == (row.pk, "tests.processes.jobs.note", "info")
    assert os.environ.get("TZ") is None or done["ts"].endswith("Z")
