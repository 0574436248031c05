"""Queues that rest: nobody claims from them until they are resumed. Jobs that are claimed already go on."""

from __future__ import annotations

from asgiref.sync import sync_to_async

from jobqueue import signals, waking
from jobqueue.exceptions import OptionError, shown
from jobqueue.options import check_call, check_queue
from jobqueue.stores import get_store
from jobqueue.writing import writing

#: Longest texts that are kept of a pause, in characters.
LONGEST_REASON = 200
LONGEST_NAME = 150


def pause(queue: str, reason: str = "", by: str = "") -> None:
    """Let a queue rest: no worker takes its jobs until it is resumed. Those that run go on.

    Args:
        queue: its name.
        reason: why, for those who wonder; at most 200 characters.
        by: who does it; at most 150 characters.

    Raises:
        QueueNameError: if it is malformed, or the settings declare queues and this is none of them.
        OptionError: if reason or by cannot be stored.
    """
    name, store = check_queue(queue), get_store()
    told = {"reason": _text("reason", reason, LONGEST_REASON), "by": _text("by", by, LONGEST_NAME)}
    with writing(store, "apause"):
        store.pauses.put(name, **told)
    signals.send(signals.queue_paused, None, queue=name, **told)


def resume(queue: str, by: str = "") -> bool:
    """Let a queue go on that rests.

    Args:
        queue: its name.
        by: who does it.

    Returns:
        Whether it rested.

    Raises:
        QueueNameError: if it is malformed; if it did not rest, also if it is not among the declared ones.
    """
    check_call({"queue": queue})
    store = get_store()
    with writing(store, "aresume"):
        lifted = store.pauses.lift(queue)
    if not lifted:
        check_queue(queue)
        return False
    waking.ring(store, {queue})
    signals.send(signals.queue_resumed, None, queue=queue, reason="", by=by)
    return True


async def apause(queue: str, reason: str = "", by: str = "") -> None:
    """Do as ``pause`` does, from async code."""
    await sync_to_async(pause)(queue, reason, by)


async def aresume(queue: str, by: str = "") -> bool:
    """Do as ``resume`` does, from async code."""
    return await sync_to_async(resume)(queue, by)


def _text(name: str, value: object, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest or "\0" in value:
        raise OptionError(f"{name} must be text of at most {longest} characters. It is {shown(value)}.")
    return value
