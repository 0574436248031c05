"""Delayed Job's hooks on the performable: before, success, error, after, failure."""

from __future__ import annotations

from typing import Any

from jobqueue.rows import ClaimedJob

NAMES = ("before", "success", "error", "after", "failure")

_known: dict[type, frozenset[str]] = {}


def call(target: Any, name: str, job: ClaimedJob, *arguments: Any) -> None:
    """Call the hook of that name if the performable has one."""
    if target is not None and name in hooks_of(type(target)):
        getattr(target, name)(job, *arguments)


def hooks_of(kind: type) -> frozenset[str]:
    """Return which hooks instances of a class have."""
    found = _known.get(kind)
    if found is None:
        found = _known[kind] = frozenset(name for name in NAMES if callable(getattr(kind, name, None)))
    return found
