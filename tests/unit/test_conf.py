"""``JOBQUEUE``: each key with good and bad values, read once, reset when a test overrides it."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from jobqueue.conf import RULES, SECRET, Problem, Settings, get_settings, read
from jobqueue.exceptions import shown
from jobqueue.handlers.signing import sign
from jobqueue.policy.backoff import backoff

#: Fernet keys, and their ids.
KEY, OTHER_KEY = "A" * 43 + "=", "B" * 42 + "A="
CARD = re.compile(r"\b\d{16}\b")
HOUR, DAY = 3600.0, 86_400.0


def half(attempts: int) -> float:
    """A backoff to name by its path."""
    return attempts / 2


GOOD: list[tuple[str, Any, Any]] = [
    ("DATABASE", "other", "other"),
    ("MAX_ATTEMPTS", 1, 1),
    ("MAX_ATTEMPTS", 100_000, 100_000),
    ("MAX_RUN_TIME", 0.1, 0.1),
    ("MAX_RUN_TIME", timedelta(minutes=5), 300.0),
    ("KILL_SECONDS", 10, 10.0),
    ("KILL_SECONDS", timedelta(seconds=10), 10.0),
    ("MAX_CRASHES", 1, 1),
    ("BACKOFF", half, half),
    ("BACKOFF", f"{__name__}.half", half),
    ("DESTROY_FAILED_JOBS", True, True),
    ("KEEP_SUCCEEDED", 0, 0.0),
    ("KEEP_SUCCEEDED", None, None),
    ("KEEP_SUCCEEDED", timedelta(weeks=1), 7 * DAY),
    ("POLL_SECONDS", 0.05, 0.05),
    ("POLL_SECONDS", timedelta(milliseconds=500), 0.5),
    ("HEARTBEAT_SECONDS", 1, 1.0),
    ("LEASE_SECONDS", timedelta(minutes=1), 60.0),
    ("SHUTDOWN_SECONDS", 0, 0.0),
    ("QUEUES", [], {}),
    ("QUEUES", ["mail", "default"], {"mail": 0, "default": 0}),
    ("QUEUES", {"mail": 10, "default": -3}, {"mail": 10, "default": -3}),
    ("SIGNING_KEYS", ["new", "old"], ("new", "old")),
    ("ENCRYPTION_KEYS", [KEY, OTHER_KEY], (KEY, OTHER_KEY)),
    ("ENCRYPTION_KEYS", [None, KEY], (None, KEY)),
    ("ENCRYPTION_KEYS", [None], (None,)),
    ("REDACT", ["iban", "card_number", CARD], ("iban", "card_number", CARD)),
    ("CLAIM_AHEAD", 1, 1),
    ("MAX_PAYLOAD_BYTES", 1_048_576, 1_048_576),
    ("MAX_WAITING", None, None),
    ("MAX_WAITING", 1, 1),
    ("MAX_WAITING", 10_000_000, 10_000_000),
    ("MAX_WAITING", {"mail": 100, "default": 1}, {"mail": 100, "default": 1}),
    ("CAPTURE_LOG", True, True),
    ("CAPTURE_LOG", "INFO", "INFO"),
    ("LOG_FORMAT", "json", "json"),
    ("LOG_FORMAT", "logfmt", "logfmt"),
    ("RELEASE", "r" * 64, "r" * 64),
    ("STRICT", True, True),
    ("MODE", "inline", "inline"),
    ("NOTIFIERS", [half], (half,)),
    ("NOTIFIERS", [f"{__name__}.half"], (half,)),
    ("EMAIL_BACKEND", "shop.mail.Backend", "shop.mail.Backend"),
    ("EMAIL_OPTIONS", {"queue": "mail"}, {"queue": "mail"}),
    ("MIDDLEWARE", ["shop.middleware.Tenants"], ("shop.middleware.Tenants",)),
    ("MIDDLEWARE", (), ()),
    ("PROBE_TOKEN", "", ""),
    ("PROBE_TOKEN", "0123456789abcdef", "0123456789abcdef"),
    ("ALERT_AFTER", 1, 1.0),
    ("ALERT_AFTER", timedelta(hours=1), 3600.0),
    ("KEEP_STATISTICS", 0, 0.0),
    ("KEEP_STATISTICS", timedelta(days=7), 604_800.0),
    ("ADMIN", False, False),
    ("ADMIN_READ_ONLY", True, True),
    ("ADMIN_POLL_SECONDS", 1, 1.0),
    ("ENVIRONMENT", None, None),
    ("ENVIRONMENT", ["production", "danger"], ("production", "danger")),
]

BAD: list[tuple[str, Any, str]] = [
    ("DATABASE", None, "must be a string"),
    ("MAX_ATTEMPTS", 0, "must be a whole number from 1 to 100000"),
    ("MAX_ATTEMPTS", -1, "must be a whole number"),
    ("MAX_ATTEMPTS", 10**9, "must be a whole number"),
    ("MAX_ATTEMPTS", True, "must be a whole number"),
    ("MAX_ATTEMPTS", 2.0, "must be a whole number"),
    ("MAX_ATTEMPTS", "25", "must be a whole number"),
    ("MAX_RUN_TIME", 0, "must be seconds (or timedelta) from 0.1 to 31536000"),
    ("MAX_RUN_TIME", float("inf"), "must be seconds"),
    ("MAX_RUN_TIME", float("nan"), "must be seconds"),
    ("MAX_RUN_TIME", timedelta(seconds=-1), "must be seconds"),
    ("MAX_RUN_TIME", None, "must be seconds"),
    ("KILL_SECONDS", True, "must be seconds"),
    ("MAX_CRASHES", 0, "must be a whole number from 1 to 1000"),
    ("BACKOFF", 5, "must be a callable or its dotted path"),
    ("BACKOFF", "shop.no_such.backoff", "cannot be imported. No module named 'shop'"),
    ("BACKOFF", f"{__name__}.no_such", "cannot be imported"),
    ("BACKOFF", f"{__name__}.HOUR", "must be a callable or its dotted path"),
    ("BACKOFF", "no_dots", "cannot be imported"),
    ("DESTROY_FAILED_JOBS", 1, "must be True or False"),
    ("KEEP_SUCCEEDED", -1, "must be seconds"),
    ("KEEP_SUCCEEDED", "1 day", "must be seconds"),
    ("POLL_SECONDS", 0, "must be seconds (or timedelta) from 0.05 to 3600"),
    ("HEARTBEAT_SECONDS", 0, "must be seconds"),
    ("LEASE_SECONDS", 0, "must be seconds"),
    ("SHUTDOWN_SECONDS", -1, "must be seconds"),
    ("QUEUES", "mail", "must be a list of names, or a dict from name to priority"),
    ("QUEUES", None, "must be a list of names"),
    ("QUEUES", ["a b"], "names a queue 'a b'. Names are 1 to 64 of A-Z a-z 0-9 _ . : -"),
    ("QUEUES", [""], "names a queue ''"),
    ("QUEUES", [["mail"]], "names a queue ['mail']"),
    ("QUEUES", {"mail": {"priority": 5}}, "must be a list of names, or a dict from name to priority"),
    ("QUEUES", {"mail": "high"}, "must be a whole number from -2147483647 to 2147483647"),
    ("QUEUES", {"mail": 2**31}, "must be a whole number from -2147483647 to 2147483647"),
    ("SIGNING_KEYS", "key", "must be a list of non-empty strings, the newest first"),
    ("SIGNING_KEYS", [""], "must be a list of non-empty strings"),
    ("SIGNING_KEYS", [b"key"], "must be a list of non-empty strings"),
    ("ENCRYPTION_KEYS", KEY, "must be a list of Fernet keys, the newest first."),
    ("ENCRYPTION_KEYS", None, "must be a list of Fernet keys, the newest first."),
    (
        "ENCRYPTION_KEYS",
        [KEY, "s3cret"],
        "must be a list of Fernet keys; number 2 is none. Each is 32 bytes as 44 characters of urlsafe base64.",
    ),
    ("ENCRYPTION_KEYS", [KEY.encode()], "must be a list of Fernet keys; number"),
    ("ENCRYPTION_KEYS", [KEY[1:]], "must be a list of Fernet keys; number"),
    ("ENCRYPTION_KEYS", [KEY[:-1]], "must be a list of Fernet keys; number"),
    ("ENCRYPTION_KEYS", [KEY.replace("A", "é")], "must be a list of Fernet keys; number"),
    ("ENCRYPTION_KEYS", [""], "must be a list of Fernet keys; number"),
    ("ENCRYPTION_KEYS", [KEY, None], "must be a list of Fernet keys; number"),
    ("ENCRYPTION_KEYS", [KEY, OTHER_KEY, KEY], "names a key twice."),
    ("REDACT", "iban", "must be a list of words and compiled regular expressions."),
    ("REDACT", ["ib an"], "has 'ib an', neither a word nor a compiled text pattern. Words are of A-Z a-z 0-9 _."),
    ("REDACT", [""], "has '', neither a word"),
    ("REDACT", [7], "has 7, neither a word"),
    ("REDACT", [re.compile(b"x")], "has re.compile(b'x'), neither a word"),
    ("REDACT", [re.compile("x*")], "has 'x*', which finds something in an empty text."),
    ("CLAIM_AHEAD", 0, "must be a whole number from 1 to 10000"),
    ("MAX_PAYLOAD_BYTES", 1_048_577, "must be a whole number from 256 to 1048576"),
    ("MAX_WAITING", 0, "must be a whole number from 1 to 10000000"),
    ("MAX_WAITING", True, "must be a whole number from 1 to 10000000"),
    ("MAX_WAITING", "many", "must be a whole number from 1 to 10000000"),
    ("MAX_WAITING", {"mail": 0}, "must be a whole number from 1 to 10000000"),
    ("MAX_WAITING", {"mail": None}, "must be a whole number from 1 to 10000000"),
    ("MAX_WAITING", {"a b": 1}, "names a queue 'a b'. Names are 1 to 64 of A-Z a-z 0-9 _ . : -"),
    ("CAPTURE_LOG", "info", "must be True, False, or DEBUG, INFO, WARNING, ERROR"),
    ("CAPTURE_LOG", 1, "must be True, False, or DEBUG"),
    ("CAPTURE_LOG", [], "must be True, False, or DEBUG"),
    ("LOG_FORMAT", "xml", "must be one of people, logfmt, json"),
    ("LOG_FORMAT", [], "must be one of people, logfmt, json"),
    ("RELEASE", "r" * 65, "must be a string of at most 64 printable characters"),
    ("RELEASE", "a\0b", "must be a string of at most 64 printable characters"),
    ("RELEASE", "\ud800", "must be a string of at most 64 printable characters"),
    ("RELEASE", 7, "must be a string of at most 64 printable characters"),
    ("STRICT", 1, "must be True or False"),
    ("MODE", "manual", "must be one of worker, inline"),
    ("NOTIFIERS", f"{__name__}.half", "must be a list of callables, or of their dotted paths"),
    ("NOTIFIERS", ["shop.notifiers.tell"], "cannot be imported"),
    ("NOTIFIERS", [7], "has 7, which cannot be called with (job, exception)"),
    ("NOTIFIERS", [Settings], "names the class Settings; give an instance: Settings(…)"),
    ("EMAIL_BACKEND", None, "must be the dotted path of an email backend"),
    ("EMAIL_BACKEND", "jobqueue.mail.JobEmailBackend", "must name what sends the mails"),
    ("EMAIL_OPTIONS", ["mail"], "must be a dict of options"),
    ("EMAIL_OPTIONS", {1: 2}, "must be a dict of options"),
    ("MIDDLEWARE", "shop.middleware.Tenants", "must be a list of dotted paths of classes"),
    ("MIDDLEWARE", ["Tenants"], "has 'Tenants', which is not the dotted path of a class"),
    ("MIDDLEWARE", [dict], "has <class 'dict'>, which is not the dotted path of a class"),
    ("MIDDLEWARE", ["shop..Tenants"], "has 'shop..Tenants', which is not the dotted path of a class"),
    ("PROBE_TOKEN", None, "must be 16 to 256 ASCII characters, no spaces"),
    ("PROBE_TOKEN", "too short", "must be 16 to 256 ASCII characters, no spaces"),
    ("PROBE_TOKEN", "grün-grün-grün-grün", "must be 16 to 256 ASCII characters, no spaces"),
    ("ALERT_AFTER", 0, "must be seconds (or timedelta) from 1 to 31536000"),
    ("ALERT_AFTER", None, "must be seconds (or timedelta) from 1 to 31536000"),
    ("KEEP_STATISTICS", -1, "must be seconds (or timedelta) from 0 to 315360000"),
    ("ADMIN", "no", "must be True or False"),
    ("ADMIN_READ_ONLY", 1, "must be True or False"),
    ("ADMIN_POLL_SECONDS", 0.5, "must be seconds (or timedelta) from 1 to 3600"),
    ("ENVIRONMENT", "production", "must be None, or a name and a look"),
    ("ENVIRONMENT", ("production", "red"), "must be None, or a name and a look"),
    ("ENVIRONMENT", ("x" * 41, "danger"), "must be None, or a name and a look"),
]


@pytest.mark.parametrize(("key", "given", "kept"), GOOD)
def test_a_good_value_is_kept(key: str, given: Any, kept: Any) -> None:
    settings, problems = read({key: given})
    assert problems == []
    assert getattr(settings, key.lower()) == kept
    assert type(getattr(settings, key.lower())) is type(kept)


@pytest.mark.parametrize(("key", "given", "said"), BAD)
def test_a_bad_value_is_a_problem_and_leaves_the_default(key: str, given: Any, said: str) -> None:
    settings, [problem] = read({key: given})
    assert problem.key == key
    assert f"{problem.message} {problem.hint}".startswith(f'JOBQUEUE["{key}"] {said}')
    own = repr(given[0]) if isinstance(given, list) and given else shown(given)
    assert len(problem.message.replace(own, "")) < 80
    assert problem.message.endswith(".")
    assert settings == Settings()


@pytest.mark.parametrize("examples", [GOOD, BAD])
def test_every_key_has_examples(examples: list[tuple[str, Any, Any]]) -> None:
    assert {key for key, _, _ in examples} == set(RULES)


@pytest.mark.parametrize(("key", "given"), [(key, given) for key, given, _ in BAD if key not in SECRET])
def test_the_hint_shows_the_value(key: str, given: Any) -> None:
    assert read({key: given})[1][0].hint.endswith(f"It is {given!r}.")


def test_a_long_value_is_cut() -> None:
    [problem] = read({"DATABASE": "x" * 10_000})[1]
    assert problem.hint == f"It is '{'x' * 76}...."


@pytest.mark.parametrize("key", sorted(SECRET))
@pytest.mark.parametrize("given", ["s3cret", [b"s3cret"], {"s3cret": 1}])
def test_no_message_shows_a_key(key: str, given: Any) -> None:
    [problem] = read({key: given})[1]
    assert "s3cret" not in problem.message + problem.hint
    assert problem.hint.endswith(f"It is of type {type(given).__name__}.")


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("MAX_ATTEMPT", "MAX_ATTEMPTS"),
        ("max_attempts", "MAX_ATTEMPTS"),
        ("QUEUE", "QUEUES"),
        ("LEASE_SECOND", "LEASE_SECONDS"),
        ("DESTROY_FAILED", "DESTROY_FAILED_JOBS"),
    ],
)
def test_an_unknown_key_names_the_nearest(key: str, near: str) -> None:
    assert read({key: 1})[1] == [Problem(key, f'JOBQUEUE["{key}"] is not a setting.', f"Did you mean {near}?")]


@pytest.mark.parametrize("key", ["WHATEVER", 7, None])
def test_an_unknown_key_without_a_near_one_says_where_all_are_listed(key: Any) -> None:
    [problem] = read({key: 1})[1]
    assert problem.message == f'JOBQUEUE["{key}"] is not a setting.'
    assert problem.hint == "All settings: python manage.py jobs init"


def test_all_mistakes_are_found_at_once() -> None:
    assert [each.key for each in read({"QUEUE": 1, "MAX_ATTEMPTS": 0, "LOG_FORMAT": ""})[1]] == [
        "QUEUE",
        "MAX_ATTEMPTS",
        "LOG_FORMAT",
    ]


@pytest.mark.parametrize(
    ("given", "fine"),
    [
        ({"LEASE_SECONDS": 29.9}, False),
        ({"HEARTBEAT_SECONDS": 10.1}, False),
        ({"LEASE_SECONDS": 3, "HEARTBEAT_SECONDS": 1}, True),
        ({"LEASE_SECONDS": 2.9, "HEARTBEAT_SECONDS": 1}, False),
    ],
)
def test_a_lease_outlasts_two_lost_heartbeats(given: dict[str, Any], fine: bool) -> None:
    problems = read(given)[1]
    assert [each.message for each in problems] == (
        [] if fine else ['JOBQUEUE["LEASE_SECONDS"] must be at least 3 x HEARTBEAT_SECONDS.']
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"mial": 5}, ["limits the queue 'mial', which QUEUES lacks. Did you mean 'mail'?"]),
        ({"x": 5}, ["limits the queue 'x', which QUEUES lacks. QUEUES has: default, mail."]),
        ({"mail": 5}, []),
        (5, []),
        (None, []),
    ],
)
def test_a_limit_is_for_a_queue_that_is_declared(given: Any, said: list[str]) -> None:
    problems = read({"QUEUES": ["default", "mail"], "MAX_WAITING": given})[1]
    assert [f"{each.message} {each.hint}" for each in problems] == [
        f'JOBQUEUE["MAX_WAITING"] {each}' for each in said
    ]
    assert read({"MAX_WAITING": given})[1] == []


@pytest.mark.parametrize(("given", "kind"), [(None, "NoneType"), ([], "list"), ("", "str")])
def test_it_must_be_a_dict(given: Any, kind: str) -> None:
    assert read(given) == (Settings(), [Problem("JOBQUEUE", "JOBQUEUE must be a dict.", f"It is {kind}.")])


def test_the_defaults() -> None:
    assert dataclasses.asdict(read({})[0]) == {
        "database": "default",
        "max_attempts": 25,
        "max_run_time": 4 * HOUR,
        "kill_seconds": 5.0,
        "max_crashes": 3,
        "backoff": backoff,
        "destroy_failed_jobs": False,
        "keep_succeeded": DAY,
        "poll_seconds": 5.0,
        "heartbeat_seconds": 10.0,
        "lease_seconds": 30.0,
        "shutdown_seconds": 25.0,
        "queues": {},
        "signing_keys": (),
        "encryption_keys": (),
        "redact": (),
        "claim_ahead": 500,
        "max_payload_bytes": 65_536,
        "max_waiting": None,
        "capture_log": False,
        "log_format": "people",
        "release": "",
        "strict": False,
        "mode": "worker",
        "notifiers": (),
        "email_backend": "django.core.mail.backends.smtp.EmailBackend",
        "email_options": {},
        "middleware": (),
        "probe_token": "",
        "alert_after": 300.0,
        "keep_statistics": 7_776_000.0,
        "admin": True,
        "admin_read_only": False,
        "admin_poll_seconds": 5.0,
        "environment": None,
    }


def test_the_defaults_obey_the_rules() -> None:
    settings = Settings()
    for key, rule in RULES.items():
        assert rule(getattr(settings, key.lower())) == getattr(settings, key.lower())


def test_the_docstring_names_every_setting_in_order() -> None:
    described = re.findall(r"^    (\w+): \S", inspect.getdoc(Settings) or "", re.MULTILINE)
    assert described == [each.name for each in dataclasses.fields(Settings)]


class TestGetSettings:
    def test_it_works_without_the_dict(self, settings: Any) -> None:
        del settings.JOBQUEUE
        assert get_settings() == Settings()

    def test_it_is_read_once(self) -> None:
        assert get_settings() is get_settings()

    def test_override_settings_is_seen_and_undone(self) -> None:
        before = get_settings().max_attempts
        with override_settings(JOBQUEUE={"MAX_ATTEMPTS": 3}):
            assert get_settings().max_attempts == 3
        assert get_settings().max_attempts == before

    @pytest.mark.parametrize("changed", [{"SECRET_KEY": "another"}, {"JOBQUEUE": {"SIGNING_KEYS": ["another"]}}])
    def test_a_changed_key_signs_at_once(self, changed: dict[str, Any]) -> None:
        with override_settings(JOBQUEUE={}):
            before = sign("body", name="n", queue="q", max_attempts=None, max_run_time=None)
            with override_settings(**changed):
                assert sign("body", name="n", queue="q", max_attempts=None, max_run_time=None) != before
            assert sign("body", name="n", queue="q", max_attempts=None, max_run_time=None) == before

    @override_settings(JOBQUEUE={"MAX_ATTEMPT": 3, "POLL_SECONDS": 0})
    def test_mistakes_raise_all_together(self) -> None:
        with pytest.raises(ImproperlyConfigured) as caught:
            get_settings()
        assert str(caught.value).splitlines() == [
            'JOBQUEUE["MAX_ATTEMPT"] is not a setting. Did you mean MAX_ATTEMPTS?',
            'JOBQUEUE["POLL_SECONDS"] must be seconds (or timedelta) from 0.05 to 3600. It is 0.',
        ]

    def test_nobody_can_change_it(self) -> None:
        change: Callable[..., None] = setattr
        with pytest.raises(dataclasses.FrozenInstanceError):
            change(get_settings(), "max_attempts", 3)
