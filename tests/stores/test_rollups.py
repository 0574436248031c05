"""The rows of figures: written as they stand, added up once, made hours, deleted; on every database."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection, connections
from django.db.models import Sum

from jobqueue.models import Rollup
from jobqueue.models.rollup import minute_of, writer_in
from jobqueue.stores.base import Store
from jobqueue.stores.rollups import CLOSED_MINUTES, COLUMNS, FINE_MINUTES, Ledger
from tests.stores.test_plans import only_on
from tests.stores.test_races import Race

ANY = 1000


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return Ledger(store)


@pytest.fixture
def now(store: Store) -> int:
    return minute_of(store.now())


@pytest.fixture
def race(tmp_path: Path) -> Iterator[Race]:
    each = Race(tmp_path)
    yield each
    each.end()


def told(minute: int, name: str = "send", queue: str = "default", **figures: float) -> dict[str, Any]:
    return {"minute": minute, "queue": queue, "name": name, **figures}


def plant(minute: int, *, writer: int = 0, name: str = "send", **figures: float) -> Rollup:
    return Rollup.objects.create(minute=minute, queue="default", name=name, writer=writer, **figures)


def sums() -> dict[str, float]:
    return Rollup.objects.aggregate(**{f"{name}_": Sum(name) for name in COLUMNS})


def random_figures() -> dict[str, int]:
    return {name: random.randint(0, 9) for name in COLUMNS}


class TestWriting:
    def test_rows_are_written_as_they_stand(self, ledger: Ledger, now: int) -> None:
        writer = writer_in(now, 5)
        assert ledger.write(writer, [told(now, succeeded=1, run_seconds=0.25, run_04=1)]).in_time
        assert ledger.write(writer, [told(now, succeeded=3, failed=1, run_seconds=0.5)]).in_time
        row = Rollup.objects.get()
        assert (row.minute, row.minutes, row.queue, row.name, row.writer) == (now, 1, "default", "send", writer)

    def test_a_repeated_write_counts_nothing_twice(self, ledger: Ledger, now: int) -> None:
        rows = [told(now - n, f"job{n}", succeeded=n) for n in range(300)]
        for _ in range(3):
            ledger.write(writer_in(now), rows)
        assert Rollup.objects.count() == 300
        assert sums()["succeeded_"] == sum(range(300))

    def test_each_writer_has_rows_of_its_own(self, ledger: Ledger, now: int) -> None:
        for number in range(3):
            ledger.write(writer_in(now, number), [told(now, succeeded=1)])
        assert sums()["succeeded_"] == 3

    def test_it_tells_the_database_s_time(self, ledger: Ledger, store: Store, now: int) -> None:
        asked = store.now().timestamp()
        assert 0 <= ledger.write(writer_in(now), [told(now)]).now - asked < 5
        assert 0 <= ledger.write(writer_in(now - 9), [told(now)]).now - asked < 10

    def test_too_late_is_too_late(self, ledger: Ledger, now: int) -> None:
        """Maintenance may have taken the rows already."""
        assert not ledger.write(writer_in(now - CLOSED_MINUTES), [told(now)]).in_time
        assert not Rollup.objects.exists()

    def test_names_may_be_anything(self, ledger: Ledger, now: int) -> None:
        names = ["größe", 'a"b', "a'; DROP TABLE", "%s", "\\", "😀", ""]
        ledger.write(writer_in(now), [told(now, name) for name in names])
        assert set(Rollup.objects.values_list("name", flat=True)) == set(names)

    def test_it_waits_for_nobody(self, ledger: Ledger, now: int) -> None:
        ledger.write(writer_in(now), [told(now, succeeded=1)])
        other = connections.create_connection("default")
        try:
            with other.cursor() as cursor:
                cursor.execute("BEGIN IMMEDIATE" if other.vendor == "sqlite" else "BEGIN")
                cursor.execute("UPDATE jobqueue_rollup SET failed = 0")
                with pytest.raises(OperationalError, match="lock"):
                    ledger.write(writer_in(now), [told(now, succeeded=2)])
                cursor.execute("ROLLBACK")
        finally:
            other.close()
        assert sums()["succeeded_"] == 1


class TestAddingUp:
    def test_what_nobody_writes_any_more(self, ledger: Ledger, now: int) -> None:
        closed = writer_in(now - CLOSED_MINUTES - 1)
        plant(now - 6, succeeded=100, run_03=7)
        for number in range(3):
            plant(now - 6, writer=closed + number, succeeded=1, run_seconds=0.5)
        plant(now - 7, writer=closed, succeeded=1)
        still = plant(now - 6, writer=writer_in(now - CLOSED_MINUTES, 1), succeeded=1)
        assert ledger.add_up(ANY) == 4
        rows = Rollup.objects.order_by("minute", "writer")
        assert [(row.minute, row.writer, row.succeeded) for row in rows] == [
            (now - 7, 0, 1),
            (now - 6, 0, 103),
            (now - 6, still.writer, 1),
        ]
        assert (rows[1].run_seconds, sums()["run_03_"]) == (1.5, 7)
        assert ledger.add_up(ANY) == 0

    def test_in_batches(self, ledger: Ledger, now: int) -> None:
        for number in range(7):
            plant(now - 6, writer=writer_in(now - 9) + number, succeeded=1)
        assert [ledger.add_up(3) for _ in range(4)] == [3, 3, 1, 0]
        assert Rollup.objects.get().succeeded == 7

    def test_every_figure_is_kept(self, ledger: Ledger, now: int) -> None:
        for _ in range(50):
            minute = now - random.choice([6, 7, FINE_MINUTES + 100, FINE_MINUTES + 130])
            writer = writer_in(now - 9, random.getrandbits(30))
            plant(minute, writer=writer, name=random.choice("abc"), **random_figures())
        before = sums()
        while ledger.add_up(8):
            pass
        assert sums() == before
        assert set(Rollup.objects.values_list("writer", flat=True)) == {0}

    def test_what_is_long_past_becomes_hours_at_once(self, ledger: Ledger, now: int) -> None:
        minute = now - 9 * 24 * 60
        plant(minute, writer=writer_in(now - 9), stored=1)
        ledger.add_up(ANY)
        row = Rollup.objects.get()
        assert (row.minute, row.minutes, row.stored) == (minute // 60 * 60, 60, 1)

    @only_on("postgresql")
    def test_what_others_add_up_is_left_to_them(self, ledger: Ledger, now: int) -> None:
        for number in range(2):
            plant(now - 6, writer=writer_in(now - 9) + number, succeeded=1, name=f"job{number}")
        other = connections.create_connection("default")
        try:
            with other.cursor() as cursor:
                cursor.execute("BEGIN")
                cursor.execute("SELECT 1 FROM jobqueue_rollup WHERE name = 'job0' FOR NO KEY UPDATE")
                ledger.add_up(ANY)
        finally:
            other.close()
        assert dict(Rollup.objects.values_list("name", "writer")) == {"job0": writer_in(now - 9), "job1": 0}

    @only_on("postgresql")
    def test_a_look_reads_the_few_that_are_new(self, ledger: Ledger, now: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO jobqueue_rollup (minute, minutes, queue, name, writer, "
                + ", ".join(COLUMNS)
                + ") SELECT n, 1, '', 'a', 0, "
                + ", ".join("0" for _ in COLUMNS)
                + " FROM generate_series(1, 20000) AS n"
            )
            cursor.execute("BEGIN; SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
            cursor.execute("EXPLAIN SELECT id FROM jobqueue_rollup WHERE writer > 0 AND writer < 9 LIMIT 9")
            plan = "\n".join(line for (line,) in cursor.fetchall())
            cursor.execute("ROLLBACK")
        assert "jobqueue_rollup_fresh" in plan


class TestHours:
    def test_of_minutes_that_are_long_past(self, ledger: Ledger, now: int) -> None:
        first = (now - FINE_MINUTES) // 60 * 60
        for minute in (first - 120, first - 61, first - 60, first - 1, first):
            plant(minute, succeeded=1, wait_26=2)
        before = sums()
        assert ledger.coarsen(ANY) == 4
        found = Rollup.objects.order_by("minute").values_list("minute", "minutes", "succeeded", "wait_26")
        assert list(found) == [(first - 120, 60, 2, 4), (first - 60, 60, 2, 4), (first, 1, 1, 2)]
        assert sums() == before
        assert ledger.coarsen(ANY) == 0

    def test_every_sum_and_histogram_is_kept(self, ledger: Ledger, now: int) -> None:
        for minute in random.sample(range(now - FINE_MINUTES - 500, now - FINE_MINUTES + 100), 80):
            plant(minute, name=random.choice("ab"), **random_figures())
        before = sums()
        while ledger.coarsen(7):
            pass
        assert sums() == before
        rows = Counter(Rollup.objects.values_list("minutes", flat=True))
        assert rows[60] <= 2 * 10

    def test_what_is_still_written_is_left(self, ledger: Ledger, now: int) -> None:
        plant(now - FINE_MINUTES - 100, writer=writer_in(now), stored=1)
        assert ledger.coarsen(ANY) == 0
        assert Rollup.objects.get().minutes == 1


class TestForgetting:
    def test_what_is_older(self, ledger: Ledger, now: int) -> None:
        for minutes in range(10):
            plant(now - minutes)
        assert [ledger.forget(295, 3) for _ in range(3)] == [3, 2, 0]
        assert Rollup.objects.count() == 5

    def test_all(self, ledger: Ledger, now: int) -> None:
        plant(now - 1)
        assert ledger.forget(0, ANY) == 1


def test_of_several_who_write_and_add_up_at_once_nothing_is_lost_or_doubled(
    store: Store, race: Race, now: int
) -> None:
    """Each adds up what is closed, while others do the same and write under minutes that are still open."""
    for number in range(400):
        plant(
            now - 6 - number % 3, writer=writer_in(now - 9, number), name=f"job{number % 5}", succeeded=1, run_05=2
        )
    for number in range(300):
        plant(now - FINE_MINUTES - 100 - number, name="old", stored=1)
    written = race.run(6, "keep_books", 4)
    found = sums()
    assert found["succeeded_"] == 400 + sum(each["written"] for each in written)
    assert (found["run_05_"], found["stored_"]) == (800, 300)
    assert sum(1 for each in written if each["added"]) > 1
    assert not Rollup.objects.filter(writer__gt=0, writer__lt=writer_in(now - CLOSED_MINUTES)).exists()
    assert not Rollup.objects.filter(name="old", minutes=1).exists()
