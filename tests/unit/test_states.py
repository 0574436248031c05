"""The state machine: its page, the policy and the store all know the same moves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from jobqueue.models import Job
from jobqueue.outcomes import (
    Blocked,
    CalledOff,
    Cancelled,
    Corrupt,
    Crashed,
    Failed,
    Lost,
    Outcome,
    Released,
    Snoozed,
    Succeeded,
    TimedOut,
)
from jobqueue.policy.backoff import backoff
from jobqueue.policy.retry import Limits, decide
from jobqueue.rows import ClaimRequest
from jobqueue.states import FINAL, MOVES, State, is_legal
from jobqueue.stores import get_store
from jobqueue.stores.acts import Act
from jobqueue.stores.base import Store
from jobqueue.stores.pools import PoolRegistry

PAGE = Path(__file__).resolve().parents[2] / "docs" / "state_machine.md"

OUTCOMES: list[Outcome] = [
    Succeeded(),
    Succeeded("7"),
    Failed("no"),
    Failed("no", wait=0.0),
    Failed("no", at=timezone.now()),
    TimedOut("late"),
    Snoozed(wait=1.0),
    Snoozed(until=timezone.now()),
    Cancelled("gone"),
    CalledOff("not wanted"),
    Blocked("unknown"),
    Corrupt("not JSON"),
    Crashed("killed"),
    Released(),
    Lost(),
]


def test_there_is_an_example_of_every_outcome() -> None:
    assert {type(each) for each in OUTCOMES} == set(Outcome.__args__)


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: type(outcome).__name__)
def test_every_decision_is_a_legal_move_of_a_running_job(outcome: Outcome) -> None:
    for attempts, crashes, keep, destroy, again, blocked in product(
        (1, 25), (0, 2), (True, False), (True, False), (True, False), (0.0, 7200.0)
    ):
        limits = Limits(25, 3, backoff, keep_succeeded=keep, destroy_failed=destroy, retry_crashes=again)
        decision = decide(outcome, attempts=attempts, crashes=crashes, limits=limits, blocked_seconds=blocked)
        assert is_legal(State.RUNNING, None if decision.delete else decision.state)
        # A pause that is over before it is written makes the job ready.
        assert decision.state is not State.SCHEDULED or is_legal(State.RUNNING, State.READY)


def test_what_a_decision_deletes_is_final_without_being_called_off() -> None:
    limits = Limits(1, 1, backoff, keep_succeeded=False, destroy_failed=True)
    deleted = {
        decision.state
        for outcome in OUTCOMES
        if (decision := decide(outcome, attempts=1, crashes=0, limits=limits)).delete
    }
    assert deleted == {State.SUCCEEDED, State.FAILED}


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|\n").split("|")]


def label(state: State | None) -> str:
    return "none" if state is None else state.label


def test_the_page_lists_the_moves_as_they_are() -> None:
    _, _, table = PAGE.read_text().partition("| from | to | why |\n|---|---|---|\n")
    listed = [cells(line) for line in table.splitlines()]
    assert listed == [[label(origin), label(target), why] for origin, target, why in MOVES]


def test_the_page_lists_the_states_as_they_are() -> None:
    _, _, table = PAGE.read_text().partition("| state | number | meaning |\n|---|---|---|\n")
    listed = [cells(line) for line in table.split("\n\n")[0].splitlines()]
    assert [(name, number) for name, number, _ in listed] == [(each.label, str(each.value)) for each in State]
    assert {name for name, _, meaning in listed if "; final" in meaning} == {each.label for each in FINAL}


def test_no_move_is_listed_twice() -> None:
    assert len({(origin, target) for origin, target, _ in MOVES}) == len(MOVES)


def test_every_state_can_be_reached_and_every_one_but_failed_leads_out_by_itself() -> None:
    assert {target for _, target, _ in MOVES} == {*State, None}
    assert {origin for origin, _, _ in MOVES} == {*State, None}


def test_a_job_that_has_ended_runs_again_only_when_somebody_says_so() -> None:
    again = [why for origin, target, why in MOVES if origin in FINAL and target is not None]
    assert again == ["retry by hand"] * 2 + ["retry by hand, some time later"] * 2


def test_what_is_not_listed_is_not_legal() -> None:
    assert not is_legal(State.SUCCEEDED, State.READY)
    assert not is_legal(State.READY, State.SUCCEEDED)
    assert not is_legal(State.FAILED, State.SUCCEEDED)
    assert not is_legal(None, State.RUNNING)


# What the store really does to a row in each state.


def claim(store: Store) -> None:
    pool_id = PoolRegistry(store).register(host="here", pid=1)
    store.claim(ClaimRequest(uuid4(), pool_id, "host:here pid:1", limit=9))


def take(store: Store, pk: int) -> None:
    pool_id = PoolRegistry(store).register(host="here", pid=1)
    store.take(pk, ClaimRequest(uuid4(), pool_id, "host:here pid:1", limit=1))


LATER = timezone.now() + timedelta(days=1)
ACTS: dict[str, Callable[[Store, int], Any]] = {
    "promote": lambda store, pk: store.promote(),
    "claim": lambda store, pk: claim(store),
    "retry": lambda store, pk: store.retry(pk),
    "cancel": lambda store, pk: store.cancel(pk),
    "run_now": lambda store, pk: store.run_now(pk),
    "prune": lambda store, pk: store.prune(-60),
    "take": lambda store, pk: take(store, pk),
    "postpone": lambda store, pk: store.postpone(pk, LATER),
    "many: retry": lambda store, pk: store.act(Act.RETRY, [pk]),
    "many: retry later": lambda store, pk: store.act(Act.RETRY, [pk], LATER),
    "many: run_now": lambda store, pk: store.act(Act.RUN_NOW, [pk]),
    "many: cancel": lambda store, pk: store.act(Act.CANCEL, [pk]),
    "many: postpone": lambda store, pk: store.act(Act.POSTPONE, [pk], LATER),
    "many: postpone to what is past": lambda store, pk: store.act(Act.POSTPONE, [pk], LATER - timedelta(days=2)),
    "many: delete": lambda store, pk: store.act(Act.DELETE, [pk]),
}
RETRIED: set[tuple[State, State | None]] = {(State.FAILED, State.READY), (State.CANCELLED, State.READY)}
CALLED_OFF: set[tuple[State, State | None]] = {(State.SCHEDULED, State.CANCELLED), (State.READY, State.CANCELLED)}
POSSIBLE: dict[str, set[tuple[State, State | None]]] = {
    "promote": {(State.SCHEDULED, State.READY)},
    "claim": {(State.READY, State.RUNNING)},
    "retry": RETRIED,
    "cancel": CALLED_OFF,
    "run_now": {(State.SCHEDULED, State.READY)},
    "prune": {(State.SUCCEEDED, None), (State.CANCELLED, None)},
    "take": {(State.SCHEDULED, State.RUNNING), (State.READY, State.RUNNING)},
    "postpone": {(State.READY, State.SCHEDULED)},
    "many: retry": RETRIED,
    "many: retry later": {(State.FAILED, State.SCHEDULED), (State.CANCELLED, State.SCHEDULED)},
    "many: run_now": {(State.SCHEDULED, State.READY)},
    "many: cancel": CALLED_OFF,
    "many: postpone": {(State.READY, State.SCHEDULED)},
    "many: postpone to what is past": {(State.SCHEDULED, State.READY)},
    "many: delete": {(state, None) for state in State if state is not State.RUNNING},
}


def row_in(state: State) -> int:
    now = timezone.now()
    held = {"claim_id": uuid4(), "pool_id": 999} if state is State.RUNNING else {}
    ended = {"finished_at": now} if state.is_final else {}
    return int(Job.objects.create(handler="{}", name="nothing", state=state, run_at=now, **held, **ended).pk)


@pytest.mark.django_db
@pytest.mark.parametrize("act", ACTS)
def test_each_act_makes_its_own_moves_and_no_others(act: str) -> None:
    moves = set()
    for origin in State:
        Job.objects.all().delete()
        pk = row_in(origin)
        ACTS[act](get_store(), pk)
        row = Job.objects.filter(pk=pk).first()
        target = None if row is None else State(row.state)
        if target != origin:
            moves.add((origin, target))
    assert moves == POSSIBLE[act]
    assert all(is_legal(*move) for move in moves)


@pytest.mark.django_db
@pytest.mark.parametrize("number", [-1, 6, 99])
def test_the_database_refuses_what_is_no_state(number: int) -> None:
    with pytest.raises(IntegrityError, match="jobqueue_job_state"), transaction.atomic():
        Job.objects.create(handler="{}", name="nothing", state=number)


def test_the_partial_indexes_are_of_the_states_that_their_names_say() -> None:
    assert {index.name: getattr(index.condition, "children", None) for index in Job._meta.indexes} == {
        "jobqueue_job_ready": [("state", State.READY)],
        "jobqueue_job_due": [("state", State.SCHEDULED)],
        "jobqueue_job_held": [("state", State.RUNNING)],
        "jobqueue_job_done": [("state__gte", min(FINAL)), ~Q(state=State.FAILED)],
        "jobqueue_job_failed": [("state", State.FAILED)],
    }
