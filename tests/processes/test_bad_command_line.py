"""Bad command lines: one clear message, an exit status that tells its kind, and nothing that starts by half.

What is wrong with the words alone is tried in this process; what needs files, signals and streams, in real ones.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest
from django.conf import settings
from django.core.management import load_command_class
from django.db import connection

from jobqueue import models as tables
from jobqueue.models import Job
from jobqueue.states import State
from tests.processes import jobs
from tests.processes.conftest import QUICK
from tests.processes.harness import AS_ROOT, MANAGE, Journal, Pool, environment, wait_until
from tests.processes.test_pool import all_succeeded, states

StartPool = Callable[..., Pool]
Call = Callable[..., subprocess.CompletedProcess[str]]
postgresql = connection.vendor == "postgresql"


class Told(NamedTuple):
    """How a command ended, and what it said."""

    status: int
    out: str
    err: str


Tell = Callable[..., Told]


@pytest.fixture
def tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tell:
    """Call ``jobworker`` in this process, as the command line does; only what ends at once can be called so."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Told:
        capsys.readouterr()
        command = load_command_class("jobqueue", "jobworker")
        with pytest.raises(SystemExit) as left:
            command.run_from_argv(["manage.py", "jobworker", *words, *(AS_ROOT if os.geteuid() == 0 else ())])
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        return Told(int(left.value.code or 0), said.out, said.err)

    return run


WORKERS = "argument -n/--number-of-workers/--number_of_workers/--workers: "
QUEUE = "is not a queue name (1 to 64 of A-Z a-z 0-9 _ . : -)"
#: The words, and what is said. All exit with status 2.
USAGE: list[tuple[str, str]] = [
    ("-n 0", f"{WORKERS}'0' is not a whole number from 1 to 1000"),
    ("--workers -1", f"{WORKERS}'-1' is not a whole number from 1 to 1000"),
    ("--number-of-workers abc", f"{WORKERS}'abc' is not a whole number from 1 to 1000"),
    ("--number_of_workers 1000000", f"{WORKERS}'1000000' is not a whole number from 1 to 1000"),
    ("-n 1.5", f"{WORKERS}'1.5' is not a whole number from 1 to 1000"),
    ("-n", f"{WORKERS}expected one argument"),
    ("--workers=", f"{WORKERS}'' is not a whole number from 1 to 1000"),
    ("--threads 0", "argument --threads: '0' is not a whole number from 1 to 1000"),
    ("--async 10001", "argument --async: '10001' is not a whole number from 1 to 10000"),
    ("--max-jobs 0", "argument --max-jobs: '0' is not a whole number from 1 to 1000000000"),
    ("--max-memory 15", "argument --max-memory: '15' is not a whole number from 16 to 10000000"),
    ("--timeout -1", "argument --timeout: '-1' is not a number from 0 to 86400"),
    ("--timeout nan", "argument --timeout: 'nan' is not a number from 0 to 86400"),
    ("--timeout inf", "argument --timeout: 'inf' is not a number from 0 to 86400"),
    ("--sleep 0", "argument --sleep: '0' is not a number from 0.05 to 3600"),
    ("--sleep soon", "argument --sleep: 'soon' is not a number from 0.05 to 3600"),
    ("work_off --limit 0", "argument --limit: '0' is not a whole number from 1 to 1000000000"),
    ("--limit 3", "--limit is for work_off: jobworker work_off --limit"),
    ("--fail-on-error", "--fail-on-error is for work_off: jobworker work_off --fail-on-error"),
    (
        "--min-priority high",
        "argument --min-priority: 'high' is not a whole number from -2147483647 to 2147483647",
    ),
    ("--max-priority 2147483648", "argument --max-priority: '2147483648' is not a whole number from -2147483647"),
    ("--min-priority 2 --max-priority 1", "--min-priority 2 is larger than --max-priority 1."),
    ("--queues=", f"argument --queue/--queues: '' {QUEUE}"),
    ("--queues a,,b", f"argument --queue/--queues: '' {QUEUE}"),
    ("--queue *", f"argument --queue/--queues: '*' {QUEUE}"),
    ("--queue ../x", f"argument --queue/--queues: '../x' {QUEUE}"),
    ("--queue größe", f"argument --queue/--queues: 'größe' {QUEUE}"),
    (f"--queue {'x' * 65}", f"argument --queue/--queues: '{'x' * 65}' {QUEUE}"),
    ("--app-name a/b", "argument --app-name: 'a/b' is not a name (1 to 64 of A-Z a-z 0-9 _ . : -)"),
    ("-v 4", "argument -v/--verbosity: '4' is not a whole number from 0 to 3"),
    ("-v loud", "argument -v/--verbosity: 'loud' is not a whole number from 0 to 3"),
    ("--log-format xml", "argument --log-format: invalid choice: 'xml' (choose from "),
    ("dance", "argument action: 'dance' is not an action. Actions: run, start, stop, restart, status, work_off."),
    ("strat", "argument action: 'strat' is not an action. Did you mean start?"),
    ("run stop", "unrecognized arguments: stop"),
    ("--thread=3", "unrecognized arguments: --thread=3"),
    ("--daemon work_off", "--daemon is for the actions run and start; work_off stays in the foreground."),
    ("--daemon --exit-on-complete", "--exit-on-complete is the action work_off; it cannot go with start."),
    ("start --exit-on-complete", "--exit-on-complete is the action work_off; it cannot go with start."),
    ("stop --exit-on-complete", "--exit-on-complete is the action work_off; it cannot go with stop."),
    (
        "-e nowhere",
        "-e nowhere: no settings module tests.settings.nowhere or tests.settings_nowhere or tests.nowhere.",
    ),
    ("--config nowhere.toml", "--config nowhere.toml: [Errno 2] No such file or directory: 'nowhere.toml'"),
    ("--config .", "--config .: [Errno 21] Is a directory: '.'"),
    ("--config broken.toml", "--config broken.toml: "),
    ("--config latin.toml", "--config latin.toml: 'utf-8' codec can't decode byte 0xe4"),
    ("--config misspelt.toml", '--config misspelt.toml: "theads" is not an option. Did you mean threads?'),
    ("--config strange.toml", '--config strange.toml: "whatever" is not an option.'),
    ("--config many.toml", f"{WORKERS}'many' is not a whole number from 1 to 1000"),
    ("--config nested.toml", "argument --threads: "),
]
CONFIGS = {
    "broken.toml": b"threads = = 3",
    "latin.toml": b'queue = "\xe4"',
    "misspelt.toml": b"theads = 3",
    "strange.toml": b"whatever = 3",
    "many.toml": b'workers = "many"',
    "nested.toml": b"[threads]\nmail = 3",
}


@pytest.mark.parametrize(("words", "message"), USAGE, ids=[words for words, _ in USAGE])
def test_wrong_usage_exits_2_with_one_clear_message(tell: Tell, tmp_path: Path, words: str, message: str) -> None:
    for name, content in CONFIGS.items():
        (tmp_path / name).write_bytes(content)
    told = tell(*words.split())
    assert told.status == 2
    assert told.out == ""
    assert message in told.err.splitlines()[-1]
    assert {path.name for path in tmp_path.iterdir()} == set(CONFIGS)


@pytest.mark.parametrize("words", ["-n 0", "--daemon work_off", "--config nowhere.toml"])
def test_so_does_the_real_command(call: Call, words: str) -> None:
    result = call(*words.split())
    assert (result.returncode, result.stdout) == (2, "")
    assert "Traceback" not in result.stderr
    assert not tables.Pool.objects.exists()


def test_a_daemons_config_file_serves_for_all_actions(tell: Tell, tmp_path: Path) -> None:
    (tmp_path / "worker.toml").write_text("daemon = true\n")
    for action in ("stop", "status"):
        assert tell(action, "--config", "worker.toml").status == 3


def test_a_queue_that_is_not_declared_is_warned_of(call: Call) -> None:
    variables = {"JOBQUEUE_TEST_SETTINGS": '{"QUEUES": ["default", "mail"]}'}
    result = call("work_off", "--queue", "mial", **variables)
    assert result.returncode == 0
    assert 'queue "mial" is not declared in JOBQUEUE["QUEUES"]: default, mail' in result.stdout


def test_the_same_queue_twice_is_once(call: Call, journal: Journal) -> None:
    jobs.note.using(queue="a").enqueue(1)
    assert call("work_off", "--queue", "a,b", "--queue", "a").returncode == 0
    assert journal.counts() == {1: 1}


# Files. All that fails exits with status 1 and its reason.


@pytest.mark.django_db(transaction=True)
class TestFiles:
    @pytest.mark.parametrize("action", ["run", "start"])
    @pytest.mark.parametrize(
        ("path", "reason"),
        [("nowhere/jobs.pid", "No such file or directory"), (".", "Is a directory"), ("link", "symbolic link")],
    )
    def test_a_pid_file_that_cannot_be(
        self, tell: Tell, tmp_path: Path, action: str, path: str, reason: str
    ) -> None:
        (tmp_path / "link").symlink_to(tmp_path / "precious")
        told = tell(action, "--pid", path)
        assert told.status == 1
        assert told.err.startswith("CommandError: Cannot ")
        assert f"the PID file {tmp_path / path}: " in told.err
        assert reason in told.err
        assert sorted(each.name for each in tmp_path.iterdir()) == ["link"]

    @pytest.mark.parametrize("action", ["run", "start", "work_off"])
    @pytest.mark.parametrize(
        ("path", "reason"), [("nowhere/jobs.log", "No such file or directory"), (".", "Is a directory")]
    )
    def test_a_log_that_cannot_be(self, tell: Tell, tmp_path: Path, action: str, path: str, reason: str) -> None:
        told = tell(action, "--log", path)
        assert told.status == 1
        assert told.err.startswith("CommandError: Cannot open the log ")
        assert told.err.endswith(f"{path}: {reason}\n") or told.err.endswith(f"{tmp_path}: {reason}\n")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.skipif(Path("/dev/log").exists(), reason="this system has a log")
    def test_a_systems_log_that_is_not_there(self, tell: Tell) -> None:
        assert tell("work_off", "--syslog")[::2] == (
            1,
            "CommandError: Cannot open the log of the system: No such file or directory\n",
        )

    @pytest.mark.parametrize("action", ["stop", "status"])
    @pytest.mark.parametrize("content", [None, "", "rubbish", "\x00\xff", "{ours}\n0\n", "999999999\n1\n"])
    def test_a_pid_file_that_nobody_holds_is_not_running(
        self, tell: Tell, tmp_path: Path, action: str, content: str | None
    ) -> None:
        if content is not None:
            (tmp_path / "jobs.pid").write_text(content.replace("{ours}", str(os.getpid())))
        told = tell(action, "--pid", "jobs.pid")
        assert told == (3, f"Not running ({tmp_path / 'jobs.pid'}).\n", "")

    @pytest.mark.parametrize("content", ["", "rubbish", "1\n0\n", "{ours}\n0\n"])
    @pytest.mark.parametrize("action", ["stop", "status", "start"])
    def test_a_pid_file_that_somebody_else_holds_is_let_alone(
        self, tell: Tell, holder: Path, action: str, content: str
    ) -> None:
        holder.write_text(content.replace("{ours}", str(os.getpid())))
        told = tell(action, "--pid", str(holder))
        assert told.status == 1
        assert told.err == (
            f"CommandError: {holder} names a process that did not write it; nothing was signalled.\n"
        )

    def test_a_pid_file_that_is_held_starts_no_second_pool(self, tell: Tell, holder: Path) -> None:
        pid = holder.read_text().split()[0]
        assert tell("start", "--pid", str(holder)).err == f"CommandError: Already running, pid {pid} ({holder}).\n"
        assert tell("run", "--pid", str(holder)).err == f"CommandError: Already running: {holder} is held.\n"
        assert not tables.Pool.objects.exists()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user reaches, and only its owner writes to."""
    folder = Path(tempfile.mkdtemp(prefix="jobqueue-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def holder(open_folder: Path) -> Iterator[Path]:
    """A PID file that another process holds."""
    path = open_folder / "jobs.pid"
    code = (
        "import sys; from pathlib import Path; from jobqueue.pool.pidfile import PidFile; "
        "PidFile(Path(sys.argv[1])).claim(); print(flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], cwd=MANAGE.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout
    assert process.stdout.readline()
    path.chmod(0o666)
    yield path
    process.communicate()


@pytest.fixture
def as_nobody(tell: Tell, open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tell]:
    """Call ``jobworker`` without the right to write to ``open_folder``."""
    tell("status")  # what is imported late is so now: nobody may not read it
    monkeypatch.chdir(open_folder)
    open_folder.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        nobody = pwd.getpwnam("nobody").pw_uid
        os.setresuid(nobody, nobody, 0)
    yield tell
    if root:
        os.setresuid(0, 0, 0)
    open_folder.chmod(0o755)


@pytest.fixture
def locked_up(holder: Path) -> Path:
    """A PID file that only root may read."""
    holder.chmod(0)
    return holder


class TestRights:
    @pytest.mark.parametrize("action", ["start", "restart"])
    def test_a_folder_that_cannot_be_written_to_is_said_at_once(
        self, as_nobody: Tell, open_folder: Path, action: str
    ) -> None:
        told = as_nobody(action)
        assert (told.status, told.err) == (
            1,
            f"CommandError: Cannot write the PID file {open_folder / 'jobworker.pid'}: Permission denied\n",
        )

    @pytest.mark.parametrize("action", ["stop", "status", "start", "restart"])
    def test_a_pid_file_that_cannot_be_read_is_said(self, locked_up: Path, as_nobody: Tell, action: str) -> None:
        told = as_nobody(action, "--pid", str(locked_up))
        assert (told.status, told.err) == (
            1,
            f"CommandError: Cannot read the PID file {locked_up}: Permission denied\n",
        )

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root has processes that another user may not signal")
    def test_another_users_pool_is_not_stopped(self, holder: Path, as_nobody: Tell) -> None:
        pid = holder.read_text().split()[0]
        told = as_nobody("stop", "--pid", str(holder))
        assert (told.status, told.err) == (
            1,
            f"CommandError: pid {pid} belongs to another user; nothing was signalled.\n",
        )


# The database.


class TestDatabase:
    @pytest.mark.parametrize("words", ["run", "run -n 4", "start", "work_off"])
    def test_without_migrations_it_says_what_to_type(self, call: Call, tmp_path: Path, words: str) -> None:
        empty = "postgres" if postgresql else str(tmp_path / "empty.sqlite3")
        result = call(*words.split(), JOBQUEUE_TEST_DATABASE_NAME=empty)
        assert result.returncode == 1
        assert result.stderr.splitlines()[-1] == (
            'CommandError: The table jobqueue_job is missing in database "default". '
            "Run: python manage.py migrate jobqueue"
        )
        assert "Traceback" not in result.stderr
        assert not list(tmp_path.glob("jobworker.*"))

    @pytest.mark.skipif(postgresql, reason="a server's memory is seen by all processes")
    @pytest.mark.parametrize("words", ["run", "run -n 4", "start"])
    def test_several_processes_share_no_memory(self, call: Call, tmp_path: Path, words: str) -> None:
        result = call(*words.split(), JOBQUEUE_TEST_DATABASE_NAME=":memory:")
        assert (result.returncode, result.stderr.splitlines()[-1]) == (
            1,
            'CommandError: Database "default" is SQLite in memory; no other process can see it. '
            "Use a file, or work_off.",
        )
        assert not list(tmp_path.glob("jobworker.*"))

    @pytest.mark.skipif(postgresql, reason="about SQLite's options")
    def test_sqlite_that_will_be_locked_often_is_warned_of(self, call: Call, tmp_path: Path) -> None:
        (tmp_path / "deferred.py").write_text(
            "from tests.settings import *\nDATABASES['default']['OPTIONS'] = {'timeout': 20}\n"
        )
        result = call("work_off", **under("deferred", tmp_path))
        assert result.returncode == 0
        assert result.stderr.count("jobqueue.W010") == 1
        assert "no IMMEDIATE, no WAL" in result.stderr


def under(module: str, folder: Path) -> dict[str, str]:
    """Variables that make a settings module of the test's folder the project's."""
    return {"DJANGO_SETTINGS_MODULE": module, "PYTHONPATH": f"{folder}{os.pathsep}{settings.BASE_DIR}"}


@pytest.mark.parametrize("action", ["run", "start", "work_off"])
def test_a_key_that_is_no_secret_is_refused(call: Call, tmp_path: Path, action: str) -> None:
    variables = {"JOBQUEUE_TEST_SETTINGS": '{"SIGNING_KEYS": ["django-insecure-1"]}'}
    result = call(action, **variables)
    assert result.returncode == 1
    assert result.stderr == (
        'CommandError: JOBQUEUE["SIGNING_KEYS"][0] is "django-insecure-…", so jobs can be forged. '
        'DEBUG is off, so set it to what this prints: python -c "import secrets; print(secrets.token_urlsafe(48))"\n'
    )
    assert not list(tmp_path.glob("jobworker.*"))


def test_who_skips_the_checks_skips_that_of_the_key(call: Call) -> None:
    variables = {"JOBQUEUE_TEST_SETTINGS": '{"SIGNING_KEYS": ["django-insecure-1"]}'}
    assert call("work_off", "--skip-checks", **variables).returncode == 0


def test_debug_is_warned_of_where_no_terminal_tells_it(start_pool: StartPool) -> None:
    pool = start_pool("-e", "debugging")
    wait_until(lambda: tables.Pool.objects.exists(), about=lambda: pool.text)
    assert pool.stop() == 0
    [warning] = [line for line in pool.text.splitlines() if " warn " in line]
    assert "DEBUG is on: workers record every SQL query and become slow and large." in warning


# Signals and streams.


def test_a_second_term_puts_the_running_job_back(transactional_db: None, tmp_path: Path, journal: Journal) -> None:
    jobs.sleep_for_ever.enqueue(1)
    process = subprocess.Popen(
        [sys.executable, str(MANAGE), "jobworker", "work_off", *AS_ROOT],
        env=environment(journal, QUICK),
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: journal.of(1))
    for _ in range(20):
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(1)
            break
    assert process.communicate(timeout=30)[1] == ""
    assert process.returncode == 4
    assert set(Job.objects.values_list("state", "attempts")) == {(State.READY, 0)}


@pytest.mark.parametrize("shell", [">&-", "<&- >&- 2>&-", "<&-", "2>&-", "| true"])
def test_streams_that_are_closed_do_no_harm(call: Call, journal: Journal, shell: str) -> None:
    for key in range(5):
        jobs.note.enqueue(key)
    result = call("work_off", shell=shell)
    assert (result.returncode, result.stderr) == (0, "")
    assert journal.counts() == dict.fromkeys(range(5), 1)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
@pytest.mark.parametrize("style", ["people", "logfmt", "json"])
def test_names_beyond_the_locales_letters_do_no_harm(
    call: Call, tmp_path: Path, journal: Journal, encoding: str, style: str
) -> None:
    jobs.größe.enqueue(1)
    variables = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": encoding}
    words = ("work_off", "--log-format", style, "--log", "jobs.log")
    result = call(*words[: 3 if encoding == "ascii" else 5], **variables)
    assert (result.returncode, result.stderr) == (0, "")
    assert journal.counts() == {1: 1}
    if encoding == "ascii":
        assert "tests.processes.jobs.gr\\xf6\\xdfe" in result.stdout
    else:
        assert "tests.processes.jobs.größe" in (tmp_path / "jobs.log").read_text("utf-8")


def test_a_pool_without_a_terminal_and_with_a_full_log_performs(start_pool: StartPool, journal: Journal) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    pool = start_pool("--log", "/dev/full")
    jobs.note.enqueue(1)
    wait_until(lambda: all_succeeded(1), about=lambda: f"{states()} {pool.text}")
    assert pool.stop() == 0
    assert "Traceback" not in pool.text
