"""From a performable to a row: checked and encoded, then signed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from jobqueue.handlers import declared_options, dump, sign
from jobqueue.options import Options, behaviour, merge
from jobqueue.rows import NewJob


class Draft(NamedTuple):
    """A job that is checked and encoded, and not yet signed."""

    name: str
    body: str
    options: Options


def new_job(performable: Any, given: dict[str, Any]) -> NewJob:
    """Return a performable as it is stored, with the checked options of a call."""
    return signed(draft(performable, given, behaviour(given), {}))


def draft(performable: Any, given: dict[str, Any], stored: dict[str, Any], headers: Mapping[str, str]) -> Draft:
    """Check and encode a performable; ``stored`` are those of the given options that travel in the handler."""
    options = merge(declared_options(performable), given)
    return Draft(*dump(performable, stored, headers), options)


def signed(draft: Draft) -> NewJob:
    """Return a draft as a row, with its signature."""
    name, body, options = draft
    handler = sign(
        body,
        name=name,
        queue=options.queue,
        max_attempts=options.max_attempts,
        max_run_time=options.max_run_time,
    )
    return NewJob(
        handler,
        name,
        options.queue,
        options.priority,
        options.run_at,
        options.max_attempts,
        options.max_run_time,
        options.key,
    )
