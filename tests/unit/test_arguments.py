"""The command line of jobworker: what each word means, and one clear line for each mistake."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management.base import CommandParser

from jobqueue.cli.arguments import ACTIONS, read_config
from jobqueue.management.commands.jobworker import Command

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def parser() -> CommandParser:
    command = Command()
    command._called_from_command_line = True
    return command.create_parser("manage.py", "jobworker")


def parse(parser: CommandParser, line: str) -> dict[str, Any]:
    return vars(parser.parse_args(line.split()))


def test_nothing_said_is_one_worker_in_the_foreground_for_all_jobs(parser: CommandParser) -> None:
    words = parse(parser, "")
    assert (words["action"], words["processes"], words["threads"], words["queues"]) == ("run", 1, 1, [])
    assert (words["min_priority"], words["max_priority"], words["verbosity"]) == (None, None, 1)


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_is_taken(parser: CommandParser, action: str) -> None:
    assert parse(parser, action)["action"] == action


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("--queue mail", "queues", ["mail"]),
        ("--queue mail,default", "queues", ["mail", "default"]),
        ("--queues mail --queue a.b:c-d_e", "queues", ["mail", "a.b:c-d_e"]),
        ("--min-priority -5", "min_priority", -5),
        ("--max-priority 0", "max_priority", 0),
        ("-n 4", "processes", 4),
        ("--number-of-workers 4", "processes", 4),
        ("--number_of_workers 4", "processes", 4),
        ("--workers 4", "processes", 4),
        ("--threads 8", "threads", 8),
        ("--max-jobs 10", "max_jobs", 10),
        ("--max-memory 512", "max_memory", 512),
        ("--timeout 0", "timeout", 0.0),
        ("--limit 3", "limit", 3),
        ("--sleep 0.5", "sleep", 0.5),
        ("--no-listen", "no_listen", True),
        ("-d", "daemon", True),
        ("--pid run/jobs.pid", "pid", Path("run/jobs.pid")),
        ("-l jobs.log", "log", Path("jobs.log")),
        ("--user www", "user", "www"),
        ("--group www", "group", "www"),
        ("-e production", "environment", "production"),
        ("--exit-on-complete", "exit_on_complete", True),
        ("--fail-on-error", "fail_on_error", True),
        ("--syslog", "syslog", True),
        ("--log-format json", "log_format", "json"),
        ("--app-name mailer-1", "app_name", "mailer-1"),
        ("-v", "verbosity", 2),
        ("-vv", "verbosity", 3),
        ("-v 0", "verbosity", 0),
        ("-v3", "verbosity", 3),
        ("--verbosity 2", "verbosity", 2),
        ("--verbosity=0", "verbosity", 0),
        ("work_off -v", "verbosity", 2),
    ],
)
def test_an_option_sets_its_value(parser: CommandParser, line: str, name: str, value: Any) -> None:
    assert parse(parser, line)[name] == value


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("wrok_off", "'wrok_off' is not an action. Did you mean work_off?"),
        ("dance", "'dance' is not an action. Actions: run, start, stop, restart, status, work_off."),
        ("-n 0", "'0' is not a whole number from 1 to 1000"),
        ("-n -1", "'-1' is not a whole number from 1 to 1000"),
        ("-n abc", "'abc' is not a whole number from 1 to 1000"),
        ("-n 1000000", "'1000000' is not a whole number from 1 to 1000"),
        ("--threads 0", "'0' is not a whole number from 1 to 1000"),
        ("--max-jobs 0", "'0' is not a whole number"),
        ("--max-memory 1", "'1' is not a whole number from 16"),
        ("--min-priority 2147483648", "'2147483648' is not a whole number from -2147483647 to 2147483647"),
        ("--max-priority 1.5", "'1.5' is not a whole number"),
        ("--timeout -1", "'-1' is not a number from 0 to 86400"),
        ("--sleep nan", "'nan' is not a number from 0.05 to 3600"),
        ("--sleep inf", "'inf' is not a number from 0.05 to 3600"),
        ("--queue mail,,default", "'' is not a queue name (1 to 64 of A-Z a-z 0-9 _ . : -)"),
        ("--queue *", "'*' is not a queue name"),
        ("--queue ../etc", "'../etc' is not a queue name"),
        (f"--queue {'q' * 65}", "is not a queue name"),
        (f"--app-name {'n' * 65}", "is not a name (1 to 64"),
        ("--app-name ../../etc/passwd", "'../../etc/passwd' is not a name"),
        ("-v 4", "'4' is not a whole number from 0 to 3"),
        ("--verbosity loud", "'loud' is not a whole number from 0 to 3"),
        ("--log-format xml", "invalid choice: 'xml'"),
        ("--sleeep=3", "unrecognized arguments: --sleeep=3"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_value_and_exit_status_2(
    parser: CommandParser, capsys: pytest.CaptureFixture[str], line: str, message: str
) -> None:
    with pytest.raises(SystemExit) as left:
        parse(parser, line)
    assert left.value.code == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("manage.py jobworker: error: ")
    assert message in last


def test_an_empty_queue_is_no_queue(parser: CommandParser, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser.parse_args(["--queue", ""])
    assert "'' is not a queue name" in capsys.readouterr().err


def test_the_help_shows_every_action_exit_status_and_signal(parser: CommandParser) -> None:
    text = parser.format_help()
    for word in (*ACTIONS, "exit codes:", "signals:", "USR2", "HUP", "QUIT", "--number-of-workers"):
        assert word in text
    assert [f"  {status}  " in text for status in range(6)] == [True] * 6


class TestConfigFile:
    def read(self, parser: CommandParser, path: Path, content: str) -> list[str]:
        path.write_text(content)
        return read_config(path, parser)

    def test_every_entry_becomes_an_option(self, parser: CommandParser, tmp_path: Path) -> None:
        content = """
            queue = ["mail", "default"]
            number_of_workers = 4
            min-priority = -5
            sleep = 0.5
            no_listen = true
            syslog = false
            app_name = "mailer"
        """
        words = vars(parser.parse_args(self.read(parser, tmp_path / "jobs.toml", content)))
        assert words["queues"] == ["mail", "default"]
        assert (words["processes"], words["min_priority"], words["sleep"]) == (4, -5, 0.5)
        assert (words["no_listen"], words["syslog"], words["app_name"]) == (True, False, "mailer")

    def test_the_command_line_comes_after_it_and_wins(self, parser: CommandParser, tmp_path: Path) -> None:
        arguments = self.read(parser, tmp_path / "jobs.toml", "workers = 4\nsleep = 2")
        words = vars(parser.parse_args([*arguments, "-n", "2"]))
        assert (words["processes"], words["sleep"]) == (2, 2.0)

    @pytest.mark.parametrize("content", [b"workers = ", b"\xff\xfe", None])
    def test_a_file_that_cannot_be_read_is_named(
        self, parser: CommandParser, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None
    ) -> None:
        path = tmp_path / "jobs.toml"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(SystemExit) as left:
            read_config(path, parser)
        assert left.value.code == 2
        assert f"--config {path}: " in capsys.readouterr().err

    @pytest.mark.parametrize("content", ["wrokers = 4", "[worker]\nsleep = 3", "workers = 0"])
    def test_a_wrong_entry_is_refused_like_a_wrong_word(
        self, parser: CommandParser, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
    ) -> None:
        with pytest.raises(SystemExit) as left:
            parser.parse_args(self.read(parser, tmp_path / "jobs.toml", content))
        assert left.value.code == 2
        assert "manage.py jobworker: error: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [["-n", "0"], ["wrok_off"], ["--config", "/does/not/exist"], ["-e", "nowhere"], ["--min-priority", "x"]],
)
def test_a_shell_gets_status_2_and_no_traceback(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "jobworker", *words],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert words[-1] in done.stderr.splitlines()[-1]
