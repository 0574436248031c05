"""What the jobs and the callers have written down, read back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(slots=True)
class Run:
    """One time that a job was performed. ``end`` and ``how`` are None if it left no second line."""

    number: int
    job: int
    claim: str
    pid: int
    start: float
    end: float | None = None
    how: str | None = None


@dataclass(slots=True)
class Calls:
    """What the callers have done. ``stored``: number -> job id; ``undone``: numbers whose transaction rolled back."""

    stored: dict[int, int]
    undone: set[int]


def runs(directory: Path) -> list[Run]:
    """Return all runs, in the order of their starts."""
    found = [run for path in sorted(directory.glob("*.log")) for run in _runs_of(path)]
    return sorted(found, key=lambda run: run.start)


def _runs_of(path: Path) -> Iterator[Run]:
    last: Run | None = None
    for line in path.read_text().splitlines():
        at, number, job, claim, pid, event = line.split()
        if event == "start":
            last = Run(int(number), int(job), claim, int(pid), float(at))
            yield last
        elif last is not None and last.claim == claim and last.job == int(job):
            last.end, last.how = float(at), event


def calls(path: Path) -> Calls:
    """Return what a caller has written, line by line, after it was sure."""
    found = Calls({}, set())
    for line in path.read_text().splitlines() if path.exists() else []:
        word, number, *job = line.split()
        if word == "stored":
            found.stored[int(number)] = int(job[0])
        else:
            found.undone.add(int(number))
    return found
