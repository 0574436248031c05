"""Each rule bites: a history that breaks it is found out, and one that is in order is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from jobqueue.states import State
from tests.chaos.audit import Move, PoolEvent
from tests.chaos.invariants import Evidence, Row, check
from tests.chaos.journal import Run
from tests.chaos.plan import Kind

WORKER, OTHER = "host:here pid:11", "host:here pid:12"
NUMBER, JOB = 7, 70


def move(at: float, was: State | None, state: State | None, claim: str | None = None, **fields: object) -> Move:
    """A change of the row; ``claim`` is that of before and after."""
    given = {"was_claim": claim, "claim": claim, "worker": WORKER, "pool": 1, "attempts": 0, "crashes": 0}
    return Move(at, JOB, was, state, **{**given, **fields})  # type: ignore[arg-type]


def claimed(at: float, claim: str, before: str | None = None) -> Move:
    return move(at, State.READY, State.RUNNING, was_claim=before, claim=claim, attempts=1, worker=None)


def run(claim: str, start: float, end: float | None, how: str | None = "end", pid: int = 11) -> Run:
    return Run(NUMBER, JOB, claim, pid, start, end, how)


def row(state: State = State.SUCCEEDED, attempts: int = 1, crashes: int = 0, error: str | None = None) -> Row:
    return Row(JOB, state, attempts, crashes, error)


def in_order(kind: Kind = Kind.REST) -> Evidence:
    """One job that was stored, claimed, performed once, and has succeeded."""
    return Evidence(
        kinds={NUMBER: kind},
        stored={NUMBER: JOB},
        undone=set(),
        rows={JOB: row()},
        runs=[run("a", 1.0, 2.0)],
        moves=[
            move(0.0, None, State.READY),
            claimed(0.5, "a"),
            move(2.5, State.RUNNING, State.SUCCEEDED, "a"),
        ],
        pool_events=[PoolEvent(0.0, 1, 10, "registered")],
        booked=[],
        lease=3.0,
    )


def performed_again(
    cause: Move, *, first: Run | None = None, second: Run | None = None, attempts: int = 2
) -> Evidence:
    """A job that was performed twice, the first time ended by ``cause``."""
    return replace(
        in_order(),
        rows={JOB: row(attempts=attempts)},
        runs=[first or run("a", 1.0, None, None), second or run("b", 4.0, 5.0, pid=12)],
        moves=[
            move(0.0, None, State.READY),
            claimed(0.5, "a"),
            cause,
            claimed(3.5, "b", before="a"),
            move(5.5, State.RUNNING, State.SUCCEEDED, "b", worker=OTHER),
        ],
    )


CRASH = move(3.0, State.RUNNING, State.READY, "a", crashes=1)
RELEASE = move(3.0, State.RUNNING, State.READY, "a", attempts=-1)
RETRY = move(3.0, State.RUNNING, State.SCHEDULED, "a")

FINE: dict[str, Evidence] = {
    "one run": in_order(),
    "again after a kill": replace(performed_again(CRASH), deaths={11: 2.0}),
    "again after a planned failure": performed_again(RETRY, first=run("a", 1.0, 2.0, "failed")),
    "again after a snooze": performed_again(RELEASE, first=run("a", 1.0, 2.0, "snoozed"), attempts=1),
    "put back by a pool that was asked to leave": replace(performed_again(RELEASE, attempts=1), leaving={11: 1.5}),
    "at two places, the first one stopped": replace(
        performed_again(CRASH, first=run("a", 1.0, 4.5)),
        pool_events=[PoolEvent(2.9, 1, 10, "declared dead")],
        stops={11: [(1.5, 4.2)], 10: [(1.5, 4.2)]},
    ),
    "an atomic job": replace(in_order(Kind.BOOK), booked=[NUMBER]),
    "poison": replace(
        in_order(Kind.POISON),
        rows={JOB: row(State.FAILED, 3, 3, "Crashed … Poison")},
        runs=[],
        moves=[move(0.0, None, State.READY)],
    ),
}


@pytest.mark.parametrize("evidence", FINE.values(), ids=FINE.keys())
def test_what_is_in_order_is_not_complained_of(evidence: Evidence) -> None:
    assert check(evidence) == []


def without_row(seen: Evidence) -> None:
    seen.rows.clear()


def unfinished(seen: Evidence) -> None:
    seen.rows[JOB] = row(State.READY)


def held(seen: Evidence) -> None:
    seen.rows[JOB] = row(State.RUNNING)


def rolled_back(seen: Evidence) -> None:
    seen.undone.add(NUMBER)


def stored_twice(seen: Evidence) -> None:
    seen.rows[71] = replace_id(row(), 71)


def replace_id(old: Row, job: int) -> Row:
    return old._replace(id=job)


def ended_twice(seen: Evidence) -> None:
    seen.moves.append(move(2.6, State.RUNNING, State.SUCCEEDED, "a"))


def ended_by_a_stale_claim(seen: Evidence) -> None:
    seen.moves[-1] = seen.moves[-1]._replace(was_claim="b")


def succeeded_without_a_run(seen: Evidence) -> None:
    seen.runs.clear()


def succeeded_before_the_end(seen: Evidence) -> None:
    seen.runs[0].how = None


def illegal_move(seen: Evidence) -> None:
    seen.moves[1:] = [move(1.0, State.READY, State.SUCCEEDED, "a")]


def started_twice_under_one_claim(seen: Evidence) -> None:
    seen.runs.append(run("a", 1.5, 1.7, pid=12))


def declared_dead_in_vain(seen: Evidence) -> None:
    seen.pool_events.append(PoolEvent(2.0, 1, 10, "declared dead"))


def too_many_crashes(seen: Evidence) -> None:
    seen.rows[JOB] = row(crashes=4)


def charged_without_a_start(seen: Evidence) -> None:
    seen.moves[1:1] = [claimed(0.1, "z"), move(0.2, State.RUNNING, State.SCHEDULED, "z")]
    seen.rows[JOB] = row(attempts=2)


def not_charged(seen: Evidence) -> None:
    seen.rows[JOB] = row(attempts=0)


def booked_twice(seen: Evidence) -> None:
    seen.kinds[NUMBER] = Kind.BOOK
    seen.booked[:] = [NUMBER, NUMBER]


def booked_and_failed(seen: Evidence) -> None:
    seen.kinds[NUMBER] = Kind.BOOK
    seen.booked[:] = [NUMBER]
    seen.rows[JOB] = row(State.FAILED)


BROKEN: list[tuple[Callable[[Evidence], None], str]] = [
    (without_row, "I1"),
    (unfinished, "I1"),
    (rolled_back, "I2"),
    (stored_twice, "I2"),
    (held, "I3"),
    (ended_twice, "I4"),
    (ended_by_a_stale_claim, "I4"),
    (succeeded_without_a_run, "I4"),
    (succeeded_before_the_end, "I4"),
    (illegal_move, "I4"),
    (started_twice_under_one_claim, "I4"),
    (declared_dead_in_vain, "I5"),
    (too_many_crashes, "I7"),
    (charged_without_a_start, "I8"),
    (not_charged, "I8"),
    (booked_twice, "P4"),
    (booked_and_failed, "P4"),
]


@pytest.mark.parametrize(("spoil", "rule"), BROKEN, ids=lambda value: getattr(value, "__name__", value))
def test_what_breaks_a_rule_is_found_out(spoil: Callable[[Evidence], None], rule: str) -> None:
    evidence = in_order()
    spoil(evidence)
    assert rule in {violation.rule for violation in check(evidence)}


UNEXPLAINED: list[tuple[str, Evidence, str]] = [
    ("a crash of a process that lives", performed_again(CRASH), "I5"),
    ("a retry of a job that did not fail", performed_again(RETRY, first=run("a", 1.0, 2.0)), "I5"),
    ("a release that nobody asked for", performed_again(RELEASE, attempts=1), "I5"),
    ("at two places", replace(performed_again(CRASH, first=run("a", 1.0, 4.5)), deaths={11: 2.9}), "I6"),
    (
        "at most once, twice",
        replace(performed_again(CRASH), deaths={11: 2.0}, kinds={NUMBER: Kind.ONCE}),
        "I7",
    ),
]


@pytest.mark.parametrize(("evidence", "rule"), [each[1:] for each in UNEXPLAINED], ids=[e[0] for e in UNEXPLAINED])
def test_a_further_start_without_a_cause_is_found_out(evidence: Evidence, rule: str) -> None:
    assert rule in {violation.rule for violation in check(evidence)}
