"""What travels with a job and what stands round it: headers, and the classes of ``JOBQUEUE["MIDDLEWARE"]``.

A middleware is a class with one or both of these methods, each returning a context manager::

    class Tenants:
        @contextmanager
        def storing(self, call):                 # round enqueue and enqueue_many
            call.headers["tenant"] = current_tenant()
            yield

        @contextmanager
        def performing(self, attempt):           # round each attempt
            with tenant(attempt.headers.get("tenant")):
                yield

An error of the caller, or of the job, is raised at the ``yield``, as in any ``with`` block; it goes on whatever the
middleware does. An error of the middleware itself is logged and changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from types import TracebackType
from typing import Any, Self

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils import translation
from django.utils.module_loading import import_string

from jobqueue.conf import get_settings
from jobqueue.outcomes import Corrupt, Failed, Outcome
from jobqueue.release import release
from jobqueue.rows import ClaimedJob
from jobqueue.states import State

logger = logging.getLogger("jobqueue.job")

#: Of the headers, which are carried for everyone.
LANGUAGE, RELEASE = "language", "release"
#: Most headers of a job, and the longest name and value, in characters.
MOST_HEADERS, LONGEST_NAME, LONGEST_VALUE = 32, 64, 8192

#: What our own need.
EXTRAS = {"jobqueue.integrations.opentelemetry": "otel", "jobqueue.integrations.sentry": "sentry"}

Headers = Mapping[str, str]


@lru_cache(maxsize=1)
def middleware() -> tuple[Any, ...]:
    """Return one instance of each class that is listed.

    Raises:
        ImproperlyConfigured: naming the class that cannot be had.
    """
    return tuple(_make(path) for path in get_settings().middleware)


def _make(path: str) -> Any:
    try:
        made = import_string(path)()
    except Exception as error:
        text = f'JOBQUEUE["MIDDLEWARE"]: {path} cannot be had: {type(error).__name__}: {error}'
        extra = EXTRAS.get(path.rpartition(".")[0])
        if extra and isinstance(error, ImportError):
            text = f'{text}. It needs: pip install "jobqueue[{extra}]"'
        raise ImproperlyConfigured(text) from error
    if not any(callable(getattr(made, name, None)) for name in ("storing", "performing")):
        raise ImproperlyConfigured(f'JOBQUEUE["MIDDLEWARE"]: {path} has no method "storing" or "performing".')
    return made


class _Rounds:
    """The context managers of all middleware that has a method, entered in order and left in reverse.

    Args:
        method: its name.
        about: what it is given.
        tolerated: errors of theirs that are logged.
    """

    def __init__(self, method: str, about: Any, tolerated: type[BaseException]) -> None:
        self._method = method
        self._tolerated = tolerated
        self._entered: list[tuple[Any, Any]] = []
        for each in middleware():
            if enter := getattr(each, method, None):
                try:
                    manager = enter(about)
                    manager.__enter__()
                except tolerated as trouble:
                    self._complain(each, trouble)
                else:
                    self._entered.append((each, manager))

    def leave(self, error: BaseException | None) -> None:
        """Leave them; each is told of an error, and none can end it."""
        trace = error.__traceback__ if error else None
        for each, manager in reversed(self._entered):
            try:
                manager.__exit__(type(error) if error else None, error, trace)
            except self._tolerated as trouble:
                if trouble is not error:
                    self._complain(each, trouble)

    def _complain(self, whose: Any, trouble: BaseException) -> None:
        path = f"{type(whose).__module__}.{type(whose).__qualname__}"
        logger.error("middleware %s raised round %s", path, self._method, exc_info=trouble)


class Storing:
    """One call of ``enqueue`` or ``enqueue_many``; what ``storing`` of a middleware is given.

    Attributes:
        name: what is to be performed; None where many jobs are stored.
        queue: the queue; None where each of many jobs has its own.
        headers: short texts that travel with each of the jobs; to be filled before the ``yield``.
        ids: of the jobs, known after it; not where they are stored when another database commits.
    """

    __slots__ = ("_rounds", "headers", "ids", "name", "queue")

    def __init__(self, name: str | None, queue: str | None) -> None:
        self.name = name
        self.queue = queue
        self.headers: dict[str, str] = {}
        self.ids: list[int] = []
        self._rounds: _Rounds | None = None

    def __enter__(self) -> Self:
        _carry_own(self.headers)
        if middleware():
            self._rounds = _Rounds("storing", self, Exception)
            self.headers = _fit(self.headers)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._rounds is not None:
            self._rounds.leave(error)


def _carry_own(headers: dict[str, str]) -> None:
    language = translation.get_language()
    if language and language != django_settings.LANGUAGE_CODE:
        headers[LANGUAGE] = language
    if stored_by := release():
        headers[RELEASE] = stored_by


def _fit(headers: dict[str, str]) -> dict[str, str]:
    """Return those that may travel; of others a line in the log tells."""
    kept = {name: value for name, value in headers.items() if is_header(name, value)}
    kept = dict(list(kept.items())[:MOST_HEADERS])
    if lost := [name for name in headers if name not in kept]:
        logger.error(
            "headers left out, as there may be %s of %s characters at most, names of %s: %r",
            *(MOST_HEADERS, LONGEST_VALUE, LONGEST_NAME, lost),
        )
    return kept


def is_header(name: object, value: object) -> bool:
    """Whether both are short texts that every database takes."""
    return (
        isinstance(name, str)
        and isinstance(value, str)
        and 0 < len(name) <= LONGEST_NAME
        and len(value) <= LONGEST_VALUE
        and name.isprintable()
        and value.isprintable()
    )


def performing(job: ClaimedJob, headers: Headers) -> Performing | None:
    """Return what stands round an attempt; None where nothing does, which is to cost nothing."""
    return Performing(job, headers) if middleware() or LANGUAGE in headers else None


class Performing:
    """One attempt; what ``performing`` of a middleware is given.

    Attributes:
        job: as claimed: ``id``, ``name``, ``queue``, ``attempts`` …
        headers: what was stored with it.
        outcome: how the attempt has ended; None before.
        state: what became of the job: READY or SCHEDULED if it is tried again, FAILED if not; None before.
    """

    __slots__ = ("_language", "_rounds", "headers", "job", "outcome", "state")

    def __init__(self, job: ClaimedJob, headers: Headers) -> None:
        self.job = job
        self.headers = headers
        self.outcome: Outcome | None = None
        self.state: State | None = None
        self._language: AbstractContextManager[object] = nullcontext()
        self._rounds: _Rounds | None = None

    def __enter__(self) -> Self:
        self._language = _language_of(self.headers)
        self._language.__enter__()
        if middleware():
            # Not even the end of the process may come from there.
            self._rounds = _Rounds("performing", self, BaseException)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._rounds is not None:
            self._rounds.leave(error or self.exception)
        self._language.__exit__(None, None, None)

    @property
    def exception(self) -> BaseException | None:
        """What the job raised, where it failed."""
        return self.outcome.exception if isinstance(self.outcome, Failed | Corrupt) else None

    def ended(self, outcome: Outcome, state: State) -> None:
        """Note how it has ended."""
        self.outcome = outcome
        self.state = state


def _language_of(headers: Headers) -> AbstractContextManager[object]:
    """Return what activates the language in which the job was stored, if Django knows it."""
    language = headers.get(LANGUAGE)
    known = language is not None and translation.check_for_language(language)
    return translation.override(language) if known else nullcontext()


def _forget(*, setting: str, **_: Any) -> None:
    if setting == "JOBQUEUE":
        middleware.cache_clear()


setting_changed.connect(_forget)
