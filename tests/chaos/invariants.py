"""The rules that hold whatever happens: pure functions from what was seen to what was broken.

``I1`` … ``I8`` as in the promises: nothing lost, nothing of a rolled-back transaction, nothing stuck, one end by the
claim that was current, each further start explained, no overlap, no more starts than allowed, each start counted.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from jobqueue.states import State, is_legal
from tests.chaos.audit import Move, PoolEvent
from tests.chaos.journal import Run
from tests.chaos.plan import Kind

MAX_ATTEMPTS = 25
MAX_CRASHES = 3
#: Between two clocks that are read one after the other.
TOLERANCE = 0.05

_PID = re.compile(r"pid:(\d+)$")


class Violation(NamedTuple):
    """A rule that was broken, and by what."""

    rule: str
    text: str


class Row(NamedTuple):
    """A job's row at the end."""

    id: int
    state: int
    attempts: int
    crashes: int
    last_error: str | None


@dataclass
class Evidence:
    """All that was seen.

    Attributes:
        kinds: number -> kind, of every job that was to be stored.
        stored: number -> job id, of those whose storing is certain.
        undone: numbers whose transaction was rolled back.
        rows: id -> row at the end.
        deaths: pid -> when it was killed, or killed itself.
        leaving: pid -> since when it was asked to leave, so that its jobs may be put back.
        stops: pid -> times from, until of being stopped or cut off.
        lease: seconds.
    """

    kinds: dict[int, Kind]
    stored: dict[int, int]
    undone: set[int]
    rows: dict[int, Row]
    runs: list[Run]
    moves: list[Move]
    pool_events: list[PoolEvent]
    booked: list[int]
    deaths: dict[int, float] = field(default_factory=dict)
    leaving: dict[int, float] = field(default_factory=dict)
    stops: dict[int, list[tuple[float, float]]] = field(default_factory=dict)
    lease: float = 30.0

    @cached_property
    def kind_of(self) -> dict[int, Kind]:
        """Kinds by job."""
        return {job: self.kinds[number] for number, job in self.stored.items()}

    @cached_property
    def runs_of(self) -> dict[int, list[Run]]:
        """Runs by job."""
        found = defaultdict(list)
        for run in self.runs:
            found[run.job].append(run)
        return found

    @cached_property
    def run_of(self) -> dict[tuple[int, str], Run]:
        """The run of a claim."""
        return {(run.job, run.claim): run for run in self.runs}

    @cached_property
    def endings(self) -> dict[tuple[int, str], Move]:
        """The move that ended a claim."""
        return {(move.job, str(move.was_claim)): move for move in self.moves if _ends_a_claim(move)}

    @cached_property
    def retried_by_hand(self) -> set[int]:
        """Jobs that somebody has made ready again after their end: their counts began anew."""
        return {move.job for move in self.moves if move.was is not None and State(move.was).is_final}

    def given_back(self, job: int) -> int:
        """Return how many of a job's starts were not charged."""
        endings = (self.endings.get((job, run.claim)) for run in self.runs_of.get(job, ()))
        return sum(1 for ending in endings if ending is not None and ending.attempts)

    @cached_property
    def lost_pools(self) -> dict[int, float]:
        """Pools that others have declared dead, and when."""
        return {each.pool: each.at for each in self.pool_events if each.event == "declared dead"}

    def died(self, pid: int, before: float) -> bool:
        """Whether a process was killed before a moment, or went with its killed parent."""
        return self.deaths.get(pid, before + 1) <= before + TOLERANCE

    def was_cut_off(self, pid: int, start: float, until: float) -> bool:
        """Whether a process was stopped for a part of that time."""
        return any(since < until and end > start for since, end in self.stops.get(pid, ()))


def _ends_a_claim(move: Move) -> bool:
    return move.was == State.RUNNING and move.state != State.RUNNING


def check(evidence: Evidence) -> list[Violation]:
    """Return all that was broken."""
    return [violation for rule in RULES for violation in rule(evidence)]


def nothing_is_lost(seen: Evidence) -> Iterator[Violation]:
    """I1: every job that was stored has come to an end that is its kind's."""
    for number, job in seen.stored.items():
        row = seen.rows.get(job)
        if row is None:
            yield Violation("I1", f"job {job} ({number}) is gone")
        elif State(row.state) not in _allowed(seen.kinds[number], row) and not _has_crashed_often(seen, row):
            what = f"{State(row.state).label}, attempts {row.attempts}, crashes {row.crashes}: {row.last_error}"
            yield Violation("I1", f"job {job} ({number}, {seen.kinds[number]}) is {what[:300]}")


def _allowed(kind: Kind, row: Row) -> set[State]:
    if kind is Kind.POISON:
        return {State.FAILED} if "Poison" in (row.last_error or "") else set()
    if kind is Kind.ONCE and row.crashes:
        return {State.SUCCEEDED, State.FAILED}  # each of the crashes needs a cause of its own
    return {State.SUCCEEDED, State.CANCELLED} if kind is Kind.CLICKED else {State.SUCCEEDED}


def _has_crashed_often(seen: Evidence, row: Row) -> bool:
    """Whether a job was parked that had to be: at most one of its crashes may have been a neighbour's."""
    return row.crashes >= MAX_CRASHES and len(seen.runs_of.get(row.id, ())) >= MAX_CRASHES - 1


def nothing_undone_is_performed(seen: Evidence) -> Iterator[Violation]:
    """I2: no run of what was rolled back, and no row that nobody has stored."""
    for run in seen.runs:
        if run.number in seen.undone:
            yield Violation("I2", f"{run.number} was rolled back and performed as job {run.job}")
    for job in seen.rows.keys() - seen.stored.values():
        yield Violation("I2", f"job {job} was stored by nobody, or a second time")


def nothing_is_stuck(seen: Evidence) -> Iterator[Violation]:
    """I3: nothing is held in the end."""
    for row in seen.rows.values():
        if row.state == State.RUNNING:
            yield Violation("I3", f"job {row.id} is still held")


def each_ends_once_by_its_claim(seen: Evidence) -> Iterator[Violation]:
    """I4: legal moves; a claimed row changes under its claim only; success is that of a run that ended well."""
    ends: Counter[int] = Counter()
    for move in seen.moves:
        was, state = _state(move.was), _state(move.state)
        if was != state and not is_legal(was, state):
            yield Violation("I4", f"job {move.job} went from {was!r} to {state!r}")
        if _ends_a_claim(move) and state is not None and move.claim != move.was_claim:
            yield Violation("I4", f"job {move.job} was written under {move.claim}, held under {move.was_claim}")
        if state is State.SUCCEEDED and not _ended_well(seen, move):
            yield Violation("I4", f"job {move.job} succeeded under {move.was_claim}, whose run did not end")
        if state in {State.SUCCEEDED, State.FAILED, State.CANCELLED}:
            ends[move.job] += 1
        elif was is not None and was.is_final:
            ends[move.job] -= 1
    for job, count in ends.items():
        if count > 1:
            yield Violation("I4", f"job {job} came to an end {count} times")


def _state(number: int | None) -> State | None:
    return None if number is None else State(number)


def _ended_well(seen: Evidence, move: Move) -> bool:
    run = seen.run_of.get((move.job, str(move.was_claim)))
    return run is not None and run.how == "end"


def each_claim_is_started_once(seen: Evidence) -> Iterator[Violation]:
    """I4: no two workers start the same claim."""
    for (job, claim), count in Counter((run.job, run.claim) for run in seen.runs).items():
        if count > 1:
            yield Violation("I4", f"job {job} was started {count} times under claim {claim}")


def each_further_start_is_explained(seen: Evidence) -> Iterator[Violation]:
    """I5: a run that was not the last has ended in a way that calls for another, and for a cause that we know."""
    for job, runs in seen.runs_of.items():
        for run in runs[:-1]:
            ending = seen.endings.get((job, run.claim))
            if ending is None or not _calls_for_another(seen, run, ending):
                yield Violation("I5", f"job {job} was performed again after {run}: {ending}")


def _calls_for_another(seen: Evidence, run: Run, ending: Move) -> bool:
    if _lost_its_worker(seen, ending):
        return True
    if ending.crashes:
        return False
    if ending.attempts:
        return run.how == "snoozed" or seen.leaving.get(run.pid, ending.at) < ending.at
    if _state(ending.state) in {State.FAILED, State.CANCELLED}:
        return True  # performed again because somebody has asked for it
    return run.how == "failed" or (seen.kinds[run.number] is Kind.BOOK and _state(ending.state) is State.SCHEDULED)


def _lost_its_worker(seen: Evidence, ending: Move) -> bool:
    found = _PID.search(ending.worker or "")
    if found is not None and seen.died(int(found[1]), ending.at):
        return True
    return ending.pool is not None and seen.lost_pools.get(ending.pool, ending.at + 1) <= ending.at


def no_pool_is_declared_dead_in_vain(seen: Evidence) -> Iterator[Violation]:
    """I5: a pool that could beat is never taken for dead, however long the database was away."""
    for each in seen.pool_events:
        silent_since = each.at - 2 * seen.lease
        if each.event == "declared dead" and not (
            seen.died(each.pid, each.at)
            or seen.leaving.get(each.pid, each.at) < each.at  # and could not give its lease back
            or seen.was_cut_off(each.pid, silent_since, each.at)
        ):
            yield Violation("I5", f"pool {each.pool} (pid {each.pid}) was declared dead and lived")


def nobody_overlaps(seen: Evidence) -> Iterator[Violation]:
    """I6: a job runs at one place at a time, unless its earlier worker was stopped or cut off."""
    for job, runs in seen.runs_of.items():
        for earlier, later in pairwise(runs):
            end = earlier.end or seen.deaths.get(earlier.pid)
            if end is None or later.start >= end - TOLERANCE or earlier.how == "died":
                continue
            if not seen.was_cut_off(earlier.pid, earlier.start, later.start):
                yield Violation("I6", f"job {job} ran at two places: {earlier} and {later}")


def nobody_starts_too_often(seen: Evidence) -> Iterator[Violation]:
    """I7: no more starts than attempts, no more crashes than allowed; an at-most-once job starts once."""
    for job, runs in seen.runs_of.items():
        row, given_back = seen.rows.get(job), seen.given_back(job)
        starts = len(runs) - given_back
        kind = seen.kinds.get(runs[0].number)
        most = {Kind.POISON: MAX_CRASHES, Kind.ONCE: 1}.get(kind, MAX_ATTEMPTS) if kind else MAX_ATTEMPTS
        if starts > most and job not in seen.retried_by_hand:
            yield Violation("I7", f"job {job} ({kind}) was started {starts} times, {most} are allowed")
        if row is not None and row.crashes > MAX_CRASHES:
            yield Violation("I7", f"job {job} has crashed {row.crashes} times, {MAX_CRASHES} are allowed")


def each_charge_is_explained(seen: Evidence) -> Iterator[Violation]:
    """I8: attempts are the starts, save for claims whose worker died before the job could say that it began."""
    for (job, claim), ending in seen.endings.items():
        if seen.kind_of.get(job) is Kind.BOOK and _state(ending.state) is State.SCHEDULED:
            continue  # its transaction could not even be opened
        if not ending.attempts and (job, claim) not in seen.run_of and not _lost_its_worker(seen, ending):
            yield Violation(
                "I8", f"job {job} was charged for claim {claim}, under which it never started: {ending}"
            )
    for job, runs in seen.runs_of.items():
        row, given_back = seen.rows.get(job), seen.given_back(job)
        if row is not None and job not in seen.retried_by_hand and row.attempts < len(runs) - given_back:
            yield Violation(
                "I8", f"job {job}: {row.attempts} attempts, {len(runs)} starts, {given_back} given back"
            )


def the_ledger_is_exact(seen: Evidence) -> Iterator[Violation]:
    """P4: an atomic job's effects are there exactly once if it has succeeded, and not at all if not."""
    counts = Counter(seen.booked)
    for number, job in seen.stored.items():
        if seen.kinds[number] is Kind.BOOK and (row := seen.rows.get(job)) is not None:
            wanted = int(row.state == State.SUCCEEDED)
            if counts[number] != wanted:
                yield Violation("P4", f"{number} is {State(row.state).label} and booked {counts[number]} times")


RULES: tuple[Callable[[Evidence], Iterator[Violation]], ...] = (
    nothing_is_lost,
    nothing_undone_is_performed,
    nothing_is_stuck,
    each_ends_once_by_its_claim,
    each_claim_is_started_once,
    each_further_start_is_explained,
    no_pool_is_declared_dead_in_vain,
    nobody_overlaps,
    nobody_starts_too_often,
    each_charge_is_explained,
    the_ledger_is_exact,
)
