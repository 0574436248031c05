"""How soon an idle worker starts a job: from the commit to the first line of the job's function."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from statistics import quantiles

from django.db import transaction

from benchmarks import raw, table
from benchmarks.jobs import rest, stamp
from benchmarks.ledger import Ledger
from benchmarks.report import Bar, Figure, at_most
from benchmarks.scale import Scale
from benchmarks.stage import another_process, pool, wait_until

#: Milliseconds, of the median and of the slowest in a hundred.
BARS = {"postgresql": (at_most(1.5), at_most(5)), "sqlite": (at_most(8), at_most(25))}
GAPS = (0.005, 0.06)
WARM_UPS = 10
LOAD_PER_SECOND = 200
LOAD_SECONDS = 0.001


def run(database: str, scale: Scale) -> Iterator[Figure]:
    """Time single pickups, alone and under a light load."""
    waits = _alone(scale.pickups)
    floor = _raw(scale.pickups) if database == "postgresql" else None
    yield from _figures(database, "", waits, floor, BARS[database])
    what = f" beside {LOAD_PER_SECOND} jobs/s of 1 ms"
    yield from _figures(database, what, _under_load(scale.pickups), None, (None, None))


def _figures(
    database: str, what: str, waits: list[float], floor: list[float] | None, bars: tuple[Bar | None, Bar | None]
) -> Iterator[Figure]:
    for percent, bar in zip((50, 99), bars, strict=True):
        least = _percentile(floor, percent) if floor else None
        yield Figure("pickup", database, f"p{percent}{what}", "ms", _percentile(waits, percent), least, bar)


def _percentile(waits: list[float], percent: int) -> float:
    """Return milliseconds."""
    return 1000 * quantiles(waits, n=100, method="inclusive")[percent - 1]


def _alone(pickups: int) -> list[float]:
    """One worker, and one job at a time."""
    table.empty()
    ledger = Ledger.new(WARM_UPS + pickups)
    with pool() as running:
        _pick_up(ledger, running.wait_until, range(WARM_UPS))
        waits = _pick_up(ledger, running.wait_until, range(WARM_UPS, WARM_UPS + pickups))
        running.wait_until(table.is_done)
    ledger.check()
    return waits


def _raw(pickups: int) -> list[float]:
    """The barest worker in place of a pool."""
    table.empty()
    ledger = Ledger.new(WARM_UPS + pickups)
    with another_process() as other:
        working = other.submit(raw.pick_up, WARM_UPS + pickups)
        _pick_up(ledger, wait_until, range(WARM_UPS))
        waits = _pick_up(ledger, wait_until, range(WARM_UPS, WARM_UPS + pickups))
        working.result()
    ledger.check()
    return waits


def _under_load(pickups: int) -> list[float]:
    """Two workers, and another process that stores jobs all the time."""
    load = round(LOAD_PER_SECOND * pickups * sum(GAPS) / 2)
    first = load + WARM_UPS
    table.empty()
    ledger = Ledger.new(first + pickups)
    with pool("-n", "2") as running, another_process() as other:
        _pick_up(ledger, running.wait_until, range(load, first))
        loading = other.submit(store_steadily, load)
        running.wait_until(lambda: loading.done() or ledger.ran > WARM_UPS)
        waits = _pick_up(ledger, running.wait_until, range(first, first + pickups))
        loading.result()
        running.wait_until(lambda: ledger.ran == first + pickups and table.is_done())
    ledger.check()
    return waits


def store_steadily(jobs: int) -> None:
    """Store so many jobs, evenly in time."""
    began = time.monotonic()
    for number in range(jobs):
        time.sleep(max(0.0, began + number / LOAD_PER_SECOND - time.monotonic()))
        rest.enqueue(number, LOAD_SECONDS)


def _pick_up(ledger: Ledger, wait: Callable[..., None], numbers: range) -> list[float]:
    """Store jobs one after another, each when the one before has started; return the seconds that each waited."""
    random = Random(numbers.start)  # noqa: S311 (gaps between jobs)
    stored = []
    for number in numbers:
        stored.append(_commit(number))
        time.sleep(random.uniform(*GAPS))
        wait(partial(ledger.has_run, number), pause=0.002)
    return [ledger.starts[number] - moment for number, moment in zip(numbers, stored, strict=True)]


def _commit(number: int) -> float:
    """Store a job and return the moment of the commit, before the workers are told of it."""
    committed = []
    with transaction.atomic():
        transaction.on_commit(lambda: committed.append(time.monotonic()))
        stamp.enqueue(number)
    return committed[0]
