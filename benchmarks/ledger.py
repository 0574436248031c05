"""The ledger: memory that the benchmark and all workers share, in which jobs count that they have run."""

from __future__ import annotations

import mmap
import os
import tempfile
from typing import IO

VARIABLE = "BENCHMARK_LEDGER"
HEADER_BYTES = 16
START_BYTES = 8


class Ledger:
    """A byte for each job, how often it has run, and a double, when it started; no I/O in between.

    Attributes:
        counts: runs of each job.
        starts: moment of the monotonic clock, which all processes share, at which each job started.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._memory = memoryview(mmap.mmap(file.fileno(), 0))
        jobs = (len(self._memory) - HEADER_BYTES) // (START_BYTES + 1)
        end_of_starts = HEADER_BYTES + jobs * START_BYTES
        self._header = self._memory[:HEADER_BYTES].cast("q")
        self.starts = self._memory[HEADER_BYTES:end_of_starts].cast("d")
        self.counts = self._memory[end_of_starts:]

    @classmethod
    def new(cls, jobs: int) -> Ledger:
        """Lay out an empty one for jobs 0, 1, …, for the processes that are started from now on."""
        file = tempfile.NamedTemporaryFile(prefix="jobqueue-ledger-")  # noqa: SIM115 (it lives as long as the ledger)
        file.truncate(HEADER_BYTES + jobs * (START_BYTES + 1))
        os.environ[VARIABLE] = file.name
        return cls(file)

    @classmethod
    def find(cls) -> Ledger:
        """Open the one that the benchmark has laid out."""
        return cls(open(os.environ[VARIABLE], "r+b"))

    @property
    def ran(self) -> int:
        """How many jobs have run."""
        return len(self.counts) - bytes(self.counts).count(0)

    def has_run(self, number: int) -> bool:
        """Whether a job has run."""
        return self.counts[number] > 0

    @property
    def tallied(self) -> int:
        """How many runs there were of jobs that all have the same number."""
        return self._header[0]

    @tallied.setter
    def tallied(self, runs: int) -> None:
        self._header[0] = runs

    @property
    def is_released(self) -> bool:
        """Whether jobs that wait for a release may end."""
        return bool(self._header[1])

    def release(self) -> None:
        """Let the jobs end that wait for it."""
        self._header[1] = 1

    def check(self) -> None:
        """Make sure that each job has run exactly once.

        Raises:
            AssertionError: saying how many ran how often.
        """
        counts = bytes(self.counts)
        if counts.count(1) != len(counts):
            wrong = {runs: counts.count(runs) for runs in sorted(set(counts))}
            raise AssertionError(f"not each job ran exactly once: {wrong} (runs: jobs)")
