"""What a worker says: one line per event, in three forms, whatever stands in names and errors."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from jobqueue import logs
from jobqueue.outcomes import (
    Blocked,
    Cancelled,
    Corrupt,
    Crashed,
    Failed,
    Lost,
    Outcome,
    Released,
    Snoozed,
    Succeeded,
    TimedOut,
)
from jobqueue.performing.errors import complain
from jobqueue.performing.executor import Ended
from jobqueue.performing.results import encode_result
from jobqueue.policy.backoff import backoff
from jobqueue.policy.retry import Limits, decide
from jobqueue.rows import ClaimedJob

LONG_AGO = datetime(2026, 11, 22, 9, tzinfo=UTC)
JOB = ClaimedJob(
    id=4812,
    queue="mail",
    name="shop.jobs.send_receipt",
    priority=0,
    attempts=2,
    handler='{"args": ["arguments are never logged"]}',
    run_at=LONG_AGO,
    created_at=LONG_AGO,
    crashes=0,
    max_attempts=None,
    max_run_time=None,
    blocked_at=None,
    claim_id=UUID(int=7),
)
TRACEBACK = 'ValueError: no\n\nTraceback (most recent call last):\n  File "shop/jobs.py", line 1\nValueError: no\n'
BELOW_THE_HEADLINE = TRACEBACK.partition("\n\n")[2].strip("\n")
#: As it stands below a line: nothing in it begins one.
INDENTED = BELOW_THE_HEADLINE.replace("\n", "\n    ")
#: As a worker writes it.
FORGED = "2026-11-22T09:00:00+00:00 done  #1 shop.jobs.pay  took=1ms"
#: A new line, a return, a terminal's title and colour (ESC and the one-byte CSI), a direction, a half character.
HARMFUL = "a\nb\rc\x1b]0;title\x07\x1b[31m\x9b31m\u2028\u202e\x00\x7f\ud800"


class Said(io.StringIO):
    """What was logged since the last look."""

    def lines(self) -> list[str]:
        text = self.getvalue()
        self.seek(0)
        self.truncate()
        return text.split("\n")[:-1]


@pytest.fixture
def loggers() -> Iterator[logging.Logger]:
    """The loggers as in a process of their own, without the handlers of the test runner."""
    root = logging.getLogger("jobqueue")
    before = root.handlers[:], root.level, root.propagate
    root.propagate = False
    yield root
    root.handlers[:], root.propagate = before[0], before[2]
    root.setLevel(before[1])


def configure(verbosity: int, stream: Said | None = None, style: str = "people") -> None:
    logging.getLogger("jobqueue").handlers.clear()  # those of the test runner
    logs.configure(verbosity, stream, style)


@pytest.fixture(params=["people", "logfmt", "json"])
def style(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def said(loggers: logging.Logger) -> Said:
    return Said()


def ended(outcome: Outcome, job: ClaimedJob = JOB) -> Ended:
    limits = Limits(max_attempts=25, max_crashes=3, backoff=backoff)
    decision = decide(outcome, attempts=job.attempts, crashes=0, limits=limits)
    return Ended(job, outcome, decision, started=10.0, ended=10.212)


def unstamped(line: str) -> str:
    stamp, _, rest = line.partition(" ")
    assert datetime.fromisoformat(stamp).tzinfo is not None
    return rest


LINES: list[tuple[Outcome, str]] = [
    (Succeeded(), "done  #4812 shop.jobs.send_receipt  took=212ms"),
    (Succeeded('"secret result"'), "done  #4812 shop.jobs.send_receipt  took=212ms"),
    (
        Failed(TRACEBACK),
        'retry #4812 shop.jobs.send_receipt  attempt=2/25 took=212ms again_in=21s error="ValueError: no"',
    ),
    (
        TimedOut("JobTimeout: late", wait=90.0),
        'retry #4812 shop.jobs.send_receipt  attempt=2/25 took=212ms again_in=2min error="JobTimeout: late"',
    ),
    (
        Failed("no", at=LONG_AGO),
        "retry #4812 shop.jobs.send_receipt  attempt=2/25 took=212ms again_at=2026-11-22T09:00:00+00:00 error=no",
    ),
    (Snoozed(wait=3600.0), "snoozed #4812 shop.jobs.send_receipt  took=212ms again_in=60min"),
    (Cancelled("its row is gone"), 'cancelled #4812 shop.jobs.send_receipt  took=212ms error="its row is gone"'),
    (Blocked("unknown"), "block #4812 shop.jobs.send_receipt  took=212ms again_in=1min error=unknown"),
    (Released("stopped"), "back  #4812 shop.jobs.send_receipt  took=212ms"),
    (Lost(), 'lost  #4812 shop.jobs.send_receipt  error="the claim was gone; another worker has the job"'),
]


class TestForPeople:
    @pytest.mark.parametrize(("outcome", "line"), LINES)
    def test_each_end_is_one_line(self, said: Said, outcome: Outcome, line: str) -> None:
        configure(1, said)
        logs.ended(ended(outcome))
        assert [unstamped(each) for each in said.lines()] == [line]

    def test_a_start_says_how_long_the_job_has_waited(self, said: Said) -> None:
        configure(1, said)
        logs.started(JOB._replace(max_attempts=5))
        [line] = said.lines()
        assert re.fullmatch(
            r"start #4812 shop\.jobs\.send_receipt  queue=mail attempt=2/5 waited=\d+(ms|d)", unstamped(line)
        )

    @pytest.mark.parametrize("outcome", [Failed(TRACEBACK), Corrupt(TRACEBACK)])
    def test_a_final_failure_is_followed_by_its_traceback(self, said: Said, outcome: Outcome) -> None:
        configure(0, said)
        logs.ended(ended(outcome, JOB._replace(attempts=25)))
        first, *rest = said.lines()
        assert unstamped(first).startswith("fail  #4812 shop.jobs.send_receipt  attempt=25/25")
        assert "\n".join(rest).endswith(INDENTED)
        assert "".join(rest).count("ValueError: no") == 1

    def test_what_maintenance_settles(self, said: Said) -> None:
        configure(1, said)
        logs.settled(JOB, Crashed("Crashed: killed"), "host:atlas pid:7")
        logs.settled(JOB, Released(), "host:atlas pid:7")
        crash, back = said.lines()
        assert unstamped(crash) == (
            'crash #4812 shop.jobs.send_receipt  attempt=2/25 worker="host:atlas pid:7" error="Crashed: killed"'
        )
        assert unstamped(back) == 'back  #4812 shop.jobs.send_receipt  attempt=2/25 worker="host:atlas pid:7"'

    def test_what_a_process_says(self, said: Said) -> None:
        configure(1, said)
        logs.say(logging.INFO, "stop", "1 job still running", pid=7)
        logs.say(logging.INFO, "quiet")
        assert [unstamped(line) for line in said.lines()] == ["stop  1 job still running  pid=7", "quiet"]

    def test_on_a_terminal_the_time_is_enough(self, said: Said) -> None:
        said.isatty = lambda: True  # type: ignore[method-assign]
        configure(1, said)
        logs.ended(ended(Succeeded()))
        [line] = said.lines()
        assert re.fullmatch(r"\d\d:\d\d:\d\d done  #4812 shop\.jobs\.send_receipt  took=212ms", line)


TIMES = ["wait_ms", "run_ms"]
FIELDS: list[tuple[Outcome, str, str, list[str]]] = [
    (Succeeded(), "info", "job.done", TIMES),
    (Failed(TRACEBACK), "warning", "job.retry", [*TIMES, "retry_in_s", "error_type", "error"]),
    (Snoozed(until=LONG_AGO), "info", "job.snoozed", [*TIMES, "retry_at"]),
    (Cancelled("gone"), "info", "job.cancelled", [*TIMES, "error"]),
    (Blocked("unknown"), "warning", "job.block", [*TIMES, "retry_in_s", "error"]),
    (Released(), "info", "job.back", TIMES),
    (Lost(), "warning", "job.lost", ["error"]),
]
#: What every line about a job tells, and every line of all.
ABOUT_A_JOB = ["ts", "level", "event", "job_id", "job", "queue", "attempt", "max_attempts"]
BY_WHOM = ["worker", "release"]


def read(line: str, style: str) -> dict[str, Any]:
    """The fields of a line in a form for machines."""
    if style == "json":
        return dict(json.loads(line))
    pairs = re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|\S*)', line)
    assert " ".join(f"{key}={value}" for key, value in pairs) == line
    return {key: json.loads(value) if value.startswith('"') else value for key, value in pairs}


class TestForMachines:
    @pytest.fixture(params=["logfmt", "json"])
    def style(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.mark.parametrize(("outcome", "level", "event", "keys"), FIELDS)
    def test_the_fields_are_stable(
        self, said: Said, style: str, outcome: Outcome, level: str, event: str, keys: list[str]
    ) -> None:
        configure(1, said, style)
        logs.ended(ended(outcome))
        [line] = said.lines()
        entry = read(line, style)
        assert list(entry) == [*ABOUT_A_JOB, *keys, *BY_WHOM]
        assert (entry["level"], entry["event"]) == (level, event)
        assert (str(entry["job_id"]), entry["job"]) == ("4812", "shop.jobs.send_receipt")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry["ts"])

    def test_a_traceback_is_one_line_that_names_its_job(self, said: Said, style: str) -> None:
        configure(0, said, style)
        logs.ended(ended(Failed(TRACEBACK), JOB._replace(attempts=25)))
        failure, traceback = (read(line, style) for line in said.lines())
        assert (failure["event"], failure["error_type"], failure["error"]) == ("job.fail", "ValueError", "no")
        assert (traceback["event"], str(traceback["job_id"]), traceback["text"]) == (
            "job.traceback",
            "4812",
            BELOW_THE_HEADLINE,
        )

    def test_numbers_are_numbers_in_json(self, said: Said) -> None:
        configure(1, said, "json")
        logs.started(JOB)
        logs.ended(ended(Failed(TRACEBACK)))
        start, retry = (json.loads(line) for line in said.lines())
        assert list(start) == [*ABOUT_A_JOB, "wait_ms", *BY_WHOM]
        assert (retry["attempt"], retry["max_attempts"], retry["run_ms"], retry["retry_in_s"]) == (2, 25, 212, 21)
        assert isinstance(start["wait_ms"], int)
        assert (retry["error_type"], retry["error"], retry["queue"]) == ("ValueError", "no", "mail")

    def test_who_speaks_is_named_with_the_release(self, said: Said, style: str, settings: Any) -> None:
        settings.JOBQUEUE = {"RELEASE": "9c1e2f0"}
        configure(1, said, style)
        logs.introduce("mailer")
        try:
            logs.ended(ended(Succeeded()))
            logs.settled(JOB, Crashed("Crashed: killed"), "host:atlas pid:7")
        finally:
            logs.introduce("")
        done, crash = (read(line, style) for line in said.lines())
        assert re.fullmatch(rf"mailer host:\S+ pid:{os.getpid()}", done["worker"])
        assert done["release"] == "9c1e2f0"
        assert (crash["worker"], crash["error_type"]) == ("host:atlas pid:7", "Crashed")

    def test_a_project_s_own_handler_finds_the_same_keys(self, loggers: logging.Logger, settings: Any) -> None:
        settings.JOBQUEUE = {"RELEASE": "9c1e2f0"}
        records: list[logging.LogRecord] = []
        listener = logging.Handler()
        listener.emit = records.append  # type: ignore[assignment, method-assign]
        loggers.handlers[:] = [listener]
        loggers.setLevel(logging.INFO)
        logs.configure(0)
        assert (loggers.handlers, loggers.level) == ([listener], logging.INFO)
        logs.ended(ended(Failed(TRACEBACK)))
        fields = {key for key in vars(records[0]) if key.startswith("jq_")}
        keys = {*ABOUT_A_JOB[2:], *TIMES, "retry_in_s", "error_type", "error", *BY_WHOM}
        assert fields == {f"jq_{key}" for key in keys}

    def test_a_process_is_an_event_of_the_worker(self, said: Said, style: str) -> None:
        configure(1, said, style)
        logs.say(logging.WARNING, "died", "worker gone", pid=7)
        entry = read(said.lines()[0], style)
        assert list(entry) == ["ts", "level", "event", "text", "pid", *BY_WHOM]
        assert (entry["event"], entry["text"], str(entry["pid"])) == ("worker.died", "worker gone", "7")

    def test_a_plain_message_and_its_exception_are_one_line(self, said: Said, style: str) -> None:
        configure(1, said, style)
        try:
            raise KeyError("k\ney")
        except KeyError:
            logging.getLogger("jobqueue.job").exception("hook %s raised", "after")
        [line] = said.lines()
        entry = read(line, style)
        assert (entry["event"], entry["text"]) == ("message", "hook after raised")
        assert "Traceback (most recent call last):\n" in entry["traceback"]


class TestHarmfulText:
    """Names and errors come from rows and from the world; nothing in them may steer a terminal or forge a line."""

    def log_it(self) -> int:
        """Log harmful text in each place, and return how many lines that should be."""
        job = JOB._replace(name=HARMFUL, queue=HARMFUL)
        logs.started(job)
        logs.ended(ended(Failed(HARMFUL), job))
        logs.settled(job, Crashed(HARMFUL), HARMFUL)
        logs.say(logging.INFO, "stop", HARMFUL, field=HARMFUL)
        logs.unreachable("default", ValueError(HARMFUL), 1.0, 0)
        return 5

    def test_each_event_is_one_line_of_visible_characters(self, said: Said, style: str) -> None:
        configure(1, said, style)
        expected = self.log_it()
        lines = said.lines()
        assert len(lines) == expected
        assert all(line.isprintable() for line in lines)

    def test_a_traceback_keeps_its_lines_and_nothing_else(self, said: Said) -> None:
        configure(0, said)
        logs.ended(ended(Failed(f"ValueError: {HARMFUL}\n\n\tline"), JOB._replace(attempts=25)))
        assert all(char.isprintable() or char in "\n\t" for char in said.getvalue())
        assert said.getvalue().endswith(" \tline\n")

    @pytest.mark.parametrize("break_", ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
    def test_nothing_in_a_name_or_an_error_begins_a_line(self, said: Said, style: str, break_: str) -> None:
        configure(2, said, style)
        text = break_.join(["x", FORGED, '{"event": "job.done"}', "ts=2026 event=job.done", "*** Starting"])
        job = JOB._replace(name=text, queue=text, attempts=25)
        logs.started(job)
        logs.ended(ended(Failed(f"ValueError: {text}\n\nTraceback:\n{text}"), job))
        logs.settled(job, Crashed(text), text)
        complain(job, text, ValueError(text))
        encode_result(object(), job)
        encode_result("x" * 100_000, job)
        logs.say(logging.INFO, "stop", text, field=text)
        try:
            raise ValueError(text)
        except ValueError:
            logging.getLogger("jobqueue.worker").exception("the worker cannot go on")
        lines = said.lines()
        assert len(lines) > 8
        for line in lines:
            if style == "people":
                assert line.startswith("    ") or re.match(r"\S+[+-]\d\d:\d\d (?!done|\*)", line), line
            else:
                assert read(line, style)["event"] != "job.done"
                assert line.isprintable()

    def test_a_projects_own_handler_gets_no_character_that_steers_a_terminal(
        self, loggers: logging.Logger
    ) -> None:
        messages: list[str] = []
        listener = logging.Handler()
        listener.emit = lambda record: messages.append(record.getMessage())  # type: ignore[method-assign]
        loggers.handlers[:] = [listener]
        loggers.setLevel(logging.DEBUG)
        self.log_it()
        logs.ended(ended(Failed(f"a\n\n{HARMFUL}"), JOB._replace(attempts=25)))
        complain(JOB._replace(name=HARMFUL), "hook after", ValueError(HARMFUL))
        encode_result(object(), JOB._replace(name=HARMFUL))
        assert len(messages) == 10
        assert all(char.isprintable() or char in "\n\t" for message in messages for char in message)

    def test_a_system_log_gets_harmless_lines(self) -> None:
        record = logging.makeLogRecord({"msg": f"a\n{FORGED}{HARMFUL}"})
        text = logs.PeopleFormatter(False, stamped=False).format(record)
        assert text.startswith(f"a\n    {FORGED}a\n    b")
        assert all(char.isprintable() or char == "\n" for char in text)

    def test_machines_get_the_text_back_as_it_was(self, said: Said) -> None:
        configure(1, said, "json")
        logs.say(logging.INFO, "stop", f"é {HARMFUL} 👍 \U000e0001")
        [line] = said.lines()
        assert json.loads(line)["text"] == f"é {HARMFUL} 👍 \U000e0001"
        assert "é" in line
        assert "👍" in line

    def test_what_can_be_seen_stays_as_it_is(self) -> None:
        assert logs.harmless("Größe 10 µm → 👍") == "Größe 10 µm → 👍"
        assert logs.harmless("a\x1b[31mb\n") == r"a\x1b[31mb\n"

    def test_a_headline_is_the_first_line_and_short(self) -> None:
        assert logs.headline("\n ValueError: a\r\nb") == r"ValueError: a\r"
        assert logs.headline("x" * 10_000) == "x" * logs.ERROR_LIMIT + "…"


def test_arguments_and_results_are_never_logged(said: Said, style: str) -> None:
    configure(2, said, style)
    logs.started(JOB)
    for outcome in (Succeeded('"secret result"'), Failed("no"), Corrupt("not JSON"), Released(), Lost()):
        logs.ended(ended(outcome))
    text = said.getvalue()
    assert "arguments are never logged" not in text
    assert "secret result" not in text


@pytest.mark.parametrize(
    ("verbosity", "heard"),
    [(0, ["fail"]), (1, ["start", "done", "fail"]), (2, ["start", "done", "debug", "fail"])],
)
def test_verbosity_decides_what_is_said(said: Said, verbosity: int, heard: list[str]) -> None:
    configure(verbosity, said, "json")
    logs.started(JOB)
    logs.ended(ended(Succeeded()))
    logs.say(logging.DEBUG, "debug")
    logs.ended(ended(Failed("no"), JOB._replace(attempts=25)))
    events = [json.loads(line)["event"].partition(".")[2] for line in said.lines()]
    assert [event for event in events if event != "traceback"] == heard


@pytest.mark.parametrize(("verbosity", "lines"), [(1, 1), (2, 2)])
def test_the_traceback_of_what_is_retried_is_said_only_when_asked_for(
    said: Said, verbosity: int, lines: int
) -> None:
    configure(verbosity, said, "json")
    logs.ended(ended(Failed(TRACEBACK)))
    assert len(said.lines()) == lines


def test_the_project_s_own_handlers_are_left_alone(loggers: logging.Logger, said: Said) -> None:
    own = logging.NullHandler()
    loggers.handlers[:] = [own]
    logs.configure(2, said)
    assert loggers.handlers == [own]


def test_by_default_lines_go_to_standard_output(
    loggers: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(1)
    logs.ended(ended(Succeeded()))
    assert loggers.handlers[0].stream is sys.stdout  # type: ignore[attr-defined]
    assert "done  #4812" in capsys.readouterr().out


def test_an_unreachable_database_is_said_at_first_and_then_more_and_more_rarely(said: Said) -> None:
    configure(1, said)
    told = []
    for failures in range(20):
        logs.unreachable("default", OSError("connection refused\nIs it running?"), 5.0, failures)
        if said.lines():
            told.append(failures)
    assert told == [0, 1, 2, 4, 8, 16]
    logs.unreachable("default", OSError("connection refused\nIs it running?"), 5.0, 4)
    [line] = said.lines()
    assert unstamped(line) == (
        'wait  Cannot reach database "default": connection refused. Next try in 5s (5). Ctrl+C stops.'
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0ms"),
        (0.0402, "40ms"),
        (0.9994, "999ms"),
        (0.9996, "1s"),
        (1.024, "1.02s"),
        (59.94, "59.9s"),
        (60, "1min"),
        (7199, "120min"),
        (7200, "2h"),
        (172_799, "48h"),
        (172_800, "2d"),
        (1_763_140, "20d"),
    ],
)
def test_a_duration_is_written_as_people_write_it(seconds: float, text: str) -> None:
    assert logs.short(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        (7, "7"),
        ("", '""'),
        ("two words", '"two words"'),
        ("a=b", '"a=b"'),
        ('say "no"', r'"say \"no\""'),
        ("a\nb", r'"a\nb"'),
        ("\x9b31m", r'"\u009b31m"'),
        ("é", "é"),
    ],
)
def test_a_value_is_quoted_where_it_must_be(value: Any, text: str) -> None:
    assert logs.quoted(value) == text
