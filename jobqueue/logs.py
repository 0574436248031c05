"""What a worker says: one line per event, for people, as logfmt or as JSON.

Loggers: ``jobqueue.job`` for the fate of jobs, ``jobqueue.worker`` for processes and the database. Each record
carries the fields for machines in ``extra``, under their keys with ``jq_`` before them. Arguments of jobs are never
logged; what a job says in its errors is, without the values of sensitive arguments.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
import time
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from logging.handlers import SysLogHandler
from typing import TYPE_CHECKING, Any, TextIO

from django.utils import timezone

from jobqueue.conf import get_settings
from jobqueue.outcomes import Blocked, Cancelled, Corrupt, Crashed, Failed, Lost, Released, Succeeded
from jobqueue.release import release
from jobqueue.rows import ClaimedJob
from jobqueue.states import State

if TYPE_CHECKING:
    from jobqueue.models import Job
    from jobqueue.performing.executor import Ended

job_logger = logging.getLogger("jobqueue.job")
worker_logger = logging.getLogger("jobqueue.worker")

#: By verbosity: errors only; each job; claims, beats and tracebacks.
LEVELS = (logging.ERROR, logging.INFO, logging.DEBUG)
#: Longest error text on a line.
ERROR_LIMIT = 300


class Event:
    """One thing that happened, as a log message for people."""

    def __init__(self, name: str, subject: str = "", **fields: Any) -> None:
        self.name = name
        self.subject = subject
        self.fields = {key: value for key, value in fields.items() if value is not None}

    def __str__(self) -> str:
        pairs = " ".join(f"{key}={quoted(value)}" for key, value in self.fields.items())
        subject = harmless(self.subject)
        return f"{self.name:<5} {subject}{'  ' if pairs and subject else ''}{pairs}".rstrip()


# The fate of jobs


def stored(job: Job, in_transaction: bool) -> None:
    """A job was stored; workers see it at once, or when the caller's transaction commits."""
    visible = "at commit" if in_transaction else "at once"
    event = _event("stored", job, queue=job.queue, visible=visible)
    _log(logging.DEBUG, event, job, visible=visible)


def started(job: ClaimedJob) -> None:
    """A worker begins to perform a job."""
    if job_logger.isEnabledFor(logging.INFO):
        waited = _waited(job)
        event = _event("start", job, queue=job.queue, attempt=_tries(job), waited=short(waited))
        _log(logging.INFO, event, job, wait_ms=_milliseconds(waited))


def ended(ended: Ended) -> None:
    """An attempt has ended; the line says how, and when it is tried again."""
    match ended.outcome:
        case Succeeded():
            level, name = logging.INFO, "done"
        case Cancelled():
            level, name = logging.INFO, "cancelled"
        case Failed() if ended.decision.state is State.CANCELLED:
            level, name = logging.INFO, "cancelled"
        case Failed() | Corrupt():
            retried = ended.decision.state is not State.FAILED
            level, name = (logging.WARNING, "retry") if retried else (logging.ERROR, "fail")
        case Blocked():
            level, name = logging.WARNING, "block"
        case Lost():
            return lost(ended.job)
        case Released():
            level, name = logging.INFO, "back"
        case _:
            level, name = logging.INFO, type(ended.outcome).__name__.lower()
    if not job_logger.isEnabledFor(level):
        return None
    _log_end(level, name, ended)
    if name == "fail" or (name == "retry" and job_logger.isEnabledFor(logging.DEBUG)):
        _log_traceback(level, ended.job, ended.decision.error or "")
    return None


def _log_end(level: int, name: str, ended: Ended) -> None:
    job, decision, took = ended.job, ended.decision, ended.ended - ended.started
    at = decision.run_at and decision.run_at.isoformat()
    error = headline(decision.error) if decision.error and name != "done" else None
    event = _event(
        name,
        job,
        attempt=_tries(job) if name in {"retry", "fail"} else None,
        took=short(took),
        again_in=short(decision.wait) if decision.wait is not None else None,
        again_at=at,
        error=error,
    )
    _log(
        level,
        event,
        job,
        wait_ms=_milliseconds(_waited(job, time.monotonic() - ended.started)),
        run_ms=_milliseconds(took),
        retry_in_s=decision.wait and round(decision.wait, 3),
        retry_at=at,
        **_error_fields(error),
    )


def lost(job: ClaimedJob) -> None:
    """The claim was gone: another worker has the job, and nothing was written."""
    error = "the claim was gone; another worker has the job"
    _log(logging.WARNING, _event("lost", job, error=error), job, error=error)


def settled(job: ClaimedJob, outcome: object, worker: str) -> None:
    """Maintenance decided about a job whose worker is gone."""
    level, name, error = logging.INFO, "back", None
    if isinstance(outcome, Crashed | Failed):
        level, name, error = logging.WARNING, "crash", headline(outcome.error)
    elif isinstance(outcome, Cancelled):
        name, error = "cancelled", headline(outcome.reason)
    event = _event(name, job, attempt=_tries(job), worker=worker, error=error)
    _log(level, event, job, worker=worker, **_error_fields(error))


# Processes and the database


def say(level: int, name: str, text: str = "", **fields: Any) -> None:
    """Log something about a process."""
    if worker_logger.isEnabledFor(level):
        event = Event(name, text, **fields)
        _emit(worker_logger, level, event, {"event": f"worker.{name}", "text": text, **fields})


def unreachable(alias: str, error: Exception, pause: float, failures: int, why: str | None = None) -> None:
    """The database did not answer; it is tried again. Said at first and then more and more rarely."""
    if _is_rare(failures):
        text = why or f'Cannot reach database "{alias}": {headline(str(error))}.'
        say(logging.WARNING, "wait", f"{text} Next try in {short(pause)} ({failures + 1}). Ctrl+C stops.")


def held_up(alias: str, error: Exception, failures: int) -> None:
    """Others keep what is needed locked. Said at first and then more and more rarely."""
    if _is_rare(failures):
        text = f'Somebody\'s lock in database "{alias}" is in the way: {headline(str(error))}.'
        say(logging.WARNING, "wait", f"{text} Trying again.")


def refused(text: str) -> None:
    """The database refuses what no waiting mends; ``text`` says what, and what to do."""
    say(logging.ERROR, "wait", f"Refused; the pool stops soon unless that is mended. {text}")


def _is_rare(failures: int) -> bool:
    return failures & (failures - 1) == 0


def _event(name: str, job: ClaimedJob | Job, **fields: Any) -> Event:
    return Event(name, f"#{job.id} {job.name}", **fields)


def _log(level: int, event: Event, job: ClaimedJob | Job, **fields: Any) -> None:
    _emit(job_logger, level, event, {"event": f"job.{event.name}", **_job_fields(job), **fields})


def _job_fields(job: ClaimedJob | Job) -> dict[str, Any]:
    return {
        "job_id": job.id,
        "job": job.name,
        "queue": job.queue,
        "attempt": job.attempts,
        "max_attempts": _most(job),
    }


def _error_fields(error: str | None) -> dict[str, Any]:
    """Return the class and the text of an error as its headline tells them; some have no class."""
    kind, colon, text = (error or "").partition(": ")
    if colon and all(part.isidentifier() for part in kind.split(".")):
        return {"error_type": kind, "error": text}
    return {"error": error}


def _waited(job: ClaimedJob | Job, since: float = 0.0) -> float:
    """Return the seconds from when a job was due until it began, so long ago."""
    return max((timezone.now() - job.run_at).total_seconds() - since, 0.0)


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _log_traceback(level: int, job: ClaimedJob, error: str) -> None:
    """Log what stands below the headline, which the event's own line has told."""
    trace = error.partition("\n\n")[2].strip("\n") or error
    fields = {"event": "job.traceback", **_job_fields(job), "text": trace}
    _emit(job_logger, level, harmless(trace, but="\n\t"), fields)


def _emit(logger: logging.Logger, level: int, message: object, fields: dict[str, Any]) -> None:
    """Log; whatever a project's own handler or filter raises, the jobs go on."""
    fields.setdefault("worker", speaker())
    fields.setdefault("release", release() or None)
    extra = {f"jq_{key}": value for key, value in fields.items() if value is not None}
    try:
        logger.log(level, "%s", message, extra=extra)
    except Exception:
        with suppress(Exception):
            traceback.print_exc()


def _tries(job: ClaimedJob) -> str:
    return f"{job.attempts}/{_most(job)}"


def _most(job: ClaimedJob | Job) -> int:
    return job.max_attempts or get_settings().max_attempts


_pool_name = ""


def introduce(name: str) -> None:
    """Say the name of the pool that this process, and those it forks, belong to."""
    global _pool_name
    _pool_name = name
    speaker.cache_clear()


@lru_cache(maxsize=1)
def speaker() -> str:
    """Return who speaks, as workers sign their jobs: ``mailer host:atlas pid:4120``."""
    return f"{_pool_name} host:{_host()} pid:{os.getpid()}".strip()


_host = lru_cache(maxsize=1)(socket.gethostname)
os.register_at_fork(after_in_child=speaker.cache_clear)


# Rendering


def short(seconds: float) -> str:
    """Return a duration as people write it: 40ms, 1.02s, 6 min, 4 h."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 60:
        return f"{seconds:.3g}s"
    if seconds < 7200:
        return f"{seconds / 60:.0f}min"
    return f"{seconds / 3600:.0f}h" if seconds < 172_800 else f"{seconds / 86_400:.0f}d"


def headline(error: str) -> str:
    """Return the first line of an error, cut and harmless on a terminal."""
    first = error.strip().split("\n", 1)[0]
    return harmless(first if len(first) <= ERROR_LIMIT else f"{first[:ERROR_LIMIT]}…")


def harmless(text: str, but: str = "") -> str:
    """Return text with all that could steer a terminal or forge a line escaped; ``but`` are left alone."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in but else repr(char)[1:-1] for char in text)


def quoted(value: Any) -> str:
    """Return a value for a key=value line, in quotes where it needs them."""
    text = str(value)
    special = not text.isprintable() or " " in text or '"' in text or "=" in text
    return _as_json(text) if special or not text else text


def _as_json(value: Any) -> str:
    """Return JSON on one line, in which only what can be seen stands as it is."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)


@lru_cache(maxsize=2)
def _time_of_day(second: int, terminal: bool) -> str:
    """Return a time as it stands before a line; many lines have the same."""
    moment = datetime.fromtimestamp(second).astimezone()
    return f"{moment:%H:%M:%S}" if terminal else moment.isoformat()


class PeopleFormatter(logging.Formatter):
    """``12:04:07 done  #4812 send_receipt  took=212ms``; ISO time where no terminal listens.

    Args:
        terminal: whether one listens.
        stamped: False where whoever takes the lines notes the time.
    """

    def __init__(self, terminal: bool, stamped: bool = True) -> None:
        super().__init__("%(asctime)s %(message)s" if stamped else "%(message)s")
        self._terminal = terminal

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """Return the time of the event."""
        return _time_of_day(int(record.created), self._terminal)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and a traceback below it, indented: what begins a line is ours."""
        return harmless(super().format(record), but="\n\t").replace("\n", "\n    ")


class MachineFormatter(logging.Formatter):
    """One object a line, as logfmt or JSON, with stable keys."""

    def __init__(self, as_json: bool) -> None:
        super().__init__()
        self._json = as_json
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        entry = {"ts": moment.replace("+00:00", "Z"), "level": record.levelname.lower(), **_fields(record)}
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        if self._json:
            return _as_json(entry)
        return " ".join(f"{key}={quoted(value)}" for key, value in entry.items())


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    found = {key[3:]: value for key, value in vars(record).items() if key.startswith("jq_")}
    return found or {"event": "message", "text": record.getMessage()}


class Handler(logging.StreamHandler[TextIO]):
    """Writes to a stream for as long as it can be written: the jobs go on without it, and nobody is told each time."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Tell what went wrong, unless it is a full disk or a reader that has left."""
        if not isinstance(sys.exception(), OSError):
            super().handleError(record)


def configure(verbosity: int, stream: TextIO | None = None, style: str = "people") -> None:
    """Give the loggers a handler, unless the project's LOGGING has given them one.

    Args:
        verbosity: 0 errors only, 1 each job, 2 claims, beats and tracebacks.
        stream: where lines go; standard output by default.
        style: "people", "logfmt" or "json".
    """
    root = logging.getLogger("jobqueue")
    if root.hasHandlers():
        return
    stream = stream or sys.stdout
    handler = Handler(stream)
    people = style == "people"
    handler.setFormatter(PeopleFormatter(stream.isatty()) if people else MachineFormatter(style == "json"))
    root.addHandler(handler)
    root.setLevel(LEVELS[min(verbosity, 2)])


def configure_syslog(verbosity: int, style: str) -> None:
    """As ``configure``, to the system's log.

    Raises:
        FileNotFoundError: if the system has none, which the handler itself would tell for each line.
    """
    address = "/var/run/syslog" if sys.platform == "darwin" else "/dev/log"
    os.stat(address)
    root = logging.getLogger("jobqueue")
    handler = SysLogHandler(address=address)
    handler.setFormatter(
        PeopleFormatter(False, stamped=False) if style == "people" else MachineFormatter(style == "json")
    )
    root.addHandler(handler)
    root.setLevel(LEVELS[min(verbosity, 2)])
