"""A job's options: what the call says over what the declaration says over the settings; bad ones refused."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

from django.conf import settings as django_settings
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from jobqueue.conf import DAY, LARGEST_PRIORITY, QUEUE_NAME, get_settings
from jobqueue.exceptions import OptionError, QueueNameError, shown
from jobqueue.rows import When
from jobqueue.rules import log_level
from jobqueue.sentences import Sentence

DEFAULT_QUEUE = "default"
LONGEST_KEY = 255
YEAR = timedelta(days=365)
FURTHEST = 10 * YEAR
MOST_ATTEMPTS = 100_000
LONGEST_RUN = 365 * DAY

#: Kept in the handler's body when given with a call.
BEHAVIOUR = frozenset({"on_missing", "atomic", "ack", "on_crash"})


@dataclass(frozen=True, slots=True)
class Options:
    """How a job is stored and performed.

    Attributes:
        queue: name of its queue.
        priority: larger first.
        run_at: not before this time, or so long after it is stored; None is now.
        max_attempts: how often it is tried in all; None is the setting.
        max_run_time: seconds; None is the setting.
        on_missing: what becomes of a job whose model instance is gone, "cancel" or "fail".
        atomic: whether it runs inside one transaction with the writing of its success.
        ack: write its end in a "batch" with others, or at once ("each").
        on_crash: what becomes of it when its process dies, "retry" or "fail".
        backoff: callable from the number of attempts made to the pause in seconds or a timedelta;
            None is the setting.
        accept_unsigned: whether rows that other programs wrote, unsigned, are performed.
        aliases: former dotted paths under which stored jobs may still name it.
        capture_log: whether log lines are kept with the job: True, False, or the name of the least level; None is the
            setting.
        sensitive: names of arguments or attributes whose values errors and pages must not show.
        key: what tells this job from all others; while a row has it, no second one is stored.
    """

    queue: str = DEFAULT_QUEUE
    priority: int = 0
    run_at: When | None = None
    max_attempts: int | None = None
    max_run_time: float | None = None
    on_missing: str = "cancel"
    atomic: bool = False
    ack: str = "batch"
    on_crash: str = "retry"
    backoff: Callable[[int], float | timedelta] | None = None
    accept_unsigned: bool = False
    aliases: tuple[str, ...] = ()
    capture_log: bool | str | None = None
    sensitive: tuple[str, ...] = ()
    key: str | None = None


DEFAULTS = Options()


def check_call(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of one call, checked; those that are None are left out.

    Raises:
        OptionError: naming the option, the value and what is allowed.
    """
    return _check(given, CALL_RULES)


def check_declaration(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a declaration, checked; those that are None are left out.

    Raises:
        OptionError: naming the option, the value and what is allowed.
    """
    return _check(given, DECLARATION_RULES)


def check_task(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the job options of a task of Django's, checked; those that are None are left out.

    Raises:
        OptionError: naming the option, the value and what is allowed.
    """
    return _check(given, TASK_RULES)


def check_backend(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the OPTIONS of a backend of Django's TASKS, checked; those that are None are left out.

    Raises:
        OptionError: naming the option, the value and what is allowed.
    """
    return _check(given, BACKEND_RULES)


def merge(declared: Mapping[str, Any], given: Mapping[str, Any]) -> Options:
    """Return the options of a job: those of the call over those declared over the settings.

    Args:
        declared: what ``check_declaration`` returned.
        given: what ``check_call`` returned.

    Raises:
        QueueNameError: if the settings declare queues and this is none of them.
    """
    values = {**declared, **given}
    queues = get_settings().queues
    if queues:
        queue = values.get("queue", DEFAULT_QUEUE)
        if queue not in queues:
            raise QueueNameError(_unknown_queue(queue, queues))
        values.setdefault("priority", queues[queue])
    return Options(**values) if values else DEFAULTS


def check_queue(name: Any) -> str:
    """Return the name of a queue.

    Raises:
        QueueNameError: if it is malformed, or the settings declare queues and this is none of them.
    """
    if name is None:
        raise QueueNameError("A queue is called for by its name. It is None.")
    return merge({}, check_call({"queue": name})).queue


def behaviour(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a call's options that is kept in the handler."""
    return {name: value for name, value in given.items() if name in BEHAVIOUR}


def _check(given: Mapping[str, Any], rules: Mapping[str, Callable[[str, Any], Any]]) -> dict[str, Any]:
    checked = {}
    for name, value in given.items():
        rule = rules.get(name)
        if rule is None:
            raise OptionError(_unknown_option(name, rules))
        if value is not None:
            checked[name] = rule(name, value)
    return checked


def _unknown_option(name: str, rules: Mapping[str, Any]) -> str:
    if rules in (TASK_RULES, BACKEND_RULES):
        return _not_of_tasks(name, rules)
    if name in DECLARATION_RULES:
        return f'"{name}" is said where the job is declared, not in a call.'
    if name in CALL_RULES:
        return f'"{name}" is said in a call, not where the job is declared.'
    near = get_close_matches(str(name), rules, n=1)
    hint = f'Did you mean "{near[0]}"?' if near else f"Options: {', '.join(sorted(rules))}."
    return f'"{name}" is not a job option. {hint}'


def _not_of_tasks(name: str, rules: Mapping[str, Any]) -> str:
    near = get_close_matches(str(name), rules, n=1)
    hint = f'Did you mean "{near[0]}"?' if near else f"Options: {', '.join(sorted(rules))}."
    return f'"{name}" is not an option of a task. {hint}'


def _unknown_queue(queue: str, queues: Mapping[str, int]) -> Sentence:
    declared = ", ".join(sorted(queues))
    if near := get_close_matches(queue, queues, n=1):
        told = _('Unknown queue "%(queue)s". Declared: %(declared)s. Did you mean "%(near)s"?')
        return Sentence(told, queue=queue, declared=declared, near=near[0])
    return Sentence(_('Unknown queue "%(queue)s". Declared: %(declared)s.'), queue=queue, declared=declared)


# Rules: from the given value to the kept one.


def check_queue_name(name: str, value: Any) -> str:
    """Return a queue's name; raise QueueNameError, naming the option, unless it is well-formed."""
    return _queue(name, value)


def check_time(name: str, value: Any) -> When:
    """Return a time or a wait; raise OptionError, naming the option, unless it is near enough."""
    return _run_at(name, value)


def _queue(name: str, value: Any) -> str:
    if not isinstance(value, str) or not QUEUE_NAME.fullmatch(value):
        told = _("%(name)s must be 1 to 64 of the characters A-Z a-z 0-9 _ . : - It is %(value)s.")
        raise QueueNameError(Sentence(told, name=name, value=shown(value)))
    return str(value)


def _key(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value or len(value) > LONGEST_KEY or not value.isprintable():
        told = _("%(name)s must be 1 to %(most)s printable characters. It is %(value)s.")
        raise OptionError(Sentence(told, name=name, most=LONGEST_KEY, value=shown(value)))
    return str(value)


def _whole(low: int, high: int) -> Callable[[str, Any], int]:
    def rule(name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            told = _("%(name)s must be a whole number from %(low)s to %(high)s. It is %(value)s.")
            raise OptionError(Sentence(told, name=name, low=low, high=high, value=shown(value)))
        return int(value)

    return rule


def _run_time(name: str, value: Any) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= LONGEST_RUN:
        raise OptionError(
            f"{name} must be more than 0 and at most {LONGEST_RUN:.0f} seconds, or a timedelta. {_got(value)}"
        )
    return float(seconds)


def _run_at(name: str, value: Any) -> When:
    if isinstance(value, timedelta):
        return _from_now(name, value)
    if not isinstance(value, datetime):
        raise OptionError(f"{name} must be a datetime, or a timedelta from now. {_got(value)}")
    if timezone.is_naive(value) and django_settings.USE_TZ:
        raise OptionError(
            f"{name} {value:%Y-%m-%d %H:%M} has no time zone. Use timezone.now() + timedelta(hours=2)."
        )
    if timezone.is_aware(value) and not django_settings.USE_TZ:
        raise OptionError(f"{name} {value} has a time zone, but USE_TZ is False. Use a naive local datetime.")
    now = timezone.now()
    if not now - YEAR <= value <= now + FURTHEST:
        told = _("%(name)s must lie between a year ago and ten years ahead. It is %(value)s.")
        raise OptionError(Sentence(told, name=name, value=shown(value)))
    return value


def _from_now(name: str, wait: timedelta) -> timedelta:
    if not timedelta(0) <= wait <= FURTHEST:
        told = _("%(name)s as a timedelta must lie between 0 and ten years from now. It is %(value)s.")
        raise OptionError(Sentence(told, name=name, value=shown(wait)))
    return wait  # from what the database says is now


def _one_of(*allowed: str) -> Callable[[str, Any], str]:
    def rule(name: str, value: Any) -> str:
        if value not in allowed:
            raise OptionError(f"{name} must be {' or '.join(map(repr, allowed))}. {_got(value)}")
        return str(value)

    return rule


def _boolean(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise OptionError(f"{name} must be True or False. {_got(value)}")
    return value


def _backoff(name: str, value: Any) -> Any:
    if isinstance(value, str):
        try:
            value = import_string(value)
        except ImportError as error:
            raise OptionError(f"{name} cannot be imported: {error}.") from error
    if isinstance(value, bool) or not (callable(value) or _is_pause(value)):
        raise OptionError(f"{name} must be a callable, its dotted path, or a pause in seconds. {_got(value)}")
    return value if callable(value) else lambda attempts: value


def _is_pause(value: Any) -> bool:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    return isinstance(seconds, int | float) and math.isfinite(seconds) and seconds >= 0


def _aliases(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) and "." in each for each in value):
        raise OptionError(f"{name} must be a list of dotted paths. {_got(value)}")
    return tuple(value)


def _log_level(name: str, value: Any) -> bool | str:
    try:
        return log_level(value)
    except ValueError as error:
        raise OptionError(f"{name} {error}. {_got(value)}") from None


def _names(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) and each for each in value):
        raise OptionError(f'{name} must be a list of names of arguments, such as ["password"]. {_got(value)}')
    return tuple(value)


def _got(value: Any) -> str:
    return f"It is {shown(value)}."


_BOTH_RULES: dict[str, Callable[[str, Any], Any]] = {
    "queue": _queue,
    "priority": _whole(-LARGEST_PRIORITY, LARGEST_PRIORITY),
    "max_attempts": _whole(1, MOST_ATTEMPTS),
    "max_run_time": _run_time,
    "on_missing": _one_of("cancel", "fail"),
    "atomic": _boolean,
    "ack": _one_of("batch", "each"),
    "on_crash": _one_of("retry", "fail"),
}
CALL_RULES: dict[str, Callable[[str, Any], Any]] = {**_BOTH_RULES, "run_at": _run_at, "key": _key}
DECLARATION_RULES: dict[str, Callable[[str, Any], Any]] = {
    **_BOTH_RULES,
    "backoff": _backoff,
    "accept_unsigned": _boolean,
    "aliases": _aliases,
    "capture_log": _log_level,
    "sensitive": _names,
}
#: For every task of a backend, and for one.
BACKEND_RULES = {
    name: DECLARATION_RULES[name]
    for name in ("max_attempts", "max_run_time", "atomic", "ack", "on_crash", "backoff", "sensitive")
}
TASK_RULES: dict[str, Callable[[str, Any], Any]] = {**BACKEND_RULES, "aliases": _aliases, "key": _key}
