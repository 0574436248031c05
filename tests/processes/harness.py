"""Starts pools by the real command and watches what they do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings as django_settings
from django.db import connections

from tests.setups import current

MANAGE = Path(django_settings.BASE_DIR) / "manage.py"
PATIENCE = 30.0
#: Machines that run tests often do so as root, which a worker wants to be told.
AS_ROOT = ("--user", "root") if os.geteuid() == 0 else ()


class Entry(NamedTuple):
    """One line of the journal."""

    event: str
    key: str
    pid: int
    at: float


class Journal:
    """What jobs have written."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(self, event: str = "start") -> list[Entry]:
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        words = [line.split() for line in lines]
        found = [Entry(kind, key, int(pid), float(at)) for kind, key, pid, at in words]
        return [entry for entry in found if entry.event == event]

    def counts(self, event: str = "start") -> Counter[int]:
        return Counter(int(entry.key) for entry in self.entries(event))

    def of(self, key: int, event: str = "start") -> list[Entry]:
        return [entry for entry in self.entries(event) if entry.key == str(key)]


class Pool:
    """One ``manage.py jobworker``."""

    def __init__(
        self,
        directory: Path,
        journal: Journal,
        words: Sequence[str],
        settings: dict[str, Any],
        under: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.output = directory / f"pool-{time.monotonic_ns()}.log"
        with self.output.open("w") as stream:
            self.process = subprocess.Popen(
                [*under, sys.executable, str(MANAGE), "jobworker", *words, *AS_ROOT],
                env=environment(journal, settings) | dict(variables or {}),
                stdout=stream,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=directory,
                start_new_session=True,
            )
        self.pid = self.process.pid

    @property
    def text(self) -> str:
        return self.output.read_text()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, seconds: float = PATIENCE) -> int:
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the pool did not end:\n{self.text}") from None

    def stop(self) -> int:
        self.signal(signal.SIGTERM)
        return self.wait()

    def children(self) -> list[int]:
        return [pid for pid in processes() if parent_of(pid) == self.pid]

    def end(self) -> None:
        """Leave nothing behind, whatever the test did."""
        if self.process.poll() is None:
            children = self.children()
            self.process.kill()
            self.process.wait()
            wait_until(lambda: not any(map(is_running, children)))


def environment(journal: Journal, settings: dict[str, Any]) -> dict[str, str]:
    """What a subprocess needs in order to work on the test's databases."""
    return (
        os.environ
        | current().of_pools()
        | {
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "PYTHONPATH": str(django_settings.BASE_DIR),
            "JOBQUEUE_TEST_DATABASE_NAME": str(connections["default"].settings_dict["NAME"]),
            "JOBQUEUE_TEST_OTHER_DATABASE_NAME": str(connections["other"].settings_dict["NAME"]),
            "JOBQUEUE_TEST_SETTINGS": json.dumps(settings),
            "JOBQUEUE_TEST_JOURNAL": str(journal.path),
        }
    )


def wait_until(condition: Callable[[], Any], seconds: float = PATIENCE, about: Callable[[], str] = str) -> Any:
    """Return the condition's value as soon as it is true."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain. {about()}")
        time.sleep(0.02)
    return value


def processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def parent_of(pid: int) -> int | None:
    fields = _stat(pid)
    return int(fields[1]) if fields else None


def is_running(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    fields = _stat(pid)
    return fields is not None and fields[0] != "Z"


def _stat(pid: int) -> list[str] | None:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
