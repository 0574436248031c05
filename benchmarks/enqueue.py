"""How fast jobs are stored."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from benchmarks import raw_inserts, table
from benchmarks.jobs import Counter, nothing
from benchmarks.processes import peak_megabytes
from benchmarks.report import Figure, at_least, ratio_at_least
from benchmarks.rounds import alternate
from benchmarks.scale import Scale
from benchmarks.stage import another_process
from jobqueue import enqueue_many, send_later

#: Rounds are this many times more and shorter than elsewhere: a disk's pace changes from second to second.
SLICES = 5

Enqueue = Callable[[int], object]


def run(database: str, scale: Scale) -> Iterator[Figure]:
    """Store jobs one by one, many at once, and very many from a generator."""
    yield _one_by_one(database, "job.enqueue / bare INSERT", scale, nothing.enqueue)
    yield _one_by_one(database, "send_later / bare INSERT", scale, _send_later)
    yield from _many(database, scale)
    yield from _stream(database, scale.huge)


def _send_later(number: int) -> object:
    return send_later(Counter, "count", args=[number])


def _one_by_one(database: str, what: str, scale: Scale, enqueue: Enqueue) -> Figure:
    """In autocommit: a commit for each."""
    count = scale.few // SLICES
    store_each(count, enqueue)
    rows = raw_inserts.stored_rows()

    def bare() -> float:
        table.empty()
        return raw_inserts.one_by_one(rows)

    rate = alternate(SLICES * scale.rounds, {"bare": bare, "ours": lambda: store_each(count, enqueue)})
    return Figure("enqueue", database, what, "jobs/s", rate["ours"], rate["bare"], ratio_at_least(0.8))


def _many(database: str, scale: Scale) -> Iterator[Figure]:
    """One call of enqueue_many beside the fastest that the database knows."""
    count = scale.few
    store_many(count)
    rows = raw_inserts.stored_rows()

    def bare() -> float:
        table.empty()
        return raw_inserts.at_once(rows)

    rate = alternate(SLICES * scale.rounds, {"bare": bare, "ours": lambda: store_many(count)})
    fastest = {"postgresql": "COPY", "sqlite": "executemany"}[database]
    what = f"enqueue_many of {count:,}"
    yield Figure(
        "enqueue", database, f"{what} / {fastest}", "jobs/s", rate["ours"], rate["bare"], ratio_at_least(0.5)
    )
    yield Figure("enqueue", database, what, "jobs/s", rate["ours"], None, at_least(60_000))


def _stream(database: str, count: int) -> Iterator[Figure]:
    """A generator of very many, in a process whose memory nothing else has stretched."""
    table.empty()
    with another_process() as process:
        rate, growth = process.submit(stream, count).result()
    table.check_stored(count)
    yield Figure("enqueue", database, f"enqueue_many, generator of {count:,}", "jobs/s", rate)
    yield Figure("enqueue", database, "the same, growth of peak memory", "MB", growth)


def store_each(count: int, enqueue: Enqueue) -> float:
    """Store so many jobs one by one; return how many a second."""
    table.empty()
    began = time.perf_counter()
    for number in range(count):
        enqueue(number)
    rate = count / (time.perf_counter() - began)
    table.check_stored(count)
    return rate


def store_many(count: int) -> float:
    """Store so many jobs in one call; return how many a second."""
    table.empty()
    began = time.perf_counter()
    enqueue_many(nothing.bind(number) for number in range(count))
    rate = count / (time.perf_counter() - began)
    table.check_stored(count)
    return rate


def stream(count: int) -> tuple[float, float]:
    """Store what a generator yields; return how many a second, and by how many MB the peak of memory has grown."""
    table.check_stored(0)
    before, began = peak_megabytes(), time.perf_counter()
    enqueue_many(nothing.bind(number) for number in range(count))
    return count / (time.perf_counter() - began), peak_megabytes() - before
