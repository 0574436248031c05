"""``manage.py jobs``: what holds for every verb."""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import OperationalError

import jobqueue
from jobqueue.cli import verbs
from jobqueue.cli.voice import Voice

ROOT = Path(__file__).resolve().parents[2]


class Greet:
    """A verb for these tests."""

    HELP = "greet somebody"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("name", nargs="?", default="you")
        parser.add_argument("--loudly", action="store_true")

    def run(self, words: dict[str, Any], say: Voice) -> int:
        if words["name"] == "nobody":
            raise CommandError("There is nobody.", returncode=1)
        if words["name"] == "database":
            raise OperationalError("connection refused")
        say(say.coloured("SUCCESS", f"Hello {words['name']}{'!' if words['loudly'] else '.'}"))
        say.note(f"verbosity {words['verbosity']}")
        return 3 if words["name"] == "trouble" else 0


@pytest.fixture(autouse=True)
def greet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(verbs.VERBS, "greet", Greet())


def jobs(*words: str, **options: Any) -> tuple[str, str, int]:
    """What the command says on stdout and on stderr, and its exit status."""
    out, err = io.StringIO(), io.StringIO()
    status = 0
    try:
        call_command("jobs", *words, stdout=out, stderr=err, **options)
    except SystemExit as ended:
        status = int(str(ended.code))
    return out.getvalue(), err.getvalue(), status


def typed(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Type ``manage.py jobs …``."""
    command = [sys.executable, str(ROOT / "manage.py"), "jobs", *words]
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"} | variables
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False
    )


def test_data_goes_to_stdout_and_notes_to_stderr() -> None:
    assert jobs("greet", "world") == ("Hello world.\n", "verbosity 1\n", 0)


def test_the_verb_says_the_exit_status() -> None:
    assert jobs("greet", "trouble")[2] == 3


def test_what_cannot_be_done_is_one_message() -> None:
    with pytest.raises(CommandError, match=r"There is nobody\.") as raised:
        jobs("greet", "nobody")
    assert raised.value.returncode == 1


def test_a_database_that_is_away_is_one_message() -> None:
    with pytest.raises(CommandError, match="connection refused") as raised:
        jobs("greet", "database")
    assert raised.value.returncode == 1


def test_a_verb_has_options_of_its_own() -> None:
    assert jobs("greet", "--loudly")[0] == "Hello you!\n"
    assert jobs("greet", loudly=True)[0] == "Hello you!\n"


@pytest.mark.parametrize(
    ("words", "verbosity"),
    [
        (("greet",), 1),
        (("-v", "2", "greet"), 2),
        (("greet", "-v", "0"), 0),
        (("greet", "-v"), 2),
        (("greet", "-vv"), 3),
        (("-v", "0", "greet", "-v", "3"), 3),
    ],
)
def test_djangos_options_stand_before_the_verb_or_behind_it(words: tuple[str, ...], verbosity: int) -> None:
    assert jobs(*words)[1] == f"verbosity {verbosity}\n"


def test_an_unknown_verb_names_the_nearest() -> None:
    with pytest.raises(CommandError, match=r"^Error: 'great' is not a verb\. Did you mean greet\?$"):
        jobs("great")
    with pytest.raises(CommandError, match=r"^Error: 'zzz' is not a verb\. Verbs: status, .*greet\.$"):
        jobs("zzz")


def test_without_a_verb_the_help_is_shown() -> None:
    out, err, status = jobs()
    assert (out, status) == ("", 2)
    assert "greet somebody" in err
    assert "exit codes" in err


def test_colours_are_for_terminals_or_on_request() -> None:
    assert "\x1b[" not in jobs("greet")[0]
    assert "\x1b[" in jobs("greet", force_color=True)[0]
    assert "\x1b[" not in jobs("greet", no_color=True)[0]


def test_what_the_stream_cannot_write_is_escaped() -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    call_command("jobs", "greet", "Zoë", stdout=out, stderr=io.StringIO())
    out.seek(0)
    assert out.read() == "Hello Zo\\xeb.\n"


class TestTyped:
    """Without the verb of these tests: a process of its own."""

    def test_an_unknown_verb_exits_2(self) -> None:
        result = typed("docter")
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr.endswith("error: 'docter' is not a verb. Did you mean doctor?\n")

    def test_no_verb_exits_2_with_the_help(self) -> None:
        result = typed()
        assert (result.returncode, result.stdout) == (2, "")
        assert "VERB --help" in result.stderr

    def test_the_version_is_ours(self) -> None:
        assert typed("--version").stdout.strip() == jobqueue.__version__

    def test_each_verb_has_its_help(self) -> None:
        for name in ("doctor", "run-now"):
            assert verbs.VERBS[name].HELP in typed(name, "--help").stdout
