"""``manage.py jobs doctor`` as a person or a program calls it."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from jobqueue.cli.verbs import doctor as verb
from jobqueue.doctor import Finding, Level
from jobqueue.doctor.finding import error, hint, ok, warning
from jobqueue.release import release
from tests.doctor.conftest import USUAL, pool
from tests.processes.harness import MANAGE, Journal, environment
from tests.unit.test_jobs_command import jobs

FINDINGS = [
    ok("migrations", "applied up to 0001_initial"),
    hint("session.idle", "a hint", "Type this"),
    warning("table.bloat", "a warning " * 12, "python manage.py something --that-is-long " * 3),
    error("workers.none", "none alive", "Start one: python manage.py jobworker"),
]


@pytest.fixture
def findings(monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """What the doctor finds in these tests."""
    found: list[Finding] = list(FINDINGS)
    monkeypatch.setattr(verb, "examine", lambda site: found)
    return found


class TestForPeople:
    def test_one_finding_a_line_and_its_remedy_below(self, findings: list[Finding]) -> None:
        out, err, status = jobs("doctor")
        assert (err, status) == ("", 3)
        lines = out.splitlines()
        assert lines[0] == "✓ migrations  applied up to 0001_initial"
        assert lines[1:3] == ["· session     a hint", "              Type this"]
        assert lines[-3:] == [
            "✗ workers     none alive",
            "              Start one: python manage.py jobworker",
            "1 error, 1 warning, 1 hint.",
        ]

    def test_long_messages_are_wrapped_and_commands_are_not(self, findings: list[Finding]) -> None:
        _, _, _, *wrapped = jobs("doctor")[0].splitlines()
        assert wrapped[0].startswith("! table       a warning a warning")
        assert wrapped[1].startswith("              warning a warning")
        assert max(map(len, wrapped[:2])) <= 100
        assert "--that-is-long python manage.py something --that-is-long" in wrapped[2]

    def test_where_all_is_well_it_says_so(self, findings: list[Finding]) -> None:
        del findings[1:]
        assert jobs("doctor")[0].splitlines()[-1] == "All is well."
        assert jobs("doctor", "-v", "0") == ("", "", 0)
        findings.append(hint("session.idle", "a hint", "Type this"))
        assert jobs("doctor", "-v", "0") == ("", "", 0)

    def test_it_may_say_less_or_more(self, findings: list[Finding]) -> None:
        assert "migrations" not in jobs("doctor", "-v", "0")[0]
        assert jobs("doctor", "-v", "0")[0].endswith("\n1 error, 1 warning.\n")
        more = jobs("doctor", "-v", "2")[0]
        assert "none alive [workers.none]" in more
        assert "[migrations]" not in more

    def test_a_stream_without_these_signs_gets_others(self, findings: list[Finding]) -> None:
        out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        with pytest.raises(SystemExit):
            call_command("jobs", "doctor", stdout=out)
        out.seek(0)
        signs = [line[0] for line in out.read().splitlines() if line[0] != " "]
        assert signs == ["+", "-", "!", "x", "1"]

    def test_names_from_elsewhere_cannot_steer_the_terminal(self, findings: list[Finding]) -> None:
        findings[:] = [warning("snapshots.session", 'pid 1 ("\x1b[2J\n✓ all well")', "x")]
        assert jobs("doctor")[0].splitlines()[0] == '! snapshots  pid 1 ("\\x1b[2J\\n✓ all well")'


class TestForPrograms:
    def test_one_object_with_stable_keys(self, findings: list[Finding]) -> None:
        out, err, status = jobs("doctor", "--json")
        told = json.loads(out)
        assert (err, status, out.count("\n")) == ("", 3, 1)
        assert told.keys() == {"ok", "findings"}
        assert told["ok"] is False
        assert told["findings"][-1] == {
            "id": "workers.none",
            "level": "error",
            "title": "workers",
            "message": "none alive",
            "remedy": "Start one: python manage.py jobworker",
        }
        assert [each["level"] for each in told["findings"]] == ["ok", "hint", "warning", "error"]

    @pytest.mark.parametrize(
        ("worst", "words", "status"),
        [
            (Level.OK, (), 0),
            (Level.HINT, (), 0),
            (Level.WARNING, (), 0),
            (Level.ERROR, (), 3),
            (Level.WARNING, ("--fail-on", "warning"), 3),
            (Level.HINT, ("--fail-on", "warning"), 0),
            (Level.HINT, ("--fail-on", "hint"), 3),
            (Level.ERROR, ("--ignore", "workers.none"), 0),
            (Level.ERROR, ("--ignore", "workers.none", "--fail-on", "warning"), 3),
            (Level.ERROR, ("--ignore", "workers.none", "--ignore", "table.bloat", "--fail-on", "warning"), 0),
        ],
    )
    def test_the_exit_status_tells_from_which_level_on(
        self, findings: list[Finding], worst: Level, words: tuple[str, ...], status: int
    ) -> None:
        findings[:] = [each for each in findings if each.level <= worst]
        out, _, found = jobs("doctor", "--json", *words)
        assert found == status
        assert json.loads(out)["ok"] is (status == 0)

    def test_an_unknown_level_is_wrong_usage(self) -> None:
        with pytest.raises(Exception, match="invalid choice: 'everything'"):
            jobs("doctor", "--fail-on", "everything")


@pytest.fixture
def typed(transactional_db: None, journal: Journal) -> Any:
    """Type the command on the test's database."""

    def run(*words: str, shell: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(MANAGE), "jobs", "doctor", *words]
        if shell:
            command = ["sh", "-c", f'"$@" {shell}', "sh", *command]
        variables = environment(journal, {}) | variables
        return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60, check=False)

    return run


class TestTyped:
    def test_with_a_worker_all_is_well(self, typed: Any) -> None:
        pool(release=release())
        ignored = [word for id in USUAL for word in ("--ignore", id)]
        result = typed("--fail-on", "hint", *ignored)
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout.endswith("\nAll is well.\n")

    def test_without_one_it_is_not(self, typed: Any) -> None:
        result = typed()
        assert result.returncode == 3
        assert "✗ workers" in result.stdout

    def test_an_unmigrated_database_is_no_traceback(self, typed: Any) -> None:
        recorder = MigrationRecorder(connection)
        recorder.record_unapplied("jobqueue", "0001_initial")
        try:
            result = typed("--json")
        finally:
            recorder.record_applied("jobqueue", "0001_initial")
        assert (result.returncode, result.stderr) == (3, "")
        assert json.loads(result.stdout)["findings"][-1]["id"] == "migrations.missing"

    def test_a_database_that_is_away_is_no_traceback(self, typed: Any) -> None:
        result = typed(DATABASE_URL="postgresql://postgres@/postgres?host=/does/not/exist")
        assert (result.returncode, result.stderr) == (3, "")
        assert "✗ database" in result.stdout
        assert "Try it by hand: python manage.py dbshell\n" in result.stdout

    def test_settings_that_are_wrong_are_no_traceback(self, typed: Any) -> None:
        result = typed(JOBQUEUE_TEST_SETTINGS='{"DATABASE": "defualt", "MAX_ATTEMPT": 3}')
        assert (result.returncode, result.stderr) == (3, "")
        assert 'Did you mean "default"?' in result.stdout

    def test_a_locale_without_these_signs(self, typed: Any) -> None:
        result = typed(PYTHONIOENCODING="ascii")
        assert "\nx workers" in result.stdout

    @pytest.mark.parametrize("shell", [">&-", "| head -n 1", ">&- 2>&-"])
    def test_nobody_who_reads_is_no_traceback(self, typed: Any, shell: str) -> None:
        assert "Traceback" not in typed(shell=shell).stderr

    @pytest.mark.parametrize(
        ("words", "variables", "coloured"),
        [
            ([], {}, True),
            ([], {"NO_COLOR": "1"}, False),
            ([], {"DJANGO_COLORS": "nocolor"}, False),
            (["--no-color"], {}, False),
            (["--force-color"], {"NO_COLOR": "1"}, True),
        ],
    )
    def test_colours_on_a_terminal(
        self,
        typed: Any,
        journal: Journal,
        tmp_path: Path,
        words: list[str],
        variables: dict[str, str],
        coloured: bool,
    ) -> None:
        ours, theirs = pty.openpty()
        plain = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "DJANGO_COLORS"}}
        command = [sys.executable, str(MANAGE), "jobs", "doctor", *words]
        shown = {**plain, **environment(journal, {})} | variables
        with subprocess.Popen(command, env=shown, stdout=theirs, stderr=theirs, stdin=theirs) as process:
            os.close(theirs)
            printed = b""
            try:
                while some := os.read(ours, 65_536):
                    printed += some
            except OSError:  # the terminal is closed
                pass
            assert process.wait() == 3
        os.close(ours)
        assert (b"\x1b[" in printed) is coloured
