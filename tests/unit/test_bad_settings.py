"""Bad settings: ``manage.py check`` tells each with an id, and no worker starts on them, without a traceback."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import load_command_class
from django.test import override_settings

from jobqueue.conf import RULES, get_settings
from jobqueue.outcomes import Failed
from jobqueue.performing.executor import limits_of
from jobqueue.policy.backoff import backoff
from jobqueue.policy.retry import LONGEST_PAUSE, decide
from tests.app import jobs
from tests.unit.test_checks import KEY, database
from tests.unit.test_conf import BAD

Start = Callable[..., tuple[int, str]]


@pytest.fixture
def start(capsys: pytest.CaptureFixture[str]) -> Start:
    """Start a worker as the command line does; return its exit status and what it says of a mistake."""

    def run(*words: str) -> tuple[int, str]:
        command = load_command_class("jobqueue", "jobworker")
        with pytest.raises(SystemExit) as left:
            command.run_from_argv(["manage.py", "jobworker", *words])
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        return int(left.value.code or 0), said.err

    return run


def told(**options: Any) -> list[tuple[str | None, str]]:
    """What ``manage.py check`` tells: ids, and messages with their hints."""
    return [
        (each.id, f"{each.msg} {each.hint}")
        for each in run_checks(tags=["jobqueue"], **{"databases": [], **options})
    ]


#: Where the second line begins.
HINT = re.compile(r" Did you mean | It is | They are | All settings: |\. (?=Names |Words |Each |No module)")

#: JOBQUEUE, the id, and how the message begins.
WRONG: dict[str, tuple[Any, str, str]] = {
    **{
        f"{key}={value!r:.30}": ({key: value}, "jobqueue.E001", f'JOBQUEUE["{key}"] {said}')
        for key, value, said in BAD
    },
    "no dict": ([("MAX_ATTEMPTS", 3)], "jobqueue.E001", "JOBQUEUE must be a dict. It is list."),
    "misspelt": (
        {"MAX_ATTEMPT": 3},
        "jobqueue.E001",
        'JOBQUEUE["MAX_ATTEMPT"] is not a setting. Did you mean MAX_',
    ),
    "in small letters": (
        {"queues": []},
        "jobqueue.E001",
        'JOBQUEUE["queues"] is not a setting. Did you mean QUEUES?',
    ),
    "no name": (
        {7: 1},
        "jobqueue.E001",
        'JOBQUEUE["7"] is not a setting. All settings: python manage.py jobs init',
    ),
    "of another program": (
        {"BROKER_URL": "redis://"},
        "jobqueue.E001",
        'JOBQUEUE["BROKER_URL"] is not a setting.',
    ),
    "short lease": (
        {"LEASE_SECONDS": 20},
        "jobqueue.E001",
        'JOBQUEUE["LEASE_SECONDS"] must be at least 3 x HEARTBEAT_SECONDS. They are 20 and 10.',
    ),
    "slow heart": (
        {"HEARTBEAT_SECONDS": timedelta(minutes=1)},
        "jobqueue.E001",
        'JOBQUEUE["LEASE_SECONDS"] must be at least 3 x HEARTBEAT_SECONDS. They are 30 and 60.',
    ),
    "limit of no queue": (
        {"QUEUES": ["mail"], "MAX_WAITING": {"mial": 5}},
        "jobqueue.E001",
        "JOBQUEUE[\"MAX_WAITING\"] limits the queue 'mial', which QUEUES lacks. Did you mean 'mail'?",
    ),
    "middleware that is not there": (
        {"MIDDLEWARE": ["tests.app.middleware.Nobody"]},
        "jobqueue.E005",
        'JOBQUEUE["MIDDLEWARE"]: tests.app.middleware.Nobody cannot be had: ImportError: Module',
    ),
    "no alias": (
        {"DATABASE": "defualt"},
        "jobqueue.E002",
        'JOBQUEUE["DATABASE"] is "defualt", which DATABASES lacks.',
    ),
    "empty alias": ({"DATABASE": ""}, "jobqueue.E002", 'JOBQUEUE["DATABASE"] is "", which DATABASES lacks.'),
}
every_mistake = pytest.mark.parametrize(("given", "check", "message"), WRONG.values(), ids=WRONG)


@every_mistake
def test_the_check_tells_it_by_its_id(given: Any, check: str, message: str) -> None:
    with override_settings(JOBQUEUE=given):
        [(found, text)] = told()
    assert found == check
    assert text.startswith(message)
    assert len(text) < 500


@every_mistake
@pytest.mark.parametrize(
    "words", [("run",), ("work_off",), ("start",), ("work_off", "--skip-checks")], ids=" ".join
)
def test_no_worker_starts_on_it(
    start: Start, words: tuple[str, ...], given: Any, check: str, message: str
) -> None:
    with override_settings(JOBQUEUE=given):
        status, said = start(*words)
    assert status == 1
    without_hint = re.split(
        r" Did you mean | It is | They are | All settings: |\. (?=Names |Words |Each |No module)", message
    )[0]
    assert said.count(without_hint) == 1


@override_settings(JOBQUEUE={"MAX_ATTEMPT": 3, "LEASE_SECONDS": "30", "POLL_SECONDS": 0})
def test_all_mistakes_are_told_at_once(start: Start) -> None:
    assert len(told()) == 3
    for words in (("work_off",), ("work_off", "--skip-checks")):
        said = start(*words)[1]
        assert [said.count(f'JOBQUEUE["{key}"]') for key in ("MAX_ATTEMPT", "LEASE_SECONDS", "POLL_SECONDS")] == [
            1
        ] * 3


@override_settings(JOBQUEUE={"MAX_ATTEMPT": 3})
def test_no_job_is_stored_on_them_either() -> None:
    with pytest.raises(ImproperlyConfigured, match="is not a setting"):
        jobs.add.enqueue(1)


class TestKeys:
    #: Django's settings, and what is said of them.
    WRONG: dict[str, tuple[dict[str, Any], str]] = {
        "fallback of no text": ({"SECRET_KEY_FALLBACKS": [None]}, "one is of type NoneType."),
        "fallback a number": ({"SECRET_KEY_FALLBACKS": ["s3cret", 7]}, "one is of type int."),
        "fallback empty": ({"SECRET_KEY_FALLBACKS": [""]}, "one is empty."),
        "key of no text": ({"SECRET_KEY": ["s3cret"]}, "one is of type list."),
    }

    @pytest.mark.parametrize(("given", "message"), WRONG.values(), ids=WRONG)
    def test_a_key_that_is_none_is_told_and_shown_to_nobody(
        self, start: Start, given: dict[str, Any], message: str
    ) -> None:
        with override_settings(**given):
            [(_, text)] = [each for each in told() if each[0] == "jobqueue.E004"]
            status, said = start("work_off")
            with pytest.raises(ImproperlyConfigured, match="must be non-empty strings; one is "):
                jobs.add.enqueue(1)
        assert text.startswith(f"SECRET_KEY and SECRET_KEY_FALLBACKS must be non-empty strings; {message}")
        assert (status, said.count(message)) == (1, 1)
        assert "s3cret" not in text + said

    @pytest.mark.parametrize("given", ["s3cret", {"s3cret": 1}, ["s3cret", ""], [b"s3cret"], None, [None]])
    def test_own_keys_are_told_and_shown_to_nobody(self, start: Start, given: Any) -> None:
        with override_settings(JOBQUEUE={"SIGNING_KEYS": given}):
            [(check, text)] = told()
            said = start("work_off")[1]
        assert check == "jobqueue.E001"
        assert text.startswith('JOBQUEUE["SIGNING_KEYS"] must be a list of non-empty strings, the newest first. ')
        assert "s3cret" not in text + said

    @override_settings(JOBQUEUE={"SIGNING_KEYS": []})
    def test_an_empty_list_means_the_secret_key(self) -> None:
        assert told() == []


class TestShutdown:
    @pytest.mark.parametrize(
        ("seconds", "warned"), [(25, False), (28, False), (28.5, True), (300, True), (timedelta(hours=1), True)]
    )
    @override_settings(SECRET_KEY=KEY, DEBUG=False)
    def test_a_stop_longer_than_service_managers_wait_is_a_warning_of_deployments(
        self, seconds: Any, warned: bool
    ) -> None:
        with override_settings(JOBQUEUE={"SHUTDOWN_SECONDS": seconds}):
            assert told() == []
            found = told(include_deployment_checks=True)
        assert [check for check, _ in found] == (["jobqueue.W016"] if warned else [])
        assert all("Kubernetes and Heroku wait 30 s, Docker 10 s, systemd 90 s." in text for _, text in found)


@override_settings(JOBQUEUE={"MAX_RUN_TIME": timedelta(days=1), "LEASE_SECONDS": 30})
def test_jobs_may_run_longer_than_the_lease() -> None:
    assert told() == []


def negative(attempts: int) -> float:
    return -5


def endless(attempts: int) -> float:
    return float("inf")


def nothing(attempts: int) -> Any:
    return float("nan")


def text(attempts: int) -> Any:
    return "soon"


def raising(attempts: int) -> Any:
    raise ZeroDivisionError


def without_arguments() -> Any:
    return 5


@pytest.mark.parametrize(
    ("given", "pause"),
    [
        (negative, 0.0),
        (endless, LONGEST_PAUSE),
        (nothing, backoff(2)),
        (text, backoff(2)),
        (raising, backoff(2)),
        (without_arguments, backoff(2)),
    ],
)
def test_a_backoff_that_says_nonsense_takes_no_job_along(given: Any, pause: float) -> None:
    """Only calling it tells, so it is no matter for the check."""
    with override_settings(JOBQUEUE={"BACKOFF": given}):
        assert told() == []
        decision = decide(Failed("x"), attempts=2, crashes=0, limits=limits_of(get_settings()))
    assert decision.wait == pause


@pytest.mark.parametrize(
    ("entry", "check", "message"),
    [
        ({"ENGINE": "django.db.backends.dummy"}, "jobqueue.E003", 'Database "jobs" is unknown'),
        ({"ENGINE": "no.such.engine"}, "jobqueue.E003", "'no.such.engine' isn't an available database backend or"),
    ],
)
def test_a_database_that_cannot_hold_jobs_starts_no_worker(
    start: Start, monkeypatch: pytest.MonkeyPatch, entry: dict[str, Any], check: str, message: str
) -> None:
    monkeypatch.setattr("jobqueue.stores._made", {})
    with database(**entry):
        assert [found for found, text in told() if text.startswith(message)] == [check]
        for words in (("work_off",), ("work_off", "--skip-checks")):
            status, said = start(*words)
            assert status == 1
            assert said.count(message) == 1


def test_every_setting_has_a_wrong_value_here() -> None:
    given = {key for each, _, _ in WRONG.values() if isinstance(each, dict) for key in each}
    assert set(RULES) <= given
