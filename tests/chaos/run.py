"""One run: jobs are stored, pools work, faults happen; then everything is held against the rules."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median

from tests.chaos.invariants import Evidence, Row, Violation, check
from tests.chaos.plan import Kind, Planned, plan
from tests.chaos.scene import Options, Record, Scene, callers, scene

#: Without any job coming to its end for so many seconds, in leases, the run has come to a standstill.
STANDSTILL_LEASES = 15
#: Of the time of faults, for so much there is work.
LOAD = 0.7


@dataclass
class Report:
    """What came of a run."""

    options: Options
    seconds: float
    evidence: Evidence
    violations: list[Violation]
    deeds: dict[str, int]
    dropped: int
    exits: list[int]

    @property
    def holds(self) -> bool:
        """Whether every rule held."""
        return not self.violations

    def lines(self) -> Iterator[str]:
        """Yield what people read; the last line is a summary."""
        for violation in self.violations[:50]:
            yield f"{violation.rule} {violation.text}"
        yield f"faults: {', '.join(f'{count} {name}' for name, count in sorted(self.deeds.items()))}; {self._returns()}"
        yield self.summary()

    def summary(self) -> str:
        """Return the last line."""
        seen, broken = self.evidence, [violation.rule for violation in self.violations]
        counts = {
            "lost": broken.count("I1"),
            "of rollbacks": broken.count("I2"),
            "stuck": broken.count("I3"),
            "stale or double ends": broken.count("I4"),
            "unexplained starts": broken.count("I5"),
            "overlaps": broken.count("I6"),
            "other": sum(1 for rule in broken if rule not in {"I1", "I2", "I3", "I4", "I5", "I6"}),
        }
        further = len(seen.runs) - len(seen.runs_of)
        text = ", ".join(f"{name} {count}" for name, count in counts.items())
        verdict = "OK" if self.holds else "BROKEN"
        options = self.options
        return (
            f"{verdict} seed {options.seed} {options.database}: {len(seen.stored):,} jobs, {further} further starts, "
            f"{len(seen.deaths)} processes killed, {self.dropped} answers lost, {self.seconds:.0f} s: {text}"
        )

    def _returns(self) -> str:
        """How soon the jobs of killed workers, whose pool lived on, were back."""
        waits = sorted(self._waits())
        if not waits:
            return "no killed worker held a job"
        most = waits[-1]
        return f"jobs of {len(waits)} killed workers were back in {median(waits):.2f} s, {most:.2f} s at most"

    def _waits(self) -> Iterator[float]:
        seen = self.evidence
        last: dict[int, float] = {}
        for (_, _), move in seen.endings.items():
            words = (move.worker or "").rpartition("pid:")
            pid = int(words[2]) if words[2].isdecimal() else 0
            if pid in seen.deaths and move.at > seen.deaths[pid] and move.crashes:
                last[pid] = max(last.get(pid, 0.0), move.at - seen.deaths[pid])
        yield from last.values()


def run(options: Options, directory: Path) -> Report:
    """Do it all."""
    began = time.monotonic()
    with scene(options, directory) as found:
        planned = plan(options.jobs, options.seconds * options.workers * LOAD / options.jobs, Random(options.seed))
        ids = _store(planned)
        first, count = options.jobs, max(options.jobs // 20, 50)
        for _ in range(max(options.workers // 2, 1)):
            found.start_pool()
        with callers(found, first, count) as calls:
            _disturb(found)
        _let_it_end(found)
        exits = [pool.stop() for pool in found.pools]
        evidence = _gather(found, planned, ids, calls)
        violations = [*check(evidence), *_check_database(options), *_check_exits(exits)]
        dropped = found.proxy.dropped if found.proxy else 0
    return Report(
        options, time.monotonic() - began, evidence, violations, dict(found.record.deeds), dropped, exits
    )


def _store(planned: list[Planned]) -> list[int]:
    from jobqueue import enqueue_many
    from tests.chaos import audit, jobs

    audit.install()
    return list(enqueue_many(getattr(jobs, each.kind).bind(each.number, *each.arguments) for each in planned))


def _disturb(found: Scene) -> None:
    """Let faults happen, at random."""
    from tests.chaos import faults

    options = found.options
    known = faults.known(options.database)
    chosen = {
        fault: weight for fault, weight in known.items() if fault.__name__ in (options.faults or _names(known))
    }
    time.sleep(2)  # for the pools to be there
    until = time.monotonic() + options.seconds
    while time.monotonic() < until:
        time.sleep(found.chance.uniform(0, 2 * options.pause))
        [fault] = found.chance.choices(list(chosen), list(chosen.values()))
        found.record.deeds[fault.__name__] += 1
        fault(found)
    found.join()


def _names(known: dict) -> set[str]:  # type: ignore[type-arg]
    return {fault.__name__ for fault in known}


def _let_it_end(found: Scene) -> None:
    """Wait until all has ended, as long as there is progress."""
    last, since = -1, time.monotonic()
    while True:
        left = _unfinished()
        if left == 0:
            return
        if left != last:
            last, since = left, time.monotonic()
        if time.monotonic() - since > STANDSTILL_LEASES * found.options.lease:
            return  # the rules will say what is stuck
        time.sleep(0.2)


def _unfinished() -> int:
    from django.db import OperationalError, connection

    from jobqueue.models import Job
    from jobqueue.states import State

    try:
        return Job.objects.filter(state__lt=State.SUCCEEDED).count()
    except OperationalError:
        connection.close()
        return -1


def _gather(found: Scene, planned: list[Planned], ids: list[int], calls: Path) -> Evidence:
    from tests.chaos import journal

    called = journal.calls(calls)
    kinds = {each.number: each.kind for each in planned}
    kinds |= dict.fromkeys(called.stored, Kind.CLICKED)
    stored = {each.number: job for each, job in zip(planned, ids, strict=True)} | called.stored
    seen = gather(found.directory / "jobs", kinds, stored, called.undone, found.record, found.options.lease)
    with (found.directory / "moves.log").open("w") as stream:
        stream.writelines(f"{move}\n" for move in seen.moves)
    return seen


def gather(
    jobs: Path, kinds: dict[int, Kind], stored: dict[int, int], undone: set[int], record: Record, lease: float
) -> Evidence:
    """Return all that was seen: by the database, in the journal of the jobs, and what was done to whom."""
    from jobqueue.models import Job
    from tests.chaos import audit, journal

    runs = journal.runs(jobs)
    return Evidence(
        kinds=kinds,
        stored=stored,
        undone=undone,
        rows={row[0]: Row(*row) for row in Job.objects.values_list(*Row._fields)},
        runs=runs,
        moves=audit.moves(),
        pool_events=audit.pool_events(),
        booked=audit.booked(),
        deaths=record.deaths | {run.pid: run.end for run in runs if run.how == "died" and run.end},
        leaving=record.leaving,
        stops=record.stops,
        lease=lease,
    )


def _check_database(options: Options) -> Iterator[Violation]:
    from django.db import connection

    query = "PRAGMA integrity_check"
    wanted: object = "ok"
    if options.database == "postgresql":
        query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        wanted = 0
    with connection.cursor() as cursor:
        cursor.execute(query)
        [value] = cursor.fetchone()
    if value != wanted:
        yield Violation("database", f"{query} said {value}")


def _check_exits(exits: list[int]) -> Iterator[Violation]:
    for status in exits:
        if status not in {0, 4}:
            yield Violation("exit", f"a pool has ended with {status}")
