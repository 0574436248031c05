"""The gate is shut, and each kind of bad code is stopped by it, wherever it stands."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tomllib
from typing import Any

import pytest

from tests import gate
from tests.gate import BY_NAME, ROOT, findings, guarded_files

PLACES = [
    "jobqueue/cli/bad.py",
    "jobqueue/migrations/0009_bad.py",
    "demo_site/bad.py",
    "benchmarks/bad.py",
    "dev.py",
]

#: Code that ruff stops, with its rule.
BY_RUFF = {
    "eval(text)": "S307",
    "exec(text)": "S102",
    "import pickle\npickle.loads(text)": "S301",
    "from pickle import loads\nloads(text)": "S301",
    "import marshal\nmarshal.loads(text)": "S302",
    "import shelve\nshelve.open(text)": "S301",
    "import yaml\nyaml.load(text)": "S506",
    "import subprocess\nsubprocess.run(text, shell=True)": "S602",
    "import os\nos.system(text)": "S605",
    "import os\nos.popen(text)": "S605",
    "from django.utils.safestring import mark_safe\nmark_safe(text)": "S308",
    "import hashlib\nhashlib.md5(text)": "S324",
    "cursor.execute(f\"SELECT * FROM job WHERE queue = '{text}'\")": "S608",
}

#: Code that our own rules stop, with a word of what they say.
BY_US = {
    "import pickle": "imports pickle",
    "import os, marshal as m": "imports marshal",
    "from shelve import open": "imports shelve",
    "def late():\n    import yaml.constructor": "imports yaml.constructor",
    "run = eval": "(eval)",
    "run = exec": "(exec)",
    "compile(text, '', 'exec')": "(compile)",
    "__import__(text)": "by name",
    "import importlib\nimportlib.import_module(text)": "by name",
    "from importlib import import_module as load\nload(text)": "calls import_module load",
    "from django.utils import module_loading\nmodule_loading.import_string(text)": "by name",
    "from django.utils.safestring import SafeString\nSafeString(text)": "takes text for HTML",
    "from django.utils.html import format_html\nformat_html(text)": "format_html",
    "from django.utils.html import format_html\nformat_html('<b>hello</b>')": "format_html",
    "from django.utils.html import format_html\nformat_html('<b>' + text + '</b>{}', 1)": "format_html",
    "from django.utils.html import format_html\nformat_html(f'<b>{text}</b>{{}}', 1)": "format_html",
    "eval(text)  # noqa": "silences",
    "run(text)  # noqa: S307": "silences",
    "run(text)  # noqa: E501, S307": "silences",
    "run(text)  # noqa: S307 because": "silences",
    "run(text)  # nosec": "silences",
    "run(text)  # nosec B307": "silences",
    "# ruff: noqa\nrun(text)": "silences",
}

#: Code that nothing is wrong with.
GOOD = [
    "from re import compile as pattern\npattern('a')",
    "import re\nre.compile('a')",
    "from django.utils.html import format_html\nformat_html('<b>{}</b>', text)",
    "from django.utils.html import format_html\nformat_html('<b>{name}</b>', name=text)",
    "from django.utils.safestring import SafeString\ndef page() -> SafeString: return SafeString('')",
    "run(text)  # noqa: S606 (our own command line)",
    "run(text)  # nosec B606 (our own command line)",
    "long = 1  # noqa: E501",
    "words = 'eval exec pickle import_module'  # eval",
]


def test_the_gate_is_shut() -> None:
    assert [str(each) for path in guarded_files() for each in findings(path, (ROOT / path).read_text())] == []


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("code", BY_US)
def test_our_rules_stop_bad_code(place: str, code: str) -> None:
    found = list(findings(place, code))
    assert found
    assert any(BY_US[code] in each.what for each in found)
    assert str(found[0]).startswith(f"{place}:")


@pytest.mark.parametrize("code", GOOD)
def test_our_rules_let_good_code_pass(code: str) -> None:
    assert list(findings(PLACES[0], code)) == []


@pytest.mark.parametrize("place", PLACES)
def test_ruffs_rules_stop_bad_code(place: str) -> None:
    """All of it at once: each piece in a function of its own."""
    pieces = [
        f"def bad{number}(text, cursor):\n    " + code.replace("\n", "\n    ")
        for number, code in enumerate(BY_RUFF)
    ]
    assert set(BY_RUFF.values()) <= {each["code"] for each in ruff(place, "\n".join(pieces))}


def ruff(place: str, source: str) -> list[dict[str, Any]]:
    """What ruff, as ``dev.py check`` runs it, finds in a file of that place."""
    command = [sys.executable, "-m", "ruff", "check", "--output-format", "json", "--stdin-filename", place, "-"]
    done = subprocess.run(command, cwd=ROOT, input=source, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_no_rule_is_switched_off_for_a_whole_folder_of_ours() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        lint = tomllib.load(file)["tool"]["ruff"]["lint"]
    assert "S" in lint["select"]
    assert {rule for rule in lint["ignore"] if rule.startswith("S")} == {"S101", "S603"}
    for place, rules in lint["per-file-ignores"].items():
        assert place == "tests/**" or not any(
            rule.startswith("S") and not rule.startswith("SIM") for rule in rules
        )


def test_every_module_that_may_import_by_name_does() -> None:
    for path in BY_NAME:
        names = {
            getattr(node, "id", getattr(node, "attr", None))
            for node in ast.walk(ast.parse((ROOT / path).read_text()))
        }
        assert names & gate.IMPORTERS, f"{path} imports nothing by name any more"


def test_it_fails_as_a_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert gate.main() == 0
    monkeypatch.setattr(gate, "guarded_files", lambda: ["tests/gate.py", "tests/unit/test_checks.py"])
    assert gate.main() == 1
    assert "tests/unit/test_checks.py:" in capsys.readouterr().out


def test_it_is_part_of_the_check() -> None:
    assert '"-m ruff check"' in (ROOT / "dev.py").read_text()
    assert '"-m tests.gate"' in (ROOT / "dev.py").read_text()
