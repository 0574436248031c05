"""The one place where settings are read: ``JOBQUEUE`` in Django's settings, frozen on first use."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from difflib import get_close_matches
from functools import lru_cache
from hashlib import sha256
from importlib.util import find_spec
from typing import Any

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from jobqueue.exceptions import shown
from jobqueue.policy.backoff import backoff as attempts_backoff
from jobqueue.rules import (
    SMTP,
    boolean,
    call_options,
    duration,
    duration_or_none,
    email_backend,
    environment,
    integer,
    log_level,
    notifiers,
    one_of,
    paths,
    text,
    token,
)

HOUR = 3600.0
DAY = 24 * HOUR
LARGEST_PRIORITY = 2**31 - 1
QUEUE_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
REDACTED_WORD = re.compile(r"[A-Za-z0-9_]+")
LONGEST_RELEASE = 64
#: The modes: who performs.
WORKER, INLINE = "worker", "inline"
#: Settings whose values no message shows.
SECRET = frozenset({"SIGNING_KEYS", "ENCRYPTION_KEYS", "PROBE_TOKEN"})


@dataclass(frozen=True, slots=True)
class Settings:
    """``JOBQUEUE`` with its defaults. Durations are seconds; they may be given as timedelta.

    Attributes:
        database: alias of the database that holds the jobs.
        max_attempts: how often a job is tried in all.
        max_run_time: seconds after which an attempt is ended and retried.
        kill_seconds: seconds between the soft time limit and the hard one.
        max_crashes: how often a job may take its process down before it is parked.
        backoff: callable from the number of attempts made to the pause in seconds (or a timedelta).
        destroy_failed_jobs: delete jobs that have failed for good, as Delayed Job did by default.
        keep_succeeded: seconds that finished jobs stay; 0 deletes at once, None keeps for ever.
        poll_seconds: longest wait of an idle worker before it looks again by itself.
        heartbeat_seconds: how often a pool says that it lives.
        lease_seconds: how long a pool may be silent before others take its jobs.
        shutdown_seconds: how long a stopping pool waits for running jobs.
        queues: declared queue names with their default priority; empty allows any name.
        signing_keys: secrets; the first signs, all verify. Empty: SECRET_KEY and its fallbacks.
        encryption_keys: Fernet keys; the first encrypts, all decrypt. Empty, or None as the first: none does.
        redact: what else errors and pages must not show: words in names, patterns of what errors say.
        claim_ahead: most jobs that one worker holds unstarted.
        max_payload_bytes: largest handler text.
        max_waiting: how many ready jobs a queue may hold for another to be stored; one number for each of all
            queues, or a dict from queue name to number. None: any number.
        capture_log: whether jobs' log lines are kept with them: True, False, or the name of the least level.
        log_format: "people", "logfmt" or "json".
        release: name of the running code's release, kept with pools and jobs. Empty: what the platform or git says.
        strict: whether a ``@job`` function that is called, and so runs here and now, warns of it.
        mode: "worker" leaves jobs to workers; "inline" performs each at once where it is stored.
        notifiers: each is called with the job and the exception when a job has failed for good.
        email_backend: dotted path of what sends the mails that ``jobqueue.mail.JobEmailBackend`` has stored.
        email_options: options of the jobs that it stores, as of a call.
        middleware: dotted paths of the classes that stand round the storing and the performing of jobs.
        probe_token: what a monitor must show to read health and metrics. Empty: no token opens them.
        alert_after: seconds that a ready job may wait until the site counts as not ready.
        keep_statistics: seconds that the figures of each minute or hour stay; 0: none are kept.
        admin: whether the dashboard is in Django's default admin; ``jobqueue.admin.register`` puts it in others.
        admin_read_only: whether the dashboard only shows: nobody can act there, whatever their rights.
        admin_poll_seconds: how often the dashboard's pages look for news, at the most; each browser may choose less.
        environment: what the dashboard says this site is, and how: ("production", "danger").
    """

    database: str = "default"
    max_attempts: int = 25
    max_run_time: float = 4 * HOUR
    kill_seconds: float = 5.0
    max_crashes: int = 3
    backoff: Callable[[int], float | timedelta] = attempts_backoff
    destroy_failed_jobs: bool = False
    keep_succeeded: float | None = DAY
    poll_seconds: float = 5.0
    heartbeat_seconds: float = 10.0
    lease_seconds: float = 30.0
    shutdown_seconds: float = 25.0
    queues: Mapping[str, int] = field(default_factory=dict)
    signing_keys: tuple[str, ...] = ()
    encryption_keys: tuple[str | None, ...] = ()
    redact: tuple[str | re.Pattern[str], ...] = ()
    claim_ahead: int = 500
    max_payload_bytes: int = 65_536
    max_waiting: int | Mapping[str, int] | None = None
    capture_log: bool | str = False
    log_format: str = "people"
    release: str = ""
    strict: bool = False
    mode: str = WORKER
    notifiers: tuple[Callable[..., Any], ...] = ()
    email_backend: str = SMTP
    email_options: Mapping[str, Any] = field(default_factory=dict)
    middleware: tuple[str, ...] = ()
    probe_token: str = ""
    alert_after: float = 300.0
    keep_statistics: float = 90 * DAY
    admin: bool = True
    admin_read_only: bool = False
    admin_poll_seconds: float = 5.0
    environment: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in ``JOBQUEUE``: the key, what is wrong, what to do."""

    key: str
    message: str
    hint: str


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Return the settings, read once.

    Raises:
        ImproperlyConfigured: with every mistake found.
    """
    settings, problems = read(getattr(django_settings, "JOBQUEUE", {}))
    if problems:
        raise ImproperlyConfigured("\n".join(f"{each.message} {each.hint}".strip() for each in problems))
    return settings


def read(raw: Any) -> tuple[Settings, list[Problem]]:
    """Turn the raw dict into Settings; mistakes are returned, their keys left at the default."""
    if not isinstance(raw, Mapping):
        return Settings(), [Problem("JOBQUEUE", "JOBQUEUE must be a dict.", f"It is {type(raw).__name__}.")]
    values: dict[str, Any] = {}
    problems = []
    for key, value in raw.items():
        rule = RULES.get(key) if isinstance(key, str) else None
        if rule is None:
            problems.append(_unknown(key))
            continue
        try:
            values[key.lower()] = rule(value)
        except (TypeError, ValueError) as error:
            what, *more = error.args
            problems.append(Problem(key, f'JOBQUEUE["{key}"] {what}.', " ".join([*more, _shown(key, value)])))
    settings = Settings(**values)
    return settings, problems + _contradictions(settings)


def _unknown(key: object) -> Problem:
    near = get_close_matches(str(key).upper(), RULES, n=1)
    hint = f"Did you mean {near[0]}?" if near else "All settings: python manage.py jobs init"
    return Problem(str(key), f'JOBQUEUE["{key}"] is not a setting.', hint)


def _shown(key: str, value: object) -> str:
    if key in SECRET:
        return f"It is of type {type(value).__name__}."
    return f"It is {shown(value)}."


def _contradictions(settings: Settings) -> list[Problem]:
    problems = []
    if settings.lease_seconds < 3 * settings.heartbeat_seconds:
        message = 'JOBQUEUE["LEASE_SECONDS"] must be at least 3 x HEARTBEAT_SECONDS.'
        hint = f"They are {settings.lease_seconds:g} and {settings.heartbeat_seconds:g}."
        problems.append(Problem("LEASE_SECONDS", message, hint))
    limited = settings.max_waiting if isinstance(settings.max_waiting, Mapping) else {}
    for name in limited if settings.queues else ():
        if name not in settings.queues:
            near = get_close_matches(name, settings.queues, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"QUEUES has: {', '.join(settings.queues)}."
            message = f'JOBQUEUE["MAX_WAITING"] limits the queue {name!r}, which QUEUES lacks.'
            problems.append(Problem("MAX_WAITING", message, hint))
    return problems


# Rules: from the raw value to the stored one, or an error that finishes the sentence 'JOBQUEUE["X"] …'; what else
# it has to say is its second argument.


def keys(value: Any) -> tuple[str, ...]:
    """Rule for a list of secrets."""
    if not isinstance(value, list | tuple) or not all(isinstance(key, str) and key for key in value):
        raise ValueError("must be a list of non-empty strings, the newest first")
    return tuple(value)


def encryption_keys(value: Any) -> tuple[str | None, ...]:
    """Rule for a list of Fernet keys; None in the first place is the key of those who do not encrypt."""
    if not isinstance(value, list | tuple):
        raise ValueError("must be a list of Fernet keys, the newest first")
    for place, key in enumerate(value, 1):
        if not (is_fernet_key(key) or (key is None and place == 1)):
            raise ValueError(
                f"must be a list of Fernet keys; number {place} is none",
                "Each is 32 bytes as 44 characters of urlsafe base64.",
            )
    used = [key for key in value if key]
    if used and find_spec("cryptography") is None:
        raise ValueError('needs the package cryptography: pip install "jobqueue[crypto]"')
    if len({key_id(key) for key in used}) < len(used):
        raise ValueError("names a key twice")
    return tuple(value)


def is_fernet_key(key: object) -> bool:
    """Whether that is the text of 32 bytes."""
    try:
        return isinstance(key, str) and len(_key_bytes(key)) == 32
    except ValueError:
        return False


def key_id(key: str) -> str:
    """Return the short name by which stored texts tell the key that opens them; it does not tell the key."""
    return sha256(_key_bytes(key)).hexdigest()[:8]


def _key_bytes(key: str) -> bytes:
    return b64decode(key, altchars=b"-_", validate=True)


def redact(value: Any) -> tuple[str | re.Pattern[str], ...]:
    """Rule for a list of words and compiled regular expressions."""
    if not isinstance(value, list | tuple):
        raise ValueError("must be a list of words and compiled regular expressions")
    for each in value:
        if isinstance(each, re.Pattern) and isinstance(each.pattern, str):
            if each.search(""):
                raise ValueError(f"has {each.pattern!r}, which finds something in an empty text")
        elif not isinstance(each, str) or not REDACTED_WORD.fullmatch(each):
            raise ValueError(
                f"has {each!r}, neither a word nor a compiled text pattern", "Words are of A-Z a-z 0-9 _."
            )
    return tuple(value)


def queue_priorities(value: Any) -> dict[str, int]:
    """Rule for a list of queue names, or a dict from name to default priority."""
    if not isinstance(value, Mapping | list | tuple | set | frozenset):
        raise ValueError("must be a list of names, or a dict from name to priority")
    named = value if isinstance(value, Mapping) else dict.fromkeys(_queue_names(value), 0)
    whole = integer(-LARGEST_PRIORITY, LARGEST_PRIORITY)
    if any(isinstance(priority, Mapping) for priority in named.values()):
        raise ValueError("must be a list of names, or a dict from name to priority")
    return {name: whole(named[name]) for name in _queue_names(named)}


def waiting_limits(value: Any) -> int | dict[str, int] | None:
    """Rule for a number for all queues, a dict from queue name to number, or None."""
    whole = integer(1, 10_000_000)
    if isinstance(value, Mapping):
        return {name: whole(value[name]) for name in _queue_names(value)}
    return None if value is None else whole(value)


def _queue_names(value: Collection[Any]) -> Collection[str]:
    for name in value:
        if not isinstance(name, str) or not QUEUE_NAME.fullmatch(name):
            raise ValueError(f"names a queue {shown(name)}", "Names are 1 to 64 of A-Z a-z 0-9 _ . : -")
    return value


def backoff(value: Any) -> Callable[[int], float | timedelta]:
    """Rule for a callable, or the dotted path of one."""
    if isinstance(value, str):
        try:
            value = import_string(value)
        except ImportError as error:
            raise ValueError("cannot be imported", f"{error}.") from error
    if not callable(value):
        raise ValueError("must be a callable or its dotted path")
    called: Callable[[int], float | timedelta] = value
    return called


RULES: dict[str, Callable[[Any], Any]] = {
    "DATABASE": text(255),
    "MAX_ATTEMPTS": integer(1, 100_000),
    "MAX_RUN_TIME": duration(0.1, 365 * DAY),
    "KILL_SECONDS": duration(0.1, HOUR),
    "MAX_CRASHES": integer(1, 1000),
    "BACKOFF": backoff,
    "DESTROY_FAILED_JOBS": boolean,
    "KEEP_SUCCEEDED": duration_or_none(0, 100 * 365 * DAY),
    "POLL_SECONDS": duration(0.05, HOUR),
    "HEARTBEAT_SECONDS": duration(0.1, HOUR),
    "LEASE_SECONDS": duration(0.3, DAY),
    "SHUTDOWN_SECONDS": duration(0, DAY),
    "QUEUES": queue_priorities,
    "SIGNING_KEYS": keys,
    "ENCRYPTION_KEYS": encryption_keys,
    "REDACT": redact,
    "CLAIM_AHEAD": integer(1, 10_000),
    "MAX_PAYLOAD_BYTES": integer(256, 1_048_576),
    "MAX_WAITING": waiting_limits,
    "CAPTURE_LOG": log_level,
    "LOG_FORMAT": one_of("people", "logfmt", "json"),
    "RELEASE": text(LONGEST_RELEASE),
    "STRICT": boolean,
    "MODE": one_of(WORKER, INLINE),
    "NOTIFIERS": notifiers,
    "EMAIL_BACKEND": email_backend,
    "EMAIL_OPTIONS": call_options,
    "MIDDLEWARE": paths,
    "PROBE_TOKEN": token,
    "ALERT_AFTER": duration(1, 365 * DAY),
    "KEEP_STATISTICS": duration(0, 10 * 365 * DAY),
    "ADMIN": boolean,
    "ADMIN_READ_ONLY": boolean,
    "ADMIN_POLL_SECONDS": duration(1, HOUR),
    "ENVIRONMENT": environment,
}

assert {each.name.upper() for each in fields(Settings)} == set(RULES)


def _forget(*, setting: str, **_: Any) -> None:
    if setting in {"JOBQUEUE", "SECRET_KEY", "SECRET_KEY_FALLBACKS"}:
        get_settings.cache_clear()


setting_changed.connect(_forget)
