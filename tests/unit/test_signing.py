"""A handler is performed only as it was stored."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import override_settings

from jobqueue.exceptions import BadSignature
from jobqueue.handlers import sign, verify
from jobqueue.handlers.signing import split

BODY = '{"job":"tests.app.jobs.add","args":[7]}'
COLUMNS: dict[str, Any] = {
    "name": "tests.app.jobs.add",
    "queue": "default",
    "max_attempts": None,
    "max_run_time": None,
}


def test_what_was_signed_verifies() -> None:
    handler = sign(BODY, **COLUMNS)

    assert verify(handler, **COLUMNS) == BODY
    assert handler.startswith(f"{BODY}\nv1:")


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "tests.app.jobs.send_receipt"},
        {"queue": "mail"},
        {"queue": ""},
        {"name": "tests.app.jobs.add7:default", "queue": ""},
        {"max_attempts": 1},
        {"max_run_time": 1.0},
        {"name": None},
        {"name": "\ud800"},
        {"max_run_time": "x"},
    ],
    ids=str,
)
def test_a_changed_column_breaks_the_signature(changed: dict[str, Any]) -> None:
    with pytest.raises(BadSignature):
        verify(sign(BODY, **COLUMNS), **{**COLUMNS, **changed})


@pytest.mark.parametrize(
    "tamper",
    [
        lambda body, tag: body.replace("7", "8") + "\n" + tag,
        lambda body, tag: body,
        lambda body, tag: body + "\n",
        lambda body, tag: body + "\nv1:",
        lambda body, tag: body + "\n" + tag[:-2],
        lambda body, tag: body + "\n" + tag + "\n",
        lambda body, tag: body + " \n" + tag,
        lambda body, tag: body + "\nv2:" + tag[3:],
        lambda body, tag: body + "\nv1:é" + tag[4:],
        lambda body, tag: "",
        lambda body, tag: "\n" + tag,
    ],
)
def test_a_changed_handler_breaks_the_signature_and_the_error_tells_no_secret(tamper: Any) -> None:
    body, tag = split(sign(BODY, **COLUMNS))

    with pytest.raises(BadSignature) as caught:
        verify(tamper(body, tag), **COLUMNS)

    assert "for tests only" not in str(caught.value)
    assert str(tag)[3:] not in str(caught.value)


def test_the_signature_of_one_row_does_not_serve_another() -> None:
    _, tag = split(sign(BODY, **COLUMNS))
    with pytest.raises(BadSignature):
        verify(BODY.replace("7", "8") + f"\n{tag}", **COLUMNS)


def test_a_whole_number_of_seconds_is_the_same_as_the_float_that_the_column_returns() -> None:
    columns = {**COLUMNS, "max_run_time": 60}
    assert verify(sign(BODY, **columns), **{**COLUMNS, "max_run_time": 60.0}) == BODY


def test_keys_rotate_by_fallbacks() -> None:
    with override_settings(SECRET_KEY="old"):
        handler = sign(BODY, **COLUMNS)
    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["old"]):
        assert verify(handler, **COLUMNS) == BODY
        newer = sign(BODY, **COLUMNS)
    with override_settings(SECRET_KEY="new"):
        assert verify(newer, **COLUMNS) == BODY
        with pytest.raises(BadSignature):
            verify(handler, **COLUMNS)


def test_own_keys_replace_the_secret_key() -> None:
    with override_settings(JOBQUEUE={"SIGNING_KEYS": ["second", "first"]}):
        handler = sign(BODY, **COLUMNS)
    with override_settings(JOBQUEUE={"SIGNING_KEYS": ["third", "second"]}):
        assert verify(handler, **COLUMNS) == BODY
    with pytest.raises(BadSignature):
        verify(handler, **COLUMNS)


def test_a_signature_is_made_by_the_first_key_alone() -> None:
    with override_settings(JOBQUEUE={"SIGNING_KEYS": ["second", "first"]}):
        handler = sign(BODY, **COLUMNS)
    with override_settings(JOBQUEUE={"SIGNING_KEYS": ["first"]}), pytest.raises(BadSignature):
        verify(handler, **COLUMNS)
