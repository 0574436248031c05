"""What one job holds, as text for people: cut where it is long, the sensitive values hidden, nothing performed."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from typing import Any, NamedTuple

from jobqueue.exceptions import DecryptionError
from jobqueue.handlers import DeclaredFunction, contents, headers_of
from jobqueue.handlers.masking import HIDDEN, is_sensitive, masked
from jobqueue.handlers.plain import Reference
from jobqueue.handlers.resolve import registry
from jobqueue.handlers.shown import mask_for, masked_arguments
from jobqueue.logs import harmless, headline
from jobqueue.models import Attempt, Job, Report
from jobqueue.sentences import translated

#: Longest text that is shown unless all of it is asked for, in characters; and the longest then.
LONGEST = 20_000
LONGEST_WHOLE = 5_000_000
LOG_LINES = 200
#: Jobs with failures of one kind are counted to here.
MANY_ALIKE = 1000


class Told(NamedTuple):
    """A text.

    Attributes:
        text: of which nothing can steer a terminal, or turn the direction of what stands beside it.
        size: characters of the whole; more than ``text`` has, if that is cut.
        trouble: why there is none.
        is_sealed: whether that is because no key opens it.
    """

    text: str = ""
    size: int = 0
    trouble: str = ""
    is_sealed: bool = False

    @property
    def is_cut(self) -> bool:
        """Whether there is more."""
        return self.size > len(self.text)


def told(text: str, *, whole: bool = False) -> Told:
    """Return a text, cut if it is long."""
    kept = text[: LONGEST_WHOLE if whole else LONGEST]
    return Told(harmless(kept, but="\n\t"), len(text) if len(kept) < len(text) else 0)


def arguments_of(job: Job, *, whole: bool = False) -> Told:
    """Return the arguments as JSON on several lines; of what cannot be read, why."""
    return _read(lambda: as_json(masked_arguments(job)), whole=whole)


def result_of(job: Job, *, whole: bool = False) -> Told:
    """Return what it has returned as JSON on several lines; of what cannot be read, why."""
    return _read(lambda: mask_for(job)(as_json(masked(job.result))), whole=whole)


def _read(make: Callable[[], str], *, whole: bool) -> Told:
    try:
        return told(make(), whole=whole)
    except DecryptionError as error:
        return Told(trouble=headline(translated(error)), is_sealed=True)
    except Exception as error:  # whatever somebody has made of the row, its page is shown
        return Told(trouble=headline(translated(error)))


def log_of(job: Job, report: Report | None, *, whole: bool = False) -> Told:
    """Return the last lines that it has logged."""
    if report is None or not report.log:
        return Told()
    lines = report.log.split("\n")
    return told(mask_for(job)("\n".join(lines if whole else lines[-LOG_LINES:])), whole=whole)


def headers_in(job: Job) -> dict[str, str]:
    """Return what travels with it beside its arguments; nothing of what cannot be read."""
    try:
        found = headers_of(contents(job)[0])
    except Exception:  # the arguments' own trouble tells why
        return {}
    return {harmless(name): HIDDEN if is_sensitive(name) else harmless(value) for name, value in found.items()}


def report_of(job: Job) -> Report | None:
    """Return what it tells of itself, if anything."""
    return getattr(job, "report", None)


def alike(alias: str, fingerprint: str, job_id: int) -> int:
    """Count the other jobs that failed as this one did, to 1,000."""
    rows = Attempt.objects.using(alias).filter(fingerprint=fingerprint).exclude(job_id=job_id)
    return rows.order_by("job_id").values("job_id").distinct()[:MANY_ALIKE].count()


def shell_call(job: Job) -> str:
    """Return a command that stores such a job again; empty if no command can: a method, or hidden arguments."""
    found = registry.get(job.name)
    is_class = isinstance(found, type) and callable(getattr(found, "perform", None))
    if not (isinstance(found, DeclaredFunction) or is_class):
        return ""
    try:
        arguments = masked_arguments(job)
        given = "" if _refers(arguments) else json.dumps(arguments, ensure_ascii=False)
    except Exception:  # not readable, or with values that JSON does not have
        return ""
    if not given or HIDDEN in given or len(given) > LONGEST or not given.isprintable():
        return ""
    return f"python manage.py jobs enqueue {job.name} {shlex.quote(given)}"


def _refers(value: Any) -> bool:
    """Whether there is a row or an enum's member among the values, which no JSON names."""
    if isinstance(value, dict | list):
        return any(map(_refers, value.values() if isinstance(value, dict) else value))
    return isinstance(value, Reference)


def as_json(value: Any) -> str:
    """Return a plain value as JSON on several lines."""
    return json.dumps(value, indent=2, default=str, ensure_ascii=False)
