"""A throw-away project in which the pages' code is run, by the same commands as a reader's."""

from __future__ import annotations

import os
import re
import select
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from django import VERSION

from tests.docs.pages import Block
from tests.processes.harness import AS_ROOT

PATIENCE = 60.0
TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
KEYS = re.compile(r"\^C|^(?:>>>|\.\.\.) (.*)$", re.MULTILINE)

#: What differs from run to run and from machine to machine; the pages show one example.
VARIES = re.compile(
    r"""(?x)
      \d\d:\d\d:\d\d                              # a time of day
    | \d{4}-\d\d-\d\d                             # a date
    | (?<=host:)\S+ | (?<=pid:)\d+ | (?<=pid[ ])\d+
    | (?<=waited=)\S+ | (?<=took=)\S+ | (?<=at[ ])[\d.]+(?=[ ]j/s)
    | (?<=put[ ]back,[ ])[\d.]+\w+
    | (?<=Django[ ])[\d.]+
    | (?<=in[ ])\d+\.\d+s                         # how long tests took
    | \d+(?=[ ]objects[ ]imported)
    """
)

#: What a project of Django 6.1 has instead of EMAIL_BACKEND; it may not have both.
MAILERS = re.compile(r"^MAILERS = \{.*?^\}\n", re.MULTILINE | re.DOTALL)

#: Said once by each process that stores a job while DEBUG is on. The tutorial shows it; other pages may leave it out.
HINT = re.compile(r"^Job #\d+(?: \S+)? is stored but no worker is running\. .*\n", re.MULTILINE)


class Typed(NamedTuple):
    """A command of a console block, and what it must print."""

    command: str
    expected: str


class Stroke(NamedTuple):
    """Keys to press when so much has been printed."""

    after: re.Pattern[str]
    keys: bytes


class Project:
    """A folder with nothing in it, for a reader to work in."""

    def __init__(self, folder: Path, variables: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self._variables = dict(variables or {})

    def follow(self, block: Block) -> None:
        """Do what a block asks for."""
        if not block.is_run:
            return
        block = spelt(block)
        if block.path is not None:
            self.write(block.path, block.text)
        elif block.kind == "python":
            self.shell(f"{block.first}\n{block.text}")
        elif block.kind == "console":
            for typed in commands(block.text):
                self.type(typed)

    def write(self, path: str, text: str) -> None:
        """Make a file, or go on with it."""
        file = self.folder / path
        for folder in reversed(file.relative_to(self.folder).parents[:-1]):
            (self.folder / folder).mkdir(exist_ok=True)
        before = file.read_text() if file.exists() else ""
        if re.search("^EMAIL_BACKEND", text, re.MULTILINE):
            before = MAILERS.sub("", before)
        file.write_text(f"{before.rstrip()}\n\n\n{text}".lstrip())

    def shell(self, code: str) -> str:
        """Run Python as the project's shell does."""
        return self.manage("shell", "-v", "0", "-c", code)

    def manage(self, *words: str, status: int = 0) -> str:
        """Run ``manage.py``."""
        return self.run(*as_reader(["python", "manage.py", *words]), status=status)

    def run(self, *words: str, status: int = 0) -> str:
        """Run a command; return what it prints, of one that must fail its errors, too."""
        ended = subprocess.run(
            [shutil.which(words[0], path=self.environment["PATH"]) or words[0], *words[1:]],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert ended.returncode == status, f"{shlex.join(words)}\n{ended.stdout}{ended.stderr}"
        return ended.stdout if status == 0 else ended.stdout + ended.stderr

    def leave(self) -> None:
        """Stop a daemon that a page has started and, having failed, not stopped."""
        if (self.folder / "jobworker.pid").exists():
            self.manage("jobworker", "stop")

    def type(self, typed: Typed) -> None:
        """Type a command into a terminal; what it prints must be what the page shows."""
        process = subprocess.Popen(
            [sys.executable, "-c", TERMINAL, *as_reader(shlex.split(typed.command))],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert process.stdin
        keys, printed = list(strokes(typed.expected)), ""
        try:
            for text in self._printed(process):
                printed = text if HINT.search(typed.expected) else HINT.sub("", text)
                if keys and keys[0].after.fullmatch(printed):
                    process.stdin.write(keys.pop(0).keys)
                    process.stdin.flush()
        finally:
            _end(process)
        assert pattern(typed.expected).fullmatch(printed), (
            f"$ {typed.command}\n--- the page shows\n{typed.expected}--- it prints\n{printed}"
        )

    def _printed(self, process: subprocess.Popen[bytes]) -> Iterator[str]:
        """All that was printed so far, again and again until the end."""
        assert process.stdout
        deadline, printed = time.monotonic() + PATIENCE, b""
        while time.monotonic() < deadline:
            ready, _, _ = select.select([process.stdout], [], [], 0.5)
            if not ready:
                continue
            new = os.read(process.stdout.fileno(), 65_536)
            if not new:
                return
            printed += new
            yield printed.decode(errors="replace").replace("\r\n", "\n")

    @property
    def environment(self) -> dict[str, str]:
        """That of a reader who has activated the environment in which jobqueue is installed."""
        ours = ("DJANGO", "PYTHON", "JOBQUEUE", "DATABASE_URL", "VIRTUAL_ENV")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', os.defpath)}"
        readable = {"DJANGO_COLORS": "nocolor", "COLUMNS": "100", "TERM": "dumb"}
        return kept | {"PATH": path} | readable | self._variables


def spelt(block: Block) -> Block:
    """Before Django 6.0 its tasks are a package of another name; the page about them says to write that."""
    return block if VERSION >= (6, 0) else replace(block, text=block.text.replace("django.tasks", "django_tasks"))


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a command that did not end by itself: a worker takes the key Ctrl+\\ for "put back and leave"."""
    assert process.stdin
    try:
        if process.poll() is None:
            process.stdin.write(b"\x1c")
            process.stdin.flush()
            process.communicate(timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        process.kill()
    process.wait()


def as_reader(words: list[str]) -> list[str]:
    """The same command with what readers, who are not root, need not say."""
    return [*words, *AS_ROOT] if words[1:3] == ["manage.py", "jobworker"] else words


def commands(text: str) -> Iterator[Typed]:
    """The commands of a console block."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        yield Typed(command, expected)


def strokes(shown: str) -> Iterator[Stroke]:
    """The keys that are pressed while a command runs: ``^C``, and lines after Python's prompts."""
    for found in KEYS.finditer(shown):
        if found[1] is None:
            yield Stroke(pattern(shown[: found.start()]), b"\x03")
        else:
            yield Stroke(pattern(shown[: found.start(1)]), f"{found[1]}\n".encode())


def pattern(shown: str) -> re.Pattern[str]:
    """What a page shows, as a pattern for what may be printed. Blank lines at the end do not count."""
    parts = [_of_line(line) for line in shown.rstrip("\n").splitlines()]
    return re.compile("".join(parts) + r"\s*")


def _of_line(line: str) -> str:
    if line.strip() == "…":
        return r"(?:.*\n)*?"
    pieces = (_literal(piece) for piece in line.rstrip().split("…"))
    return r"[^\n]*?".join(pieces) + r"[ \t]*(?:\n|\Z)"


def _literal(piece: str) -> str:
    """A piece of a line, with what varies left open."""
    spans = [found.span() for found in VARIES.finditer(piece)]
    ends = [0, *(end for _, end in spans)]
    starts = [*(start for start, _ in spans), len(piece)]
    return r"\S+".join(re.escape(piece[end:start]) for end, start in zip(ends, starts, strict=True))
