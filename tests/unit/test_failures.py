"""Failures of one kind have one fingerprint."""

from __future__ import annotations

import pytest

from jobqueue.performing.errors import describe
from jobqueue.policy.failures import Failure, blanked, failure_in, fingerprint


def error_of(function: object, *args: object) -> str:
    try:
        function(*args)  # type: ignore[operator]
    except Exception as error:
        return describe(error)
    raise AssertionError


def charge(order: int) -> None:
    raise ConnectionError(f"order {order}: no answer from 'bank-{order}' within {order / 7} s")


def test_what_it_tells_of_an_exception() -> None:
    failure = failure_in(error_of(charge, 7))
    assert failure == Failure("ConnectionError", "order …: no answer from … within … s", "test_failures.py charge")


def test_numbers_make_no_difference() -> None:
    kinds = {fingerprint("shop.jobs.charge", failure_in(error_of(charge, order))) for order in (1, 23, 456)}
    assert len(kinds) == 1


def test_class_place_and_message_do() -> None:
    failure = failure_in(error_of(charge, 7))
    others = [
        ("shop.jobs.other", failure),
        ("shop.jobs.charge", failure._replace(exception="OSError")),
        ("shop.jobs.charge", failure._replace(place="jobs.py other")),
        ("shop.jobs.charge", failure._replace(message="another")),
    ]
    assert fingerprint("shop.jobs.charge", failure) not in {fingerprint(*other) for other in others}


def test_without_the_message_it_makes_no_difference() -> None:
    failures = [Failure("ValueError", message, "jobs.py send") for message in ("one", "two")]
    assert len({fingerprint("a", each, with_message=False) for each in failures}) == 1


def test_the_place_is_the_last_of_our_own_code() -> None:
    error = (
        "requests.ConnectionError: refused\n\n"
        'Traceback (most recent call last):\n  File "/srv/shop/jobs.py", line 7, in send\n    post()\n'
        '  File "/srv/.venv/lib/python3.11/site-packages/requests/api.py", line 9, in post\n    raise\n'
        '  File "/usr/lib/python3.11/socket.py", line 9, in connect\n    raise\n'
    )
    assert failure_in(error) == Failure("requests.ConnectionError", "refused", "jobs.py send")


def test_a_crash_has_no_place() -> None:
    failure = failure_in("Crashed: worker host:a pid:7 was ended by signal 9")
    assert failure == Failure("Crashed", "worker host:a pid:… was ended by signal …", "")


@pytest.mark.parametrize("error", ["", "\n", "no colon here at all", "§: x", "a" * 50_000, "X: " + "1" * 50_000])
def test_any_text_has_one(error: str) -> None:
    failure = failure_in(error)
    assert len(failure.exception) <= 200
    assert len(failure.message) <= 300
    assert len(fingerprint("", failure)) == 16


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        ("order 7 of 12", "order … of …"),
        ("key 3f2b8c1e-9a4d-4c2b-8f6e-0123456789ab", "key …"),
        ("at 0x7f01ab", "at …"),
        ("invalid literal: 'S3cret'", "invalid literal: …"),
        ("facade of a decade", "facade of a decade"),
    ],
)
def test_what_varies_is_left_out(message: str, wanted: str) -> None:
    assert blanked(message) == wanted
