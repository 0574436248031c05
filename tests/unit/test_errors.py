"""The text of last_error: what happened and where, nothing secret, storable everywhere."""

from __future__ import annotations

import pytest

from jobqueue import job
from jobqueue.handlers.masking import Mask
from jobqueue.performing.errors import LIMIT, describe, storable
from jobqueue.testing import work_off


def raised(message: object, kind: type[BaseException] = ValueError) -> BaseException:
    """An exception that has been raised here, below a local variable."""
    password = "s3cret-local"
    try:
        if password:
            raise kind(message)
    except BaseException as error:
        return error
    raise AssertionError


def test_it_begins_with_type_and_message_and_ends_with_the_traceback() -> None:
    head, _, trace = describe(raised("no such video")).partition("\n\n")
    assert head == "ValueError: no such video"
    assert trace.startswith("Traceback (most recent call last):\n")
    assert f'File "{__file__}", line ' in trace
    assert ", in raised\n" in trace
    assert trace.endswith("ValueError: no such video\n")


class Unheard(Exception):
    """An error of a project."""


def test_the_type_is_named_with_its_module() -> None:
    assert describe(raised("no", Unheard)).startswith(f"{__name__}.Unheard: no\n\n")


def test_local_variables_are_not_told() -> None:
    assert "s3cret-local" not in describe(raised("no"))


def test_causes_notes_and_groups_are_told() -> None:
    try:
        try:
            raise raised("the cause")
        except ValueError as cause:
            error = RuntimeError("the effect")
            error.add_note("a note")
            raise error from cause
    except RuntimeError as caught:
        text = describe(caught)
    assert text.startswith("RuntimeError: the effect\na note\n\n")
    assert "ValueError: the cause" in text
    assert "direct cause" in text
    group = ExceptionGroup("several", [KeyError("one"), OSError("two")])
    text = describe(group)
    assert text.startswith("ExceptionGroup: several (2 sub-exceptions)")
    assert "KeyError: 'one'" in text
    assert "OSError: two" in text


class Mute(Exception):
    """An error that cannot even say what it is."""

    def __str__(self) -> str:
        raise RuntimeError


def test_an_error_that_cannot_be_printed_is_still_told() -> None:
    assert describe(raised("", Mute)).startswith(f"{__name__}.Mute: <exception str() failed>")


def deeper(level: int) -> None:
    """Never come back."""
    deeper(level + 1)


def test_an_endless_recursion_is_told_in_short() -> None:
    try:
        deeper(0)
    except RecursionError as error:
        text = describe(error)
    assert text.startswith("RecursionError: maximum recursion depth exceeded")
    assert len(text) < LIMIT


@pytest.mark.parametrize(
    ("given", "stored"),
    [("a\0b", r"a\0b"), ("a\ud800b", r"a\ud800b"), ("é 👍 \u2028 \x1b", "é 👍 \u2028 \x1b"), ("", "")],
)
def test_what_a_database_refuses_is_escaped(given: str, stored: str) -> None:
    assert storable(given) == stored


def test_a_long_text_keeps_its_beginning_and_its_end() -> None:
    text = storable("a" * LIMIT + "b" * LIMIT)
    half = LIMIT // 2
    assert text == f"{'a' * half}\n[… {LIMIT} characters left out …]\n{'b' * half}"


def test_a_text_of_just_the_limit_is_kept_whole() -> None:
    assert storable("x" * LIMIT) == "x" * LIMIT
    assert storable("x" * (LIMIT + 1)) != "x" * (LIMIT + 1)


@pytest.mark.parametrize("before", range(1, 40, 6))
def test_a_value_is_hidden_before_the_text_is_cut(before: int) -> None:
    secret = "0123456789abcdefghijklmnopqrstuvwxyzABCD"
    message = "." * (LIMIT // 2 - len("ValueError: ") - before) + secret + "." * 2 * LIMIT
    text = describe(raised(message), Mask([secret]))
    assert secret[:before] not in text.partition("[…")[0][LIMIT // 2 - 50 :]
    assert "*" in text


@job
def fail(code_points: list[int], times: int) -> None:
    """Raise a message of any characters."""
    raise ValueError("".join(map(chr, code_points)) * times)


@pytest.mark.django_db
@pytest.mark.parametrize(("message", "times"), [("a\0b", 1), ("\ud800", 1), ("x", 100_000), ("é 👍 \x1b[31m", 1)])
def test_every_database_stores_what_a_job_has_raised(message: str, times: int) -> None:
    row = fail.enqueue([ord(char) for char in message], times)
    work_off()
    row.refresh_from_db()
    assert row.last_error is not None
    assert row.last_error.startswith(f"ValueError: {storable(message * times)[:5000]}")
