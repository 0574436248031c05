"""Stand-ins for jobs that wait for the commit of another database's transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, overload

from jobqueue.exceptions import JobNotStored

if TYPE_CHECKING:
    from jobqueue.models import Job


class StoreAtCommit:
    """What ``on_commit`` calls to store what waits.

    Args:
        store_it: stores it.
        jobs: how many jobs it is.
    """

    def __init__(self, store_it: Callable[[], None], jobs: int = 1) -> None:
        self._store_it = store_it
        self.jobs = jobs

    def __call__(self) -> None:
        """Store it."""
        self._store_it()


def _not_yet(alias: str) -> JobNotStored:
    return JobNotStored(f'Job not stored yet: the transaction on "{alias}" is still open.')


class PendingJob:
    """A job to be stored at a commit; then it is as good as the ``Job``.

    Args:
        alias: the database whose transaction is waited for.
    """

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self._job: Job | None = None

    def stored(self, job: Job) -> None:
        """Become the stored job."""
        self._job = job

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self._job is None:
            raise _not_yet(self.alias)
        return getattr(self._job, name)

    def __str__(self) -> str:
        return "a job that is not stored yet" if self._job is None else str(self._job)

    def __repr__(self) -> str:
        return f"<PendingJob: {self}>"


class PendingIds(Sequence[int]):
    """Ids of jobs to be stored at a commit; until then every look at them raises.

    Args:
        alias: the database whose transaction is waited for.
    """

    def __init__(self, alias: str) -> None:
        self._alias = alias
        self._ids: list[int] | None = None

    def stored(self, ids: list[int]) -> None:
        """Become the list of the stored jobs' ids."""
        self._ids = ids

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> list[int]: ...
    def __getitem__(self, index: int | slice) -> int | list[int]:
        return self._known()[index]

    def __len__(self) -> int:
        return len(self._known())

    def __eq__(self, other: object) -> bool:
        return self._known() == other

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "<ids of jobs that are not stored yet>" if self._ids is None else repr(self._ids)

    def _known(self) -> list[int]:
        if self._ids is None:
            raise _not_yet(self._alias)
        return self._ids
