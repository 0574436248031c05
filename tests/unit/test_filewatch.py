"""The watch on a SQLite file: silent at rest, awake for a while after a write."""

from __future__ import annotations

import errno
import select
import sqlite3
import sys
from math import inf
from pathlib import Path

import pytest
from django.db import connection

from jobqueue.stores import get_store
from jobqueue.stores.filewatch import BLIND_SECONDS, LOOKS, Blind, Inotify, watch_of

only_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of writes")


class Clock:
    """A clock that is moved by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def file(tmp_path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(tmp_path / "jobs.sqlite3")
    connection.executescript("PRAGMA journal_mode=WAL; CREATE TABLE job (id)")
    return connection


def is_readable(descriptor: int | None) -> bool:
    assert descriptor is not None
    return bool(select.select([descriptor], [], [], 0)[0])


@only_linux
def test_it_sleeps_until_something_is_written_and_then_looks_for_a_while(
    file: sqlite3.Connection, tmp_path: Path
) -> None:
    clock = Clock()
    watch = Inotify(tmp_path / "jobs.sqlite3", clock)
    watch.begin()
    descriptor = watch.descriptor()
    assert watch.pause() == inf
    assert not is_readable(descriptor)

    with file:
        file.execute("INSERT INTO job VALUES (1)")
    assert is_readable(descriptor)
    (busy, often), (quiet, seldom) = LOOKS
    assert (watch.pause(), watch.descriptor()) == (often, None), "a busy file must not wake us for every page"
    clock.now += 2 * busy
    assert (watch.pause(), watch.descriptor()) == (seldom, descriptor), "the disk may delay the commit"
    clock.now += quiet
    assert watch.pause() == inf
    assert not is_readable(watch.descriptor())


@only_linux
def test_a_log_that_comes_later_is_watched_from_the_next_beginning(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite3"
    path.touch()
    watch = Inotify(path, Clock())
    watch.begin()
    log = path.with_name("jobs.sqlite3-wal")
    log.touch()
    watch.begin()
    log.write_bytes(b"frame")
    assert watch.pause() == LOOKS[0][1]


def test_what_is_no_file_is_looked_at_all_the_time(tmp_path: Path) -> None:
    watch = watch_of(tmp_path / "missing")
    assert isinstance(watch, Blind)
    watch.begin()
    assert (watch.pause(), watch.descriptor()) == (BLIND_SECONDS, None)


@only_linux
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="a watch on a SQLite file")
def test_without_watches_left_it_looks_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(watch: Inotify) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    assert isinstance(watch_of(Path(connection.settings_dict["NAME"])), Inotify)
    monkeypatch.setattr(Inotify, "begin", refuse)
    ear = get_store().ear()
    ear.listen()
    assert (ear.pause(), ear.descriptor()) == (BLIND_SECONDS, None)
