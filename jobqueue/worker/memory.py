"""How much memory a process uses."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

_PAGE = resource.getpagesize()


def resident_bytes() -> int:
    """Return the resident set of this process; where the system does not tell, its peak."""
    told = resident_bytes_of("self")
    if told is not None:
        return told
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def resident_bytes_of(pid: int | str) -> int | None:
    """Return the resident set of a process; None where the system does not tell, or if it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return None
