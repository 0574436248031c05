"""What a handler turns into on the worker's side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jobqueue.options import Options
from jobqueue.outcomes import Decision
from jobqueue.rows import ClaimedJob


@dataclass(slots=True)
class Loaded:
    """A performable, restored and ready.

    Attributes:
        perform: takes nothing; returns the result, or a coroutine where the job is async.
        sender: class or job function, the sender of signals.
        hooks: object whose methods before, success, error, after, failure are called; None has none.
        options: the declared ones, overlaid by those of the call; without those of the settings.
        headers: what was stored with the job beside its arguments.
        task: of a task of Django's, what its handler tells.
        encode: turns the result into text instead of the usual encoder; what it raises fails the job.
        ended: is told what becomes of the row, before that is written.
    """

    perform: Callable[[], Any] = field(repr=False)
    sender: Any
    hooks: Any
    options: Options
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    task: Any = None
    encode: Callable[[Any, ClaimedJob], str | None] | None = None
    ended: Callable[[Decision], None] | None = None
