"""Acts on many jobs: in batches, each guarded by the state that a job is in. One that runs can be told to end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from jobqueue import waking
from jobqueue.client import check_by, check_time
from jobqueue.exceptions import OptionError, shown
from jobqueue.rows import When
from jobqueue.states import State
from jobqueue.stores import get_store
from jobqueue.stores.acts import Act, Acted
from jobqueue.writing import writing

if TYPE_CHECKING:
    from jobqueue.stores.base import Store

#: Most jobs that one transaction changes.
BATCH = 1000
#: Most different times over which jobs are spread.
STEPS = 1000

#: What to await instead in async code.
TWIN = "sync_to_async(act_on)"

#: Takes how many jobs have been looked at.
Tell = Callable[[int], object]


def act_on(
    ids: Iterable[int],
    act: Act | str,
    *,
    run_at: When | None = None,
    spread: timedelta | None = None,
    by: str = "",
    tell: Tell = lambda done: None,
) -> Acted:
    """Do an act to many jobs, in the order given, 1,000 in a transaction.

    Args:
        ids: whose.
        act: what to do; in another state than those that it is for, a job is left alone.
        run_at: when they are due then (aware datetime, or a timedelta from now); None: now.
        spread: let them become due one after another, from then until so much later.
        by: who wants running jobs to end that are cancelled, for their errors.
        tell: is called with how many have been looked at, after each batch.

    Returns:
        The ids of those that were changed, of those that end soon, and why others were left alone.

    Raises:
        OptionError: if a time cannot be stored.
    """
    store, act, by = get_store(), Act(act), check_by(by)
    total, looked = Acted(), 0
    with writing(store, TWIN):
        chosen = list(ids)
        start = None if run_at is None else check_time(run_at, store)
        times = _times(store, start, spread)
    for batch, due in _batches(chosen, *times):
        with writing(store, TWIN):
            acted = store.act(act, batch, due)
            if act is Act.CANCEL:
                _call_off(store, acted, by)
        if acted.queues:
            waking.made_ready(store, acted.done, acted.queues)
        total += acted
        looked += len(batch)
        tell(looked)
    return total


def _call_off(store: Store, acted: Acted, by: str) -> None:
    """Have those end soon that were left alone because they run."""
    running = [pk for pk, why in acted.skipped.items() if why == State.RUNNING.label]
    heard = store.call_off(running, by) if running else set()
    for pk in running:
        if pk in heard:
            del acted.skipped[pk]
            acted.ending.append(pk)


def _times(
    store: Store, start: datetime | None, spread: timedelta | None
) -> tuple[datetime | None, timedelta | None]:
    """Return when the first is due, and how much later the last."""
    if spread is None:
        return start, None
    if spread <= timedelta():
        raise OptionError(f"spread must be a timedelta above 0. It is {shown(spread)}.")
    first = store.now() if start is None else start
    check_time(first + spread, store)
    return first, spread


def _batches(
    ids: Sequence[int], first: datetime | None, spread: timedelta | None
) -> Iterator[tuple[Sequence[int], datetime | None]]:
    """Yield the ids in batches, with the time at which each is due."""
    size = BATCH if spread is None else min(BATCH, max(1, -(-len(ids) // STEPS)))
    for start in range(0, len(ids), size):
        due = first
        if first is not None and spread is not None:
            due = first + spread * (start / len(ids))
        yield ids[start : start + size], due
