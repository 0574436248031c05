"""The reference says what the code says: settings, options of the command, public words."""

from __future__ import annotations

import ast
import inspect
import json
import logging
import re
import time
from argparse import ArgumentParser
from dataclasses import fields
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import load_command_class
from django.test import override_settings
from django.utils import timezone

import jobqueue
from jobqueue import conf, gauges, logs, models, signals, testing
from jobqueue.cli import arguments, verbs
from jobqueue.cli.verbs import doctor
from jobqueue.integrations import prometheus
from jobqueue.options import CALL_RULES, DECLARATION_RULES
from jobqueue.outcomes import Decision, Succeeded
from jobqueue.performing import hooks
from jobqueue.performing.executor import Ended
from jobqueue.rows import ClaimedJob
from jobqueue.states import State
from tests.docs.pages import DOCS, ROOT, blocks, code, prose, rows, section
from tests.test_architecture import FLOORS

SETTINGS = DOCS / "reference" / "settings.md"
COMMANDS = DOCS / "reference" / "commands.md"
API = DOCS / "reference" / "api.md"
METRICS = DOCS / "reference" / "metrics.md"
ENQUEUE = DOCS / "how-to" / "enqueue.md"
ARCHITECTURE = DOCS / "explanation" / "architecture.md"
README = ROOT / "README.md"

TWINS = [name for name in testing.__all__ if name.startswith("a") and name[1:] in testing.__all__]
HELPERS = [name for name in testing.__all__ if name not in TWINS]


def test_the_floors_are_those_that_the_tests_hold() -> None:
    listed = [
        (re.split(r"[:,]", floor)[0], set(re.findall(r"`(\w+)`", modules)))
        for floor, modules in rows(ARCHITECTURE, "Floors")
    ]
    assert listed == [(floor, modules) for floor, modules in reversed(FLOORS.items())]


class TestSettings:
    listed = {code(cells[0]): cells for cells in rows(SETTINGS)}

    def test_every_setting_is_listed_in_the_order_of_the_code(self) -> None:
        assert list(self.listed) == [each.name.upper() for each in fields(conf.Settings)]

    @pytest.mark.parametrize("key", listed)
    def test_the_default_given_as_a_setting_is_the_default(self, key: str) -> None:
        default = ast.literal_eval(code(self.listed[key][2]))
        assert conf.RULES[key](default) == getattr(conf.Settings(), key.lower())

    @pytest.mark.parametrize("key", [key for key, cells in listed.items() if " to " in cells[3]])
    def test_the_limits_are_those_of_the_code(self, key: str) -> None:
        low, high = (float(each) if "." in each else int(each) for each in self.listed[key][3].split(" to "))
        rule = conf.RULES[key]
        assert (rule(low), rule(high)) == (low, high)
        for beyond in (low - (1 if isinstance(low, int) else low / 2), high + 1):
            with pytest.raises(ValueError, match="must be"):
                rule(beyond)

    @pytest.mark.parametrize("example", [block.text for block in blocks(SETTINGS)])
    def test_the_examples_hold(self, example: str) -> None:
        assert conf.read(ast.literal_eval(example.removeprefix("JOBQUEUE = ")))[1] == []


class TestCommands:
    def test_every_option_is_listed_and_no_other(self) -> None:
        listed = set(re.findall(r"`(--?[a-z][\w-]*)", prose(COMMANDS)))
        assert listed == options(parser("jobworker")) | options(parser("jobs"))

    def test_every_action_is_listed(self) -> None:
        assert tuple(code(cells[0]) for cells in rows(COMMANDS, "jobworker"))[:6] == arguments.ACTIONS

    def test_every_verb_is_listed(self) -> None:
        listed, exit_codes = rows(COMMANDS, "jobs"), re.findall(r"^  (\d)  ", verbs.EPILOG, re.MULTILINE)
        wanted = [*verbs.VERBS, *exit_codes]
        assert [code(cells[0]) for cells in listed][: len(wanted)] == wanted

    def test_every_finding_of_the_doctor_is_listed(self) -> None:
        sources = "".join(path.read_text() for path in (ROOT / "jobqueue" / "doctor").glob("*.py"))
        titles = "database|migrations|session|clock|snapshots|table|ids|sqlite|integrity|file|workers|queues|jobs"
        titles += "|rights"
        told = set(re.findall(rf'"((?:{titles})\.[a-z]+)"', sources))
        listed = re.findall(r"`([a-z]+\.[a-z]+)`", "".join(cells[0] for cells in rows(COMMANDS, "doctor")))
        assert (set(listed), len(listed)) == (told, len(told))
        assert {id.partition(".")[0] for id in told} == set(titles.split("|"))

    def test_every_level_of_the_doctor_is_listed(self) -> None:
        listed = {code(cells[0]): cells[1] for cells in rows(COMMANDS, "doctor") if len(cells) == 3}
        assert listed == {level.label: sign for level, sign in doctor.MARKS.items()}

    @pytest.mark.parametrize("page", [COMMANDS, README], ids=["reference", "readme"])
    def test_exit_codes_and_signals_are_those_of_the_help(self, page: Any) -> None:
        text = page.read_text()
        assert re.findall(r"^\| (\d) \|", text, re.MULTILINE) == re.findall(
            r"^  (\d)  ", arguments.EPILOG, re.MULTILINE
        )
        for name in ("TERM", "INT", "QUIT", "USR1", "USR2", "TTIN", "HUP"):
            assert name in arguments.EPILOG
            assert re.search(rf"^\| .*\b{name}\b.* \|", text, re.MULTILINE), name

    def test_lines_for_machines_have_the_keys_that_are_shown(self) -> None:
        [_, machines] = [block.text for block in blocks(COMMANDS) if block.kind == "text"]
        as_json, as_logfmt = machines.splitlines()
        record = done()
        assert json.loads(as_json).keys() == json.loads(logs.MachineFormatter(as_json=True).format(record)).keys()
        ours = logs.MachineFormatter(as_json=False).format(record)
        assert re.findall(r"(\w+)=", as_logfmt) == re.findall(r"(\w+)=", ours)


def test_every_metric_is_listed_with_its_labels() -> None:
    listed = {code(cells[0]).removesuffix("_total"): re.findall(r"`(\w+)`", cells[1]) for cells in rows(METRICS)}
    given = {**prometheus.GAUGES, **prometheus.COUNTERS}
    assert listed == {name: list(labels) for name, (_, labels) in given.items()}
    text = METRICS.read_text()
    assert f"up to {gauges.MOST_READY:,}." in text
    assert f"up to {gauges.MOST_OTHERS:,} of all queues" in text


class TestApi:
    @pytest.mark.parametrize("name", jobqueue.__all__)
    def test_each_word_has_signature_purpose_and_errors(self, name: str) -> None:
        text = section(API, f"`{name}`")
        assert parameters(text, name) == list(inspect.signature(getattr(jobqueue, name)).parameters)
        assert "*Raises*" in text

    @pytest.mark.parametrize("name", HELPERS)
    def test_each_helper_for_tests_has_its_signature(self, name: str) -> None:
        text = section(API, f"`jobqueue.testing.{name}`")
        assert parameters(text, name) == list(inspect.signature(getattr(testing, name)).parameters)

    def test_each_async_twin_of_a_helper_is_named(self) -> None:
        assert set(re.findall(r"`(a\w+)`", section(API, "Async twins"))) - {"a"} == set(TWINS)

    def test_no_other_word_is_promised(self) -> None:
        promised = re.findall(r"^### `([\w.]+)`$", API.read_text(), re.MULTILINE)
        assert sorted(promised) == sorted([*jobqueue.__all__, *(f"jobqueue.testing.{name}" for name in HELPERS)])

    def test_every_column_is_named(self) -> None:
        for model in (models.Job, models.Pool):
            text = section(API, "Models")
            unnamed = {field.name for field in model._meta.concrete_fields if f"`{field.name}`" not in text}
            assert unnamed <= {"min_priority", "max_priority", "started_at", "beats"}

    def test_querysets_hooks_and_signals_exist(self) -> None:
        for queryset, _ in list(rows(API, "Models"))[:6]:
            assert hasattr(models.Job.objects, code(queryset).split(".")[-1].removesuffix("()"))
        listed = {code(cells[0]).partition("(")[0] for cells in rows(API, "Hooks")}
        assert listed == {*hooks.NAMES, "on_enqueue", "reschedule_at"}
        assert all(hasattr(signals, code(cells[0])) for cells in rows(API, "Signals"))

    def test_options_are_those_of_the_code(self) -> None:
        listed = {code(cells[0]): cells[2] for cells in rows(ENQUEUE, "Options")}
        assert listed.keys() == CALL_RULES.keys() | DECLARATION_RULES.keys()
        declared_only = {name for name, meaning in listed.items() if "in a declaration only" in meaning}
        assert declared_only == DECLARATION_RULES.keys() - CALL_RULES.keys()


def parser(command: str) -> ArgumentParser:
    """A command's own parser."""
    return load_command_class("jobqueue", command).create_parser("manage.py", command)


def options(of: ArgumentParser) -> set[str]:
    """The options that a parser takes, and those of its verbs."""
    own = {option for each in of._actions for option in each.option_strings}
    below = [each.choices for each in of._actions if isinstance(each.choices, dict)]
    return own.union(*(options(each) for parsers in below for each in parsers.values()))


def parameters(text: str, name: str) -> list[str]:
    """The names of the parameters in the signature that a section shows."""
    shown = re.search(rf"```python\n({name}\(.*\))\n```", text)
    assert shown, f"no signature of {name}"
    [function] = ast.parse(f"def {shown[1]}: ...").body
    assert isinstance(function, ast.FunctionDef)
    given = function.args
    names = [each.arg for each in (*given.posonlyargs, *given.args)]
    names += [given.vararg.arg] if given.vararg else []
    names += [each.arg for each in given.kwonlyargs]
    return names + ([given.kwarg.arg] if given.kwarg else [])


class Listener(logging.Handler):
    """Keeps what is logged."""

    def __init__(self, records: list[logging.LogRecord]) -> None:
        super().__init__()
        self.records = records

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@override_settings(JOBQUEUE={"RELEASE": "9c1e2f0"})
def done() -> logging.LogRecord:
    """What is logged when a job is done."""
    now = timezone.now()
    nothing: tuple[None, None, None] = (None, None, None)
    claim = uuid4()
    job = ClaimedJob(1, "mail", "shop.jobs.send_receipt", 0, 1, "{}", now, now, 0, *nothing, claim)
    moment = time.monotonic()
    records: list[logging.LogRecord] = []
    listener = Listener(records)
    level = logs.job_logger.level
    logs.job_logger.addHandler(listener)
    logs.job_logger.setLevel(logging.INFO)
    try:
        logs.ended(Ended(job, Succeeded(), Decision(State.SUCCEEDED), moment, moment + 0.212))
    finally:
        logs.job_logger.removeHandler(listener)
        logs.job_logger.setLevel(level)
    return records[0]
