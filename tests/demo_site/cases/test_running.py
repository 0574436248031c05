import socket
import subprocess
import sys

import pytest

from demo_site import run
from demo_site.once import row, words
from demo_site.processes import BASE_DIR, free_port, managing, stop
from demo_site.scenario import Check
from demo_site.secret import secret_key


def test_the_secret_key_is_made_once_and_only_its_owner_reads_it(tmp_path):
    path = tmp_path / "secret_key"
    first = secret_key(path)
    assert len(first) >= 50
    assert secret_key(path) == first
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_processes_that_start_together_get_the_same_key(tmp_path):
    code = "import pathlib, sys; from demo_site.secret import *; print(secret_key(pathlib.Path(sys.argv[1])))"
    command = [sys.executable, "-c", code, str(tmp_path / "secret_key")]
    started = [subprocess.Popen(command, cwd=BASE_DIR, stdout=subprocess.PIPE) for _ in range(4)]
    assert len({process.communicate()[0] for process in started}) == 1


def test_a_taken_port_is_told_and_passed_over():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"Port {port} is taken"):
            free_port(port)
    assert free_port(port) == port


def test_a_child_ends_with_its_block_and_its_lines_are_told():
    lines: list[str] = []
    with managing(["--version"], lines.append) as child:
        assert child.wait(30) == 0
    assert len(lines) == 1
    assert stop(child) == 0


def test_once_takes_no_port():
    with pytest.raises(SystemExit) as raised:
        run.parse(["--once", "--port", "8000"])
    assert raised.value.code == 2


def test_the_table_cuts_what_agrees_and_shows_what_does_not():
    assert row("✓", "word", "x" * 90, "y").count("x") == 31
    assert row("✗", "word", "x" * 90, "y").count("x") == 90
    assert words([True, "h264", 3]) == "yes, h264, 3"
    assert (Check("a", 1, 1).ok, Check("a", 1, 2).ok, Check("a", 1, 2, holds=True).ok) == (True, False, True)
