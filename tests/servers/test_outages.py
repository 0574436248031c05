"""The server is away for a while, or ends sessions: live workers keep what they hold, and nothing runs twice."""

from __future__ import annotations

import time

import psycopg
import pytest

from tests.chaos.plan import Kind
from tests.processes.harness import wait_until
from tests.servers.stage import Stage

END_A_SESSION = """
SELECT pg_terminate_backend(pid) FROM (
  SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
  ORDER BY random() LIMIT 1) AS victim
"""


@pytest.mark.parametrize(
    ("lease", "outage"),
    [
        pytest.param(3, 5, id="5 s of a lease of 3 s"),
        pytest.param(30, 40, id="40 s of a lease of 30 s", marks=[pytest.mark.long, pytest.mark.timeout(300)]),
    ],
)
def test_an_outage_beyond_the_lease_costs_no_live_worker_its_jobs(
    stage: Stage, lease: float, outage: float
) -> None:
    stage.lease = lease
    pools = [stage.start_pool() for _ in range(2)]
    across = stage.store(Kind.REST, outage + 1, count=2)
    stage.store(Kind.REST, outage / 4, count=6)
    stage.store(Kind.BOOK, count=10)
    stage.store(Kind.REST, 0.01, count=200)
    wait_until(lambda: stage.started(across), about=stage.about)

    ended = stage.states().get("succeeded", 0)
    stage.stop_server()
    time.sleep(outage)
    stage.start_server()
    back = time.monotonic()
    wait_until(lambda: stage.states().get("succeeded", 0) > ended, about=stage.about)
    print(f"working again {time.monotonic() - back:.1f} s after the server was back")

    stage.wait_until_all_succeeded(60 + outage)
    assert stage.declared_dead() == []
    assert stage.ran_once()
    assert stage.violations() == []
    assert stage.stop_pools() == [0] * len(pools)


@pytest.mark.parametrize(
    "seconds",
    [15, pytest.param(60, marks=[pytest.mark.long, pytest.mark.timeout(300)])],
)
def test_sessions_that_are_ended_at_random_cost_no_job_a_second_run(stage: Stage, seconds: int) -> None:
    pools = [stage.start_pool() for _ in range(2)]
    stage.store(Kind.REST, 0.05, count=40 * seconds)
    stage.store(Kind.REST, 3.0, count=4)
    ended = sum(end_a_session(stage) for _ in range(2 * seconds))
    stage.wait_until_all_succeeded(60)
    print(f"{ended} sessions ended")
    assert ended > seconds
    assert stage.ran_once()
    assert stage.violations() == []
    assert stage.stop_pools() == [0] * len(pools)


def end_a_session(stage: Stage) -> int:
    time.sleep(0.5)
    with psycopg.connect(stage.server.url, autocommit=True) as own:
        return len(own.execute(END_A_SESSION).fetchall())
