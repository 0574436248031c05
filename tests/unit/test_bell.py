"""The bell: anybody rings, one sleeper wakes, and no ring is lost."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from jobqueue.worker.bell import Bell

LONG = 60.0


@pytest.fixture
def bell() -> Iterator[Bell]:
    each = Bell()
    yield each
    each.close()


def test_without_a_ring_the_time_runs_out(bell: Bell) -> None:
    assert bell.wait(0) is False
    assert bell.wait(0.001) is False
    assert bell.wait(-1) is False


def test_a_ring_before_the_sleep_is_not_lost(bell: Bell) -> None:
    bell.ring()
    assert bell.wait(LONG) is True


def test_many_rings_wake_once(bell: Bell) -> None:
    for _ in range(10):
        bell.ring()
    assert bell.wait(LONG) is True
    assert bell.wait(0) is False


def test_it_can_be_rung_without_end_while_nobody_listens(bell: Bell) -> None:
    for _ in range(100_000):
        bell.ring()
    assert bell.wait(LONG) is True
    assert bell.wait(0) is False


def test_silenced_rings_wake_nobody(bell: Bell) -> None:
    bell.ring()
    bell.silence()
    assert bell.wait(0) is False
    bell.silence()


def test_a_thread_wakes_a_sleeper_without_a_limit(bell: Bell) -> None:
    ringer = threading.Thread(target=bell.ring)
    ringer.start()
    assert bell.wait(None) is True
    ringer.join()


def test_another_process_wakes_the_sleeper(bell: Bell) -> None:
    pid = os.fork()
    if pid == 0:
        bell.ring()
        os._exit(0)
    assert bell.wait(LONG) is True
    os.waitpid(pid, 0)


def test_a_signal_s_handler_wakes_the_sleeper(bell: Bell) -> None:
    before = signal.signal(signal.SIGALRM, lambda *_: bell.ring())
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        assert bell.wait(LONG) is True
    finally:
        signal.signal(signal.SIGALRM, before)


def test_another_descriptor_wakes_too_and_is_no_ring(bell: Bell) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"x")
    assert bell.wait(LONG, [reader]) is False
    assert os.read(reader, 10) == b"x"
    bell.ring()
    os.write(writer, b"x")
    assert bell.wait(LONG, [reader]) is True
    os.close(reader)
    os.close(writer)


def test_it_can_be_polled_with_others(bell: Bell) -> None:
    bell.ring()
    assert os.read(bell.fileno(), 10) == b"!"


def test_closed_it_gives_its_descriptors_back() -> None:
    each = Bell()
    descriptor = each.fileno()
    each.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
