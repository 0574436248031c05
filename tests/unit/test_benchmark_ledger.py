from __future__ import annotations

import pytest

from benchmarks.ledger import Ledger


@pytest.fixture
def ours(monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setenv("BENCHMARK_LEDGER", "")  # put back at the end
    return Ledger.new(3)


def test_what_a_worker_notes_the_benchmark_sees(ours: Ledger) -> None:
    theirs = Ledger.find()
    theirs.counts[1] += 1
    theirs.starts[1] = 12.5
    theirs.tallied += 1
    assert (ours.ran, ours.has_run(0), ours.has_run(1)) == (1, False, True)
    assert (ours.starts[1], ours.tallied) == (12.5, 1)
    ours.release()
    assert theirs.is_released


def test_all_is_well_if_each_job_has_run_exactly_once(ours: Ledger) -> None:
    ours.counts[:] = bytes([1, 1, 1])
    ours.check()


@pytest.mark.parametrize("counts", [(1, 1, 0), (1, 2, 1)], ids=["one not at all", "one twice"])
def test_it_is_an_error_if_a_job_has_not(ours: Ledger, counts: tuple[int, ...]) -> None:
    ours.counts[:] = bytes(counts)
    with pytest.raises(AssertionError, match="not each job ran exactly once"):
        ours.check()
