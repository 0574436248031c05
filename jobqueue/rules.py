"""Rules for settings that name something of the project's; the others are in ``conf``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.utils.module_loading import import_string

from jobqueue.exceptions import shown

#: Django's own sender of mails, and ours, which stores them for it.
SMTP = "django.core.mail.backends.smtp.EmailBackend"
JOB_EMAIL = "jobqueue.mail.JobEmailBackend"


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
