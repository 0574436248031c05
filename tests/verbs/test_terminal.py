"""The command as a person types it: a process of its own at a terminal of 80 columns, with rich and without."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time
from pathlib import Path

import pytest

from jobqueue import enqueue_many
from jobqueue.states import State
from tests.app.jobs import VideoWorker, add
from tests.processes.harness import MANAGE, Journal, environment
from tests.verbs.conftest import job, pool

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE = 60.0
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def typed(tmp_path: Path):
    """Types ``manage.py jobs …`` at a terminal; returns what stands on it, and the exit status."""
    variables = environment(Journal(tmp_path / "journal"), {}) | {"TERM": "xterm", "COLUMNS": "80"}

    def type_(*words: object, keys: str = "", **more: str) -> tuple[str, int]:
        child, terminal = pty.fork()
        if child == 0:
            command = [sys.executable, str(MANAGE), "jobs", *map(str, words)]
            os.execve(sys.executable, command, {**variables, **more})
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        return _read(child, terminal, keys)

    return type_


def _read(child: int, terminal: int, keys: str) -> tuple[str, int]:
    printed, deadline = b"", time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 0.5)[0]:
            continue
        try:
            new = os.read(terminal, 65_536)
        except OSError:  # the other end is closed
            break
        if not new:
            break
        printed += new
        if keys and (b"[y/N]" in printed or b"queue's name: " in printed):
            os.write(terminal, keys.encode())
            keys = ""
    _, status = os.waitpid(child, 0)
    return printed.decode().replace("\r\n", "\n"), os.waitstatus_to_exitcode(status)


def plain(text: str) -> list[str]:
    return [line.rstrip() for line in ESCAPES.sub("", text).splitlines()]


def test_tables_fit_in_80_columns_in_colours(typed) -> None:
    pool(queues=["default"], host="a-host-with-a-long-name.example", release="9c1e2f0")
    job(State.FAILED, call=VideoWorker(23), last_error="FFmpegError: " + "no stream " * 30)
    job(State.READY, queue="mail")
    for words in (["status"], ["list"], ["queues"], ["workers"], ["stats"], ["top", "--count", "1"]):
        shown, status = typed(*words)
        assert status == 0
        assert "\x1b[" in shown
        assert "─" in shown, "rich draws a line below the titles"
        copied = "  Start one: "
        assert [line for line in plain(shown) if len(line) > 80 and not line.startswith(copied)] == []


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb", "DJANGO_COLORS": "nocolor"}], ids=str)
def test_no_colours_where_none_are_wanted(typed, variables: dict[str, str]) -> None:
    job(State.FAILED)
    assert "\x1b[" not in typed("list", **variables)[0]


def test_the_words_are_the_same_without_rich(typed) -> None:
    job(State.FAILED)
    with_rich = [line for line in plain(typed("list")[0]) if "─" not in line]
    without = plain(typed("list", TERM="dumb")[0])
    times = re.compile(r"\d+ (s|min) ago")
    assert [times.sub("", line) for line in with_rich] == [times.sub("", line) for line in without]


def test_an_act_on_many_asks_and_shows_a_bar(typed) -> None:
    enqueue_many(add.bind(number) for number in range(30))
    shown, status = typed("cancel", "state:ready", keys="n\n")
    assert (plain(shown)[-1], status) == ("CommandError: Nothing was done.", 1)
    shown, status = typed("cancel", "state:ready", keys="y\n")
    assert status == 0
    assert "Cancelling jobs" in shown
    assert plain(shown)[-1] == "Cancelled 30 jobs."


def test_a_job_that_is_watched_ends_the_watch(typed, start_pool) -> None:
    start_pool()
    stored = add.enqueue(1, 2)
    shown, status = typed("watch", stored.pk)
    assert status == 0
    assert re.search(rf"#{stored.pk} succeeded", shown)
