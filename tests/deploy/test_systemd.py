"""The units for systemd: they stop in time, notice a pool that hangs, and let jobs do nothing that they must not."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
from django.core.management import load_command_class

from jobqueue.conf import Settings
from jobqueue.pool.service import BEATS, STATUS_SECONDS
from jobqueue.pool.supervisor import EXIT_PUT_BACK, TICK_SECONDS
from tests.docs.pages import DOCS, ROOT, rows

UNIT = ROOT / "deploy" / "systemd" / "jobworker.service"
TEMPLATE = ROOT / "deploy" / "systemd" / "jobworker@.service"
UNITS = pytest.mark.parametrize("unit", [UNIT, TEMPLATE], ids=lambda path: path.stem)
PROTECT = DOCS / "how-to" / "protect.md"

#: Out of 100, as `systemd-analyze security` counts; it was 88 before the unit had any of these lines.
EXPOSED = 20
DESCRIPTION = "Description=Background jobs of the shop"
START = "ExecStart=/srv/shop/venv/bin/python manage.py jobworker -n 2"


def lines() -> dict[str, list[str]]:
    found = defaultdict(list)
    for name, value in re.findall(r"^(\w+)=(.*)$", UNIT.read_text(), re.MULTILINE):
        found[name].append(value)
    return found


def test_it_stops_later_than_the_pool_does() -> None:
    [seconds] = lines()["TimeoutStopSec"]
    assert int(seconds) > Settings().shutdown_seconds + Settings().kill_seconds
    assert lines()["SuccessExitStatus"] == [str(EXIT_PUT_BACK)]
    assert lines()["KillMode"] == ["mixed"]


def test_it_notices_a_pool_that_hangs_and_ends_it() -> None:
    assert lines()["Type"] == ["notify"]
    assert lines()["WatchdogSignal"] == ["SIGKILL"], "a stopped process heeds no other"
    [seconds] = lines()["WatchdogSec"]
    assert int(seconds) / BEATS > TICK_SECONDS + STATUS_SECONDS
    assert lines()["Restart"] == ["always"]


def test_the_template_is_the_unit_for_one_queue() -> None:
    differences = [
        (ours, theirs)
        for ours, theirs in zip(UNIT.read_text().splitlines(), TEMPLATE.read_text().splitlines(), strict=True)
        if ours != theirs and not ours.startswith("#")
    ]
    assert [theirs for _, theirs in differences] == [
        f"{DESCRIPTION}, queue %i",
        f"{START} --queue %i --app-name %i",
    ]
    assert [ours for ours, _ in differences] == [DESCRIPTION, START]


def test_its_command_is_one() -> None:
    words = START.partition("manage.py jobworker ")[2].split()
    parser = load_command_class("jobqueue", "jobworker").create_parser("manage.py", "jobworker")
    parser.parse_args([*words, "--queue", "mail", "--app-name", "mail"])


def test_the_page_shows_its_cage_as_it_is() -> None:
    shown = re.findall(r"`(\w+)=([^`]*)`", "".join(cells[0] for cells in rows(PROTECT, "6. A cage")))
    assert len(shown) > 20
    for name, value in shown:
        assert name in lines()
        assert value in {"", *lines()[name]}
    start = UNIT.read_text().index("# What a job that goes astray cannot do")
    caged = re.findall(r"^(\w+)=", UNIT.read_text()[start:].partition("[Install]")[0], re.MULTILINE)
    assert set(caged) <= {name for name, _ in shown}


@UNITS
def test_systemd_finds_little_left_to_close(unit: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd is not installed here")
    options = "security", "--offline=true", f"--threshold={EXPOSED}", "--no-pager"
    done = subprocess.run([program, *options, str(unit)], capture_output=True, text=True, check=False)
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd cannot judge a unit that is not installed")
    assert done.returncode == 0, done.stdout[-200:] + done.stderr


@UNITS
def test_systemd_understands_every_line(unit: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd is not installed here")
    done = subprocess.run([program, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False)
    others = [line for line in done.stderr.splitlines() if "is not executable" not in line]
    assert [line for line in others if unit.stem in line] == []
