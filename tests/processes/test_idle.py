"""What a pool does that has nothing to do, with the defaults and under a service manager (DJ44).

The exact figures are those of ``python -m benchmarks idle``; here are bounds that hold on a busy machine, too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.processes import cpu_seconds
from jobqueue.conf import Settings
from tests.processes.garage import family
from tests.processes.harness import Pool
from tests.processes.manager import Manager, manager

StartPool = Callable[..., Pool]
SECONDS = 15
DEFAULTS = {
    name.upper(): getattr(Settings(), name) for name in ("poll_seconds", "heartbeat_seconds", "lease_seconds")
}


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Manager]:
    with manager(tmp_path) as found:
        yield found


def live(start_pool: StartPool, systemd: Manager, seconds: float) -> tuple[float, float]:
    """Let a pool live so long after it is ready; return CPU seconds a minute, and how often a second it woke up."""
    ready = len(systemd.told("READY"))
    pool = start_pool("-n", "2", variables=systemd.environment(60), **DEFAULTS)
    systemd.wait_for("READY", count=ready + 1)
    time.sleep(2)
    pids = [pool.pid, *family(pool.pid)]
    cpu, woken, began = cpu_seconds(pids), wake_ups(pids), time.monotonic()
    time.sleep(seconds)
    passed = time.monotonic() - began
    found = (cpu_seconds(pids) - cpu) * 60 / passed, (wake_ups(pids) - woken) / passed
    assert pool.stop() == 0
    return found


def wake_ups(pids: list[int]) -> int:
    """How often the threads of these processes have been woken so far."""
    statuses = (path.read_text() for pid in pids for path in Path(f"/proc/{pid}/task").glob("*/status"))
    lines = (line for text in statuses for line in text.splitlines())
    return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))


def test_dj44_an_idle_pool_does_next_to_nothing(start_pool: StartPool, systemd: Manager) -> None:
    cpu, woken = live(start_pool, systemd, SECONDS)
    print(f"{cpu:.2f} CPU seconds a minute, woken {woken:.1f} times a second")
    assert cpu < 2.0
    assert woken < 30
    assert len(systemd.told("WATCHDOG")) <= 4, "20 s are between two beats"
    assert len(systemd.told("STATUS")) <= 4
