"""Pools for tests; each is ended with the test, whatever happened."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.processes.harness import AS_ROOT, MANAGE, Journal, Pool, environment

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the tests watch processes through /proc")

#: Quick enough for tests, in the same proportions as the defaults.
QUICK = {"POLL_SECONDS": 0.5, "HEARTBEAT_SECONDS": 0.5, "LEASE_SECONDS": 2}


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal")


@pytest.fixture
def start_pool(transactional_db: None, tmp_path: Path, journal: Journal) -> Iterator[Callable[..., Pool]]:
    pools: list[Pool] = []

    def start(
        *words: str, under: Sequence[str] = (), variables: Mapping[str, str] | None = None, **settings: Any
    ) -> Pool:
        pools.append(Pool(tmp_path, journal, words, QUICK | settings, under, variables))
        return pools[-1]

    yield start
    for pool in pools:
        pool.end()


@pytest.fixture
def call(transactional_db: None, tmp_path: Path, journal: Journal) -> Callable[..., CompletedProcess[str]]:
    """Run ``manage.py jobworker`` to its end."""

    def run(*words: str, shell: str = "", **variables: str) -> CompletedProcess[str]:
        command = [sys.executable, str(MANAGE), "jobworker", *words, *AS_ROOT]
        if shell:
            command = ["sh", "-c", f'"$@" {shell}', "sh", *command]
        return subprocess.run(
            command,
            env=environment(journal, QUICK) | variables,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run
