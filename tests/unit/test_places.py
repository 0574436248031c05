"""Places for jobs that block, beside coroutines that need none."""

from __future__ import annotations

import threading

from jobqueue.worker.places import Places


def never() -> bool:
    return False


def on_a_thread(places: Places, name: str, give_up: bool = True) -> bool:
    """Whether another performer gets a place (and keeps it)."""
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(places.take(name, lambda: give_up)))
    thread.start()
    thread.join()
    return answers[0]


def test_so_many_jobs_block_at_a_time() -> None:
    places = Places(2)
    assert places.take("sync", never)
    assert on_a_thread(places, "sync")
    assert not on_a_thread(places, "sync")
    places.leave()
    assert on_a_thread(places, "sync")


def test_a_place_is_left_once() -> None:
    places = Places(1)
    places.take("sync", never)
    places.leave()
    places.leave()
    assert on_a_thread(places, "sync")
    assert not on_a_thread(places, "sync")


def test_what_has_turned_out_to_be_a_coroutine_needs_no_place() -> None:
    places = Places(1)
    assert places.take("coroutine", never)
    assert not on_a_thread(places, "coroutine")
    places.leave_to_others("coroutine")
    assert on_a_thread(places, "sync")
    assert on_a_thread(places, "coroutine")
    assert on_a_thread(places, "coroutine")


def test_who_waits_goes_on_as_soon_as_it_is_known() -> None:
    places = Places(1)
    places.take("sync", never)
    waiting = threading.Thread(target=lambda: places.take("coroutine", never))
    waiting.start()
    places.leave_to_others("coroutine")
    waiting.join(10)
    assert not waiting.is_alive()
