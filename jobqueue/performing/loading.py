"""From a claimed row to its performable, in two steps: what it holds, and what that is in this release."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from jobqueue.handlers import Misfit, contents, headers_of, restore
from jobqueue.handlers.loaded import Loaded
from jobqueue.middleware import RELEASE
from jobqueue.release import release
from jobqueue.rows import ClaimedJob


class Opened(NamedTuple):
    """What a row's handler holds, after its signature held."""

    data: dict[str, Any]
    signed: bool
    headers: Mapping[str, str]

    def __repr__(self) -> str:
        # Without the arguments: it may get into a report.
        return "<Opened>"


def opened(job: ClaimedJob) -> Opened:
    """Return what a job's handler holds.

    Raises:
        BadSignature, CorruptHandler: if the signature does not hold, or the handler is not readable.
        UnknownPerformable: if a newer release has written it.
    """
    data, signed = contents(job)
    return Opened(data, signed, headers_of(data))


def load(job: ClaimedJob, found: Opened, worker: str = "") -> Loaded:
    """Return the performable of a job.

    Args:
        job: as claimed.
        found: what its handler holds.
        worker: who performs it.

    Raises:
        CorruptHandler, UnknownPerformable, MissingRow: as ``handlers.load`` does.
        TypeError: if what was stored no longer fits, naming the releases.
    """
    try:
        loaded = restore(found.data, found.signed)
    except Misfit as error:
        stored = _stored_by(job, found.headers.get(RELEASE, ""), release())
        raise TypeError(f"{error}. {stored} Let {error.remedy}, deploy, then retry the job.") from None
    loaded.headers = found.headers
    if loaded.task is None:
        return loaded
    from jobqueue.performing.tasks import as_run

    return as_run(loaded, worker)


def _stored_by(job: ClaimedJob, theirs: str, ours: str) -> str:
    if theirs and theirs == ours:
        return f"Job #{job.id} was stored by the same release, {ours}, whose code has changed since."
    if theirs and ours:
        return f"Job #{job.id} was stored by release {theirs}, this worker runs {ours}."
    return f"Job #{job.id} was stored by a release in which that fitted."
