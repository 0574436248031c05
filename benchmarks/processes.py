"""What the kernel tells about processes, in ``/proc``."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

PROC = Path("/proc")


def family(pid: int) -> list[int]:
    """Return a process and all its descendants, but for those that end while it looks."""
    return [pid, *(member for child in _children(pid) for member in family(child))]


def _children(pid: int) -> list[int]:
    try:
        tasks = list(PROC.glob(f"{pid}/task/*/children"))
        return [int(child) for task in tasks for child in task.read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def cpu_seconds(pids: Sequence[int]) -> float:
    """Return the CPU time that processes have used, in user and in kernel mode."""
    return sum(_ticks(pid) for pid in pids) / os.sysconf("SC_CLK_TCK")


def _ticks(pid: int) -> int:
    # The name in parentheses may hold anything; the fields behind it begin with the third.
    fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def pss_megabytes(pids: Sequence[int]) -> float:
    """Return the memory of processes, of what several share to each its part."""
    return sum(_kilobytes(PROC / str(pid) / "smaps_rollup", "Pss") for pid in pids) / 1024


def peak_megabytes() -> float:
    """Return the most memory that this process has held since it was started."""
    # Not getrusage: its maximum also covers what the process was before exec.
    return _kilobytes(PROC / "self" / "status", "VmHWM") / 1024


def _kilobytes(path: Path, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB$", path.read_text(), re.MULTILINE)
    if found is None:
        raise LookupError(f"{path} says nothing of {name}")
    return int(found[1])
