"""The pool as a service: start, status, stop, restart, and everybody's mistakes with PID files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobqueue import models as tables
from jobqueue.pool.pidfile import AlreadyRunning, PidFile
from tests.processes import jobs
from tests.processes.conftest import QUICK
from tests.processes.harness import AS_ROOT, MANAGE, Journal, environment, is_running, wait_until
from tests.processes.test_pool import all_succeeded

Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def call(transactional_db: None, tmp_path: Path, journal: Journal) -> Iterator[Call]:
    """Run ``manage.py jobworker`` with the words given, in a directory of its own."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(MANAGE), "jobworker", *AS_ROOT, *words],
            env=environment(journal, QUICK),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    yield run
    run("stop")


def pid_in(path: Path) -> int:
    return int(path.read_text().split()[0])


def test_start_frees_the_shell_and_performs_jobs(call: Call, tmp_path: Path, journal: Journal) -> None:
    started = call("start")
    assert (started.returncode, started.stderr) == (0, "")
    pid = pid_in(tmp_path / "jobworker.pid")
    assert started.stdout == f"Started, pid {pid}. Log: {tmp_path / 'jobworker.log'}\n"
    assert os.getsid(pid) != os.getsid(0)
    assert Path(f"/proc/{pid}/cwd").resolve() == tmp_path.resolve()
    assert Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[4] == "0", "it has a terminal"
    jobs.note.enqueue(1)
    wait_until(lambda: all_succeeded(1))
    assert call("status").stdout == f"Running, pid {pid} ({tmp_path / 'jobworker.pid'}).\n"
    stopped = call("stop")
    assert (stopped.returncode, stopped.stdout) == (0, f"Stopped, pid {pid}.\n")
    assert not is_running(pid)
    assert not (tmp_path / "jobworker.pid").exists()
    assert "done  #" in (tmp_path / "jobworker.log").read_text()
    assert not tables.Pool.objects.exists()


def test_its_files_are_not_for_everybody(call: Call, tmp_path: Path) -> None:
    call("start")
    jobs.note.enqueue(1)
    wait_until(lambda: all_succeeded(1))
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("jobworker.pid", "jobworker.log")} == {0o640}
    umask = Path(f"/proc/{pid_in(tmp_path / 'jobworker.pid')}/status").read_text()
    assert "Umask:\t0027\n" in umask


def test_a_log_that_is_copied_and_emptied_is_gone_on_with(call: Call, tmp_path: Path) -> None:
    """As logrotate does with copytruncate."""
    call("start")
    log = tmp_path / "jobworker.log"
    wait_until(lambda: "*** Starting job worker" in log.read_text())
    os.truncate(log, 0)
    jobs.note.enqueue(1)
    wait_until(lambda: "done  #" in log.read_text(), about=log.read_text)
    assert "\0" not in log.read_text()


def test_a_second_start_is_refused(call: Call, tmp_path: Path) -> None:
    call("start")
    pid = pid_in(tmp_path / "jobworker.pid")
    again = call("start")
    assert again.returncode == 1
    assert f"Already running, pid {pid}" in again.stderr
    assert pid_in(tmp_path / "jobworker.pid") == pid


def test_restart_gives_a_fresh_process(call: Call, tmp_path: Path) -> None:
    call("start")
    first = pid_in(tmp_path / "jobworker.pid")
    assert call("restart").returncode == 0
    second = pid_in(tmp_path / "jobworker.pid")
    assert first != second
    assert not is_running(first)
    assert is_running(second)


def test_hup_keeps_the_number_and_the_pid_file(call: Call, tmp_path: Path) -> None:
    call("start")
    pid = pid_in(tmp_path / "jobworker.pid")
    log = tmp_path / "jobworker.log"
    hang_up(pid)
    wait_until(lambda: log.read_text().count("*** Starting job worker") == 2, about=log.read_text)
    wait_until(lambda: call("status").returncode == 0, about=log.read_text)
    assert pid_in(tmp_path / "jobworker.pid") == pid
    assert call("stop").returncode == 0
    assert not is_running(pid)


def hang_up(pid: int) -> None:
    """Have it restart, as soon as it can obey."""
    wait_until(lambda: tables.Pool.objects.filter(pid=pid, alive=True).exists())
    os.kill(pid, signal.SIGHUP)


def test_while_it_restarts_it_is_running_and_no_other_can_start(call: Call, tmp_path: Path) -> None:
    call("start")
    path, log = tmp_path / "jobworker.pid", tmp_path / "jobworker.log"
    pid, holders = pid_in(path), set()

    def has_started_again() -> bool:
        holders.add(PidFile(path).holder())
        with pytest.raises(AlreadyRunning):
            PidFile(path).claim()
        return log.read_text().count("*** Starting job worker") == 2

    hang_up(pid)
    wait_until(has_started_again, about=log.read_text)
    assert holders == {pid}
    hang_up(pid)
    assert call("start").stderr == f"CommandError: Already running, pid {pid} ({path}).\n"
    assert call("status").stdout == f"Running, pid {pid} ({path}).\n"


def test_a_daemon_by_its_config_file_stays_the_same_over_a_restart(call: Call, tmp_path: Path) -> None:
    (tmp_path / "worker.toml").write_text('daemon = true\napp-name = "start"\n')
    words = "--config", "worker.toml"
    assert call(*words).returncode == 0
    pid, log = pid_in(tmp_path / "start.pid"), tmp_path / "start.log"
    hang_up(pid)
    wait_until(lambda: log.read_text().count("*** Starting job worker start host:") == 2, about=log.read_text)
    assert pid_in(tmp_path / "start.pid") == pid
    assert call("stop", "--app-name", "start").stdout == f"Stopped, pid {pid}.\n"


@pytest.mark.parametrize("action", ["stop", "status"])
def test_without_a_pid_file_it_is_not_running(call: Call, action: str) -> None:
    result = call(action)
    assert result.returncode == 3
    assert result.stdout.startswith("Not running (")


def test_a_killed_daemons_pid_file_does_not_hinder_the_next(call: Call, tmp_path: Path) -> None:
    call("start")
    pid = pid_in(tmp_path / "jobworker.pid")
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_running(pid))
    assert (tmp_path / "jobworker.pid").exists()
    assert call("status").returncode == 3
    assert call("stop").returncode == 3
    assert call("start").returncode == 0


def test_a_stranger_is_never_signalled(call: Call, tmp_path: Path) -> None:
    call("start")
    path = tmp_path / "jobworker.pid"
    written = path.read_text()
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        path.write_text(f"{stranger.pid}\n{written.split()[1]}\n")
        result = call("stop")
        assert result.returncode == 1
        assert "nothing was signalled" in result.stderr
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()
        path.write_text(written)


def test_a_stale_file_with_a_living_strangers_number_is_not_running(call: Call, tmp_path: Path) -> None:
    (tmp_path / "jobworker.pid").write_text(f"{os.getpid()}\n0\n")
    assert call("stop").returncode == 3
    assert call("start").returncode == 0


def test_it_writes_through_no_symbolic_link(call: Call, tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("keep me")
    (tmp_path / "jobworker.log").symlink_to(target)
    result = call("start")
    assert result.returncode == 1
    assert "Cannot open the log" in result.stderr
    (tmp_path / "jobworker.log").unlink()
    (tmp_path / "jobworker.pid").symlink_to(target)
    result = call("run", "--pid", "jobworker.pid")
    assert result.returncode == 1
    assert "PID file" in result.stderr
    assert target.read_text() == "keep me"
    (tmp_path / "jobworker.pid").unlink()


def test_a_directory_that_is_missing_is_said(call: Call) -> None:
    result = call("start", "--pid", "nowhere/jobs.pid", "--log", "nowhere/jobs.log")
    assert result.returncode == 1
    assert "Cannot write the PID file" in result.stderr
    assert "No such file or directory" in result.stderr


def test_an_unknown_user_is_said_and_nothing_is_left(call: Call, tmp_path: Path) -> None:
    result = call("start", "--user", "no-such-user")
    assert result.returncode == 1
    assert result.stderr == "CommandError: There is no such user or group: no-such-user\n"
    assert not list(tmp_path.glob("jobworker.*"))


def test_a_named_settings_module_is_used(call: Call, tmp_path: Path) -> None:
    """``-e NAME`` looks beside the present settings: tests.settings_production."""
    module = Path(MANAGE).parent / "tests" / "settings_elsewhere.py"
    module.write_text("from tests.settings import *\nJOBQUEUE = {'RELEASE': 'elsewhere'}\n")
    try:
        assert call("start", "-e", "elsewhere").returncode == 0
        wait_until(lambda: tables.Pool.objects.filter(release="elsewhere", alive=True).exists())
        assert call("stop").returncode == 0
    finally:
        module.unlink()


def test_an_unknown_settings_name_is_refused(call: Call) -> None:
    result = call("start", "-e", "nowhere")
    assert result.returncode == 2
    assert "-e nowhere: no settings module" in result.stderr
