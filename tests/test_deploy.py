"""The unit for systemd: it stops in time, and what jobs must not do it does not let them do."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import defaultdict

import pytest

from jobqueue.conf import Settings
from jobqueue.pool.supervisor import EXIT_PUT_BACK
from tests.docs.pages import DOCS, ROOT, rows

UNIT = ROOT / "deploy" / "systemd" / "jobworker.service"
PROTECT = DOCS / "how-to" / "protect.md"

#: Out of 100, as `systemd-analyze security` counts; it was 88 before the unit had any of these lines.
EXPOSED = 20


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


def test_the_page_shows_its_cage_as_it_is() -> None:
    shown = re.findall(r"`(\w+)=([^`]*)`", "".join(cells[0] for cells in rows(PROTECT, "6. A cage")))
    assert len(shown) > 20
    for name, value in shown:
        assert name in lines()
        assert value in {"", *lines()[name]}
    start = UNIT.read_text().index("# What a job that goes astray cannot do")
    caged = re.findall(r"^(\w+)=", UNIT.read_text()[start:].partition("[Install]")[0], re.MULTILINE)
    assert set(caged) <= {name for name, _ in shown}


def test_systemd_finds_little_left_to_close() -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd is not installed here")
    options = "security", "--offline=true", f"--threshold={EXPOSED}", "--no-pager"
    done = subprocess.run([program, *options, str(UNIT)], capture_output=True, text=True, check=False)
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd cannot judge a unit that is not installed")
    assert done.returncode == 0, done.stdout[-200:] + done.stderr


def test_systemd_understands_every_line() -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd is not installed here")
    done = subprocess.run([program, "verify", "--man=no", str(UNIT)], capture_output=True, text=True, check=False)
    others = [line for line in done.stderr.splitlines() if "is not executable" not in line]
    assert [line for line in others if UNIT.name in line] == []
