"""Queues and classes that rest: nobody claims their jobs until they are resumed. Claimed ones go on."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.utils.translation import gettext_lazy as _

from jobqueue import signals, waking
from jobqueue.exceptions import OptionError, shown
from jobqueue.options import check_call, check_queue
from jobqueue.sentences import Sentence
from jobqueue.stores import get_store
from jobqueue.stores.ears import SCHEDULE
from jobqueue.writing import writing

#: Longest texts that are kept of a pause, in characters.
LONGEST_REASON = 200
LONGEST_NAME = 150
#: Longest name of a class.
LONGEST_CLASS = 255


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
    name, told, store = check_queue(queue), _told(reason, by), get_store()
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


def pause_class(name: str, reason: str = "", by: str = "") -> None:
    """Let a class rest: no worker takes its jobs, in whatever queue, until it is resumed. Those that run go on.

    A class that nobody knows may rest, too: other processes may have more code than this one.

    Args:
        name: as its jobs have it: the dotted path of a function, class or method.
        reason: why, for those who wonder; at most 200 characters.
        by: who does it; at most 150 characters.

    Raises:
        OptionError: if it can be no name, or if reason or by cannot be stored.
    """
    checked, told, store = _class(name), _told(reason, by), get_store()
    with writing(store, "apause_class"):
        store.class_pauses.put(checked, **told)
    signals.send(signals.class_paused, None, name=checked, **told)


def resume_class(name: str, by: str = "") -> bool:
    """Let a class go on that rests.

    Args:
        name: as its jobs have it.
        by: who does it.

    Returns:
        Whether it rested.

    Raises:
        OptionError: if it can be no name.
    """
    checked, store = _class(name), get_store()
    with writing(store, "aresume_class"):
        lifted = store.class_pauses.lift(checked)
    if lifted:
        waking.ring(store, {SCHEDULE})  # its jobs may wait in any queue
        signals.send(signals.class_resumed, None, name=checked, reason="", by=by)
    return lifted


async def apause(queue: str, reason: str = "", by: str = "") -> None:
    """Do as ``pause`` does, from async code."""
    await sync_to_async(pause)(queue, reason, by)


async def aresume(queue: str, by: str = "") -> bool:
    """Do as ``resume`` does, from async code."""
    return await sync_to_async(resume)(queue, by)


async def apause_class(name: str, reason: str = "", by: str = "") -> None:
    """Do as ``pause_class`` does, from async code."""
    await sync_to_async(pause_class)(name, reason, by)


async def aresume_class(name: str, by: str = "") -> bool:
    """Do as ``resume_class`` does, from async code."""
    return await sync_to_async(resume_class)(name, by)


def _told(reason: object, by: object) -> dict[str, str]:
    return {"reason": _text("reason", reason, LONGEST_REASON), "by": _text("by", by, LONGEST_NAME)}


def _text(name: str, value: object, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest or "\0" in value:
        told = _("%(name)s must be text of at most %(most)s characters. It is %(value)s.")
        raise OptionError(Sentence(told, name=name, most=longest, value=shown(value)))
    return value


def _class(name: object) -> str:
    if not isinstance(name, str) or not name or len(name) > LONGEST_CLASS or not name.isprintable():
        told = _("name must be that of a job's class, 1 to %(most)s printable characters. It is %(value)s.")
        raise OptionError(Sentence(told, most=LONGEST_CLASS, value=shown(name)))
    return name
