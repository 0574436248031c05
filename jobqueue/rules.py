"""Rules for settings: from the raw value to the kept one, or an error that finishes the sentence 'JOBQUEUE["X"] …'."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from django.utils.module_loading import import_string

from jobqueue.exceptions import shown

#: Django's own sender of mails, and ours, which stores them for it.
SMTP = "django.core.mail.backends.smtp.EmailBackend"
JOB_EMAIL = "jobqueue.mail.JobEmailBackend"
#: Of logging; no rule speaks of the last.
#: How the name of an environment may look.
LOOKS = ("info", "success", "warning", "danger")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def integer(low: int, high: int) -> Callable[[Any], int]:
    """Rule for a whole number within bounds."""

    def rule(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return value

    return rule


def duration(low: float, high: float) -> Callable[[Any], float]:
    """Rule for seconds or a timedelta within bounds."""

    def rule(value: Any) -> float:
        seconds = value.total_seconds() if isinstance(value, timedelta) else value
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not low <= seconds <= high:
            raise ValueError(f"must be seconds (or timedelta) from {low:g} to {high:.12g}")
        return float(seconds)

    return rule


def duration_or_none(low: float, high: float) -> Callable[[Any], float | None]:
    """Rule for a duration where None means for ever."""
    rule = duration(low, high)
    return lambda value: None if value is None else rule(value)


def boolean(value: Any) -> bool:
    """Rule for True or False."""
    if not isinstance(value, bool):
        raise ValueError("must be True or False")
    return value


def text(longest: int) -> Callable[[Any], str]:
    """Rule for a string of so many characters at most, all of which can be seen and stored."""

    def rule(value: Any) -> str:
        if not isinstance(value, str) or len(value) > longest or not value.isprintable():
            raise ValueError(f"must be a string of at most {longest} printable characters")
        return value

    return rule


def one_of(*allowed: str) -> Callable[[Any], str]:
    """Rule for one of a few words."""

    def rule(value: Any) -> str:
        if value not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}")
        return str(value)

    return rule


def log_level(value: Any) -> bool | str:
    """Rule for True, False, or the name of a level of logging."""
    if isinstance(value, bool):
        return value
    if value not in LEVELS:
        raise ValueError(f"must be True, False, or {', '.join(LEVELS[:-1])}")
    return str(value)


def paths(value: Any) -> tuple[str, ...]:
    """Rule for a list of dotted paths; what they lead to is imported when it is needed first."""
    if not isinstance(value, list | tuple):
        raise ValueError("must be a list of dotted paths of classes")
    for path in value:
        if not isinstance(path, str) or "." not in path or not all(map(str.isidentifier, path.split("."))):
            raise ValueError(f"has {shown(path)}, which is not the dotted path of a class")
    return tuple(value)


def token(value: Any) -> str:
    """Rule for a secret that is sent in a header."""
    if value != "" and not (isinstance(value, str) and re.fullmatch(r"[!-~]{16,256}", value)):
        raise ValueError("must be 16 to 256 ASCII characters, no spaces")
    return str(value)


def notifiers(value: Any) -> tuple[Callable[..., Any], ...]:
    """Rule for a list of callables that take a job and an exception, or of their dotted paths."""
    if not isinstance(value, list | tuple):
        raise ValueError("must be a list of callables, or of their dotted paths")
    found = tuple(map(_found, value))
    for each in found:
        if isinstance(each, type):
            raise ValueError(f"names the class {each.__name__}; give an instance: {each.__name__}(…)")
        if not callable(each):
            raise ValueError(f"has {shown(each)}, which cannot be called with (job, exception)")
    return found


def _found(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return import_string(value)
    except ImportError as error:
        raise ValueError("cannot be imported", f"{error}.") from error


def email_backend(value: Any) -> str:
    """Rule for the path of an email backend that is not ours."""
    if not isinstance(value, str) or not value:
        raise ValueError("must be the dotted path of an email backend")
    if value == JOB_EMAIL:
        raise ValueError("must name what sends the mails", "That would store them as jobs again, for ever.")
    return value


def call_options(value: Any) -> dict[str, Any]:
    """Rule for options of a call; which they are is checked where they are known."""
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise ValueError('must be a dict of options, such as {"queue": "mail"}')
    return dict(value)


def environment(value: Any) -> tuple[str, str] | None:
    """Rule for a name and how it looks, or None."""
    if value is None:
        return None
    name, look = value if isinstance(value, list | tuple) and len(value) == 2 else (None, None)
    if not (isinstance(name, str) and 0 < len(name) <= 40 and name.isprintable()) or look not in LOOKS:
        raise ValueError(
            "must be None, or a name and a look", f'Looks: {", ".join(LOOKS)}; as ("production", "danger").'
        )
    return name, look
