"""Whose rights workers have: root's only where that was said, another user's from the first file on."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from jobqueue.pool import account
from tests.processes import jobs
from tests.processes.conftest import QUICK
from tests.processes.harness import MANAGE, Journal, environment, parent_of, processes, wait_until
from tests.processes.test_daemon import pid_in

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can be refused, and become another user"),
    pytest.mark.skipif(
        connection.vendor != "sqlite", reason="rights are of processes; the run on SQLite has tried"
    ),
]

USER = "nobody"


class Service:
    """A folder and a database of another user's, with two jobs to do."""

    def __init__(self, folder: Path, python: str) -> None:
        self.pid_file, self.log, self.output = (folder / f"jobworker.{end}" for end in ("pid", "log", "out"))
        self.journal = Journal(folder / "journal")
        self._folder, self._python = folder, python
        for key in range(2):
            jobs.note.enqueue(key)
        database = folder / "db.sqlite3"
        with (
            closing(sqlite3.connect(connection.settings_dict["NAME"])) as ours,
            closing(sqlite3.connect(database)) as theirs,
        ):
            ours.backup(theirs)
        for path in (folder, database):
            shutil.chown(path, USER)

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run ``manage.py jobworker`` to its end."""
        return subprocess.run(**self._command(words), capture_output=True, text=True, timeout=60, check=False)

    def begin(self, *words: str) -> subprocess.Popen[bytes]:
        """Run ``manage.py jobworker`` in the background."""
        with self.output.open("w") as output:
            return subprocess.Popen(**self._command(words), stdout=output, stderr=output)

    def _command(self, words: tuple[str, ...]) -> dict[str, Any]:
        paths = [str(MANAGE.parent), *(path for path in sys.path if path.endswith("site-packages"))]
        variables = environment(self.journal, QUICK) | {
            "PYTHONPATH": os.pathsep.join(paths),
            "JOBQUEUE_TEST_DATABASE_NAME": str(self._folder / "db.sqlite3"),
        }
        return {"args": [self._python, str(MANAGE), "jobworker", *words], "env": variables, "cwd": self._folder}


@pytest.fixture
def service(transactional_db: None) -> Iterator[Service]:
    with tempfile.TemporaryDirectory(dir="/tmp") as name:  # pytest's own folders are closed to others
        service = Service(Path(name), interpreter_for_others())
        try:
            yield service
        finally:
            service.call("stop")


def interpreter_for_others() -> str:
    """A Python of this version that others than root may run, with all that the suite imports."""
    entry = pwd.getpwnam(USER)
    version = "{}.{}".format(*sys.version_info)
    for python in (sys.executable, f"/usr/bin/python{version}", f"/usr/local/bin/python{version}"):
        paths = os.pathsep.join(path for path in sys.path if path)
        try:
            subprocess.run(
                [python, "-S", "-c", "import django, daemon, sqlite3; open(__import__('sys').argv[1])", MANAGE],
                user=entry.pw_uid,
                group=entry.pw_gid,
                extra_groups=[],
                env={"PYTHONPATH": paths},
                cwd="/",
                capture_output=True,
                check=True,
            )
        except (OSError, subprocess.CalledProcessError):
            continue
        return python
    pytest.skip(f"user {USER} may not run a Python {version} that is here, or not read this checkout")


def rights_of(pid: int) -> dict[str, set[str]]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    words = {line.split(":")[0]: set(line.split()[1:]) for line in lines}
    return {name: words[name] for name in ("Uid", "Gid", "Groups", "Umask")}


def rights_of_user(umask: str) -> dict[str, set[str]]:
    entry = pwd.getpwnam(USER)
    groups = {str(gid) for gid in os.getgrouplist(USER, entry.pw_gid)}
    return {"Uid": {str(entry.pw_uid)}, "Gid": {str(entry.pw_gid)}, "Groups": groups, "Umask": {umask}}


def family(pid: int) -> list[int]:
    return [pid, *(each for each in processes() if parent_of(each) == pid)]


def test_a_daemon_is_its_users_with_its_files_and_after_a_restart(service: Service) -> None:
    started = service.call("start", "--user", USER)
    assert (started.returncode, started.stderr) == (0, "")
    pid = pid_in(service.pid_file)
    wait_until(lambda: service.journal.counts() == {0: 1, 1: 1}, about=service.log.read_text)
    assert [rights_of(each) for each in family(pid)] == [rights_of_user("0027")] * 3
    for path in (service.pid_file, service.log):
        assert (path.owner(), path.stat().st_mode & 0o777) == (USER, 0o640)
    os.kill(pid, signal.SIGHUP)
    wait_until(lambda: service.log.read_text().count("*** Starting job worker") == 2, about=service.log.read_text)
    wait_until(lambda: len(family(pid)) == 3, about=service.log.read_text)
    assert [rights_of(each) for each in family(pid)] == [rights_of_user("0027")] * 3
    assert service.call("status").stdout == f"Running, pid {pid} ({service.pid_file}).\n"
    assert service.call("stop").stdout == f"Stopped, pid {pid}.\n"
    assert "running as root" not in service.log.read_text()


@pytest.mark.parametrize("action", ["run", "work_off"])
def test_in_the_foreground_too_it_is_another_users(service: Service, action: str) -> None:
    process = service.begin(action, "--user", USER, "--log", str(service.log))
    try:
        wait_until(lambda: service.journal.counts() == {0: 1, 1: 1}, about=service.output.read_text)
        if action == "run":
            umask = f"{current_umask():04o}"
            assert [rights_of(each) for each in family(process.pid)] == [rights_of_user(umask)] * 3
            process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
    assert {service.log.owner(), service.journal.path.owner()} == {USER}
    assert "running as root" not in service.output.read_text() + service.log.read_text()


def current_umask() -> int:
    umask = os.umask(0o022)
    os.umask(umask)
    return umask


@pytest.mark.parametrize("words", [("start",), ("restart",), ("-d",), ("start", "--group", "daemon")])
def test_no_daemon_is_roots_unless_that_is_said(service: Service, words: tuple[str, ...]) -> None:
    result = service.call(*words)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == f"CommandError: {account.NEEDS_USER}\n"
    assert not service.pid_file.exists()
    assert not service.log.exists()


def test_a_refused_restart_leaves_the_daemon_as_it_is(service: Service) -> None:
    service.call("start", "--user", USER)
    pid = pid_in(service.pid_file)
    assert service.call("restart").returncode == 1
    assert service.call("status").stdout == f"Running, pid {pid} ({service.pid_file}).\n"


@pytest.mark.parametrize(("words", "warnings"), [((), 1), (("--user", "root"), 0)])
def test_in_the_foreground_root_is_warned_once_and_goes_on(
    service: Service, words: tuple[str, ...], warnings: int
) -> None:
    result = service.call("work_off", *words)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.count(account.ROOT_WARNING) == warnings
    assert result.stdout.startswith("*** Starting job worker")
    assert service.journal.counts() == {0: 1, 1: 1}


def lay_a_link(service: Service) -> Path:
    service.log.symlink_to("/etc/passwd")
    return service.log


def lay_a_file(service: Service) -> Path:
    service.log.touch()
    shutil.chown(service.log, "daemon")
    service.log.chmod(0o666)
    return service.log


def open_the_folder(service: Service) -> Path:
    service.log.parent.chmod(0o777)
    return service.log


@pytest.mark.parametrize(
    ("lay", "reason"),
    [
        (lay_a_link, "it is a symbolic link; name the file itself"),
        (lay_a_file, "it belongs to daemon; remove it, or name another file"),
        (open_the_folder, "everybody may write in its folder; type: chmod o-w "),
    ],
)
def test_what_others_have_laid_ready_is_refused(
    service: Service, lay: Callable[[Service], Path], reason: str
) -> None:
    log = lay(service)
    for words in (("start",), ("run", "--log", str(log))):
        result = service.call(*words, "--user", USER)
        assert result.returncode == 1
        assert result.stderr.startswith(f"CommandError: Cannot open the log {log}: {reason}")
        assert len(result.stderr.splitlines()) == 1
        assert not service.pid_file.exists()
