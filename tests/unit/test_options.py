"""Options: order of precedence, ranges, and errors that say the limit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import override_settings
from django.utils import timezone as django_timezone

from jobqueue.exceptions import OptionError, QueueNameError
from jobqueue.options import DEFAULTS, Options, check_call, check_declaration, merge


def test_a_call_outranks_the_declaration() -> None:
    declared = check_declaration({"queue": "mail", "priority": 1, "max_attempts": 3})
    assert merge(declared, check_call({"priority": 2, "queue": None})) == Options("mail", 2, max_attempts=3)


def test_nothing_said_means_the_defaults() -> None:
    assert merge({}, check_call({"priority": None, "run_at": None})) is DEFAULTS


@override_settings(JOBQUEUE={"QUEUES": {"default": 0, "mail": 9}})
def test_a_queue_gives_its_priority_where_none_is_said() -> None:
    assert merge({}, {"queue": "mail"}).priority == 9
    assert merge({"queue": "mail", "priority": 0}, {}).priority == 0
    assert merge({}, {"queue": "mail", "priority": 1}).priority == 1


@override_settings(JOBQUEUE={"QUEUES": ["default", "mail"]})
def test_a_queue_that_is_not_declared_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(QueueNameError) as caught:
        merge({}, check_call({"queue": "mial"}))
    assert str(caught.value) == 'Unknown queue "mial". Declared: default, mail. Did you mean "mail"?'


@override_settings(JOBQUEUE={"QUEUES": ["mail"]})
def test_the_default_queue_must_be_declared_too() -> None:
    with pytest.raises(QueueNameError, match=r'Unknown queue "default". Declared: mail.'):
        merge({}, {})


NOW = django_timezone.now()
NAIVE = datetime(2026, 11, 22, 9)

BAD: list[tuple[dict[str, Any], str]] = [
    ({"queue": ""}, "queue must be 1 to 64"),
    ({"queue": "q" * 65}, "queue must be 1 to 64"),
    ({"queue": "a b"}, "queue must be 1 to 64"),
    ({"queue": "*"}, "queue must be 1 to 64"),
    ({"queue": "../x"}, "queue must be 1 to 64"),
    ({"queue": "😀"}, "queue must be 1 to 64"),
    ({"queue": "mail\n"}, "queue must be 1 to 64"),
    ({"queue": 7}, "queue must be 1 to 64"),
    ({"priority": "5"}, "priority must be a whole number from -2147483647 to 2147483647. It is '5'."),
    ({"priority": True}, "priority must be a whole number"),
    ({"priority": 1.0}, "priority must be a whole number"),
    ({"priority": 2**31}, "priority must be a whole number from -2147483647 to 2147483647. It is 2147483648."),
    ({"priority": -(2**31)}, "priority must be a whole number"),
    ({"priority": float("nan")}, "priority must be a whole number"),
    ({"run_at": NAIVE}, "run_at 2026-11-22 09:00 has no time zone. Use timezone.now() + timedelta(hours=2)."),
    ({"run_at": datetime(1, 1, 1, tzinfo=UTC)}, "run_at must lie between a year ago and ten years ahead."),
    ({"run_at": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))}, "run_at must lie between"),
    ({"run_at": datetime(9999, 12, 31, tzinfo=timezone(-timedelta(hours=12)))}, "run_at must lie between"),
    ({"run_at": NOW - timedelta(days=366)}, "run_at must lie between"),
    ({"run_at": float("inf")}, "run_at must be a datetime, or a timedelta from now. It is inf."),
    ({"run_at": "tomorrow"}, "run_at must be a datetime"),
    ({"run_at": NOW.date()}, "run_at must be a datetime"),
    ({"run_at": timedelta(seconds=-1)}, "run_at as a timedelta must lie between 0 and ten years"),
    ({"run_at": timedelta.max}, "run_at as a timedelta must lie between 0 and ten years"),
    ({"max_attempts": 0}, "max_attempts must be a whole number from 1 to 100000. It is 0."),
    ({"max_attempts": -1}, "max_attempts must be a whole number from 1 to 100000."),
    ({"max_attempts": 10**9}, "max_attempts must be a whole number from 1 to 100000."),
    ({"max_attempts": True}, "max_attempts must be a whole number"),
    ({"max_run_time": 0}, "max_run_time must be more than 0 and at most 31536000 seconds"),
    ({"max_run_time": -1}, "max_run_time must be more than 0"),
    ({"max_run_time": float("inf")}, "max_run_time must be more than 0"),
    ({"max_run_time": float("nan")}, "max_run_time must be more than 0"),
    ({"max_run_time": timedelta(days=366)}, "max_run_time must be more than 0"),
    ({"max_run_time": True}, "max_run_time must be more than 0"),
    ({"max_run_time": "1h"}, "max_run_time must be more than 0"),
    ({"on_missing": "drop"}, "on_missing must be 'cancel' or 'fail'. It is 'drop'."),
    ({"on_missing": []}, "on_missing must be 'cancel' or 'fail'."),
    ({"atomic": 1}, "atomic must be True or False. It is 1."),
    ({"ack": "all"}, "ack must be 'batch' or 'each'. It is 'all'."),
    ({"on_crash": "dead"}, "on_crash must be 'retry' or 'fail'. It is 'dead'."),
    ({"que": "mail"}, '"que" is not a job option. Did you mean "queue"?'),
    ({"codec": "av1"}, '"codec" is not a job option. Options: ack, atomic, key, max_attempts'),
    ({"backoff": 5}, '"backoff" is said where the job is declared, not in a call.'),
]  # fmt: skip


@pytest.mark.parametrize(("given", "message"), BAD, ids=lambda value: str(value)[:50])
def test_a_bad_option_is_refused_with_the_value_and_the_limit(given: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as caught:
        check_call(given)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    "given",
    [
        {"queue": "q" * 64},
        {"queue": "a-b_c.d:1"},
        {"priority": 2**31 - 1},
        {"priority": -(2**31 - 1)},
        {"run_at": NOW - timedelta(days=364)},
        {"run_at": NOW + timedelta(days=3649)},
        {"run_at": datetime(NOW.year + 1, 3, 28, 2, 30, tzinfo=ZoneInfo("Europe/Paris"))},
        {"max_attempts": 1},
        {"max_attempts": 100_000},
        {"max_run_time": 0.001},
    ],
    ids=lambda given: " ".join(given),
)
def test_the_limits_themselves_are_allowed(given: dict[str, Any]) -> None:
    assert check_call(given) == given


def test_durations_may_be_timedeltas() -> None:
    assert check_call({"max_run_time": timedelta(hours=1)}) == {"max_run_time": 3600.0}
    assert check_call({"run_at": timedelta(hours=1)}) == {"run_at": timedelta(hours=1)}


@override_settings(USE_TZ=False)
def test_without_time_zones_a_naive_time_is_required() -> None:
    soon = datetime.now() + timedelta(hours=1)
    assert check_call({"run_at": soon}) == {"run_at": soon}
    with pytest.raises(OptionError, match="has a time zone, but USE_TZ is False"):
        check_call({"run_at": datetime.now(UTC)})


def test_a_backoff_may_be_a_callable_its_path_or_a_pause() -> None:
    path = "jobqueue.policy.backoff.backoff"
    assert check_declaration({"backoff": path})["backoff"](1) == 6
    assert check_declaration({"backoff": 30})["backoff"](1) == 30
    assert check_declaration({"backoff": timedelta(minutes=1)})["backoff"](9) == timedelta(minutes=1)


@pytest.mark.parametrize("value", [-1, float("inf"), True, []])
def test_a_backoff_that_is_no_pause_is_refused(value: Any) -> None:
    with pytest.raises(OptionError, match="backoff must be a callable"):
        check_declaration({"backoff": value})


@pytest.mark.parametrize("given", ["", "k" * 256, "a\nb", "a\0", 7, b"key"], ids=lambda value: repr(value)[:20])
def test_a_bad_key_is_refused(given: Any) -> None:
    with pytest.raises(OptionError, match=r"key must be 1 to 255 printable characters. It is "):
        check_call({"key": given})
