"""A failover that loses the last commits: the server goes on with older data while the same workers live."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from jobqueue import run_now
from jobqueue.states import State
from tests.chaos.invariants import each_claim_is_started_once, each_ends_once_by_its_claim, nothing_is_stuck
from tests.chaos.plan import Kind
from tests.processes.harness import wait_until
from tests.servers.stage import Stage, base_backup, replace

HOUR = timedelta(hours=1)


def test_what_a_failover_has_lost_is_done_again_and_nothing_is_stuck(stage: Stage, tmp_path: Path) -> None:
    """What is promised of rows that the older data have: each comes to its end, by the claim that is current.

    What is not: rows that were stored after the copy are gone, though they were confirmed and may have been
    performed. A job whose end or whose claim was lost is performed again, in the latter case perhaps while its
    first run still goes on. An end that was lost counts as a crash, since nobody knows how far the job had come.
    """
    copied, restored = tmp_path / "copied", tmp_path / "restored"
    pools = [stage.start_pool() for _ in range(2)]
    done_before = stage.store(Kind.REST, 0.0, count=30)
    stage.wait_until_all_succeeded()
    ended_after = stage.store_waiting(copied, count=2)
    claimed_after = stage.store_waiting(restored, count=2, run_at=HOUR)
    wait_until(lambda: stage.started(ended_after), about=stage.about)

    with base_backup(stage.server) as older:
        pools.append(stage.start_pool())
        stored_after = stage.store(Kind.REST, 0.0, count=10)
        copied.touch()
        for job in claimed_after:
            run_now(job)
        wait_until(lambda: stage.states() == {"succeeded": 42, "running": 2}, about=stage.about)
        wait_until(lambda: stage.started(claimed_after), about=stage.about)
        stage.stop_server()
        lost = {run.claim for run in stage.runs() if run.job in {*claimed_after, *stored_after}}
        replace(stage.server.data, older)
        stage.start_server()

    for job in claimed_after:
        run_now(job)
    wait_until(lambda: len(stage.runs_of(claimed_after)) == 4, about=stage.about)
    restored.touch()
    fresh = stage.store(Kind.REST, 0.0, count=5)
    assert set(fresh) & set(stored_after), "ids are not handed out a second time"
    wait_until(lambda: not stage.unfinished(), about=stage.about)
    wait_until(lambda: len(stage.ask("SELECT 1 FROM jobqueue_pool WHERE alive")) == 3, about=stage.about)

    seen = stage.evidence()
    assert set(seen.rows) == {*done_before, *ended_after, *claimed_after, *fresh}
    assert {row.state for row in seen.rows.values()} == {State.SUCCEEDED}
    assert lost.isdisjoint(str(move.was_claim) for move in seen.moves)
    for rule in (nothing_is_stuck, each_ends_once_by_its_claim, each_claim_is_started_once):
        assert list(rule(seen)) == []
    assert len(stage.runs_of(ended_after)) == 4
    assert stage.stop_pools() == [0] * len(pools)
