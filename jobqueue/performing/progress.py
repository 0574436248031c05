"""What a job says of how far it is."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Sized
from typing import Any, TypeVar

from jobqueue.exceptions import JobTimeout, shown
from jobqueue.logs import harmless
from jobqueue.performing.context import current_job
from jobqueue.performing.notes import LONGEST_TEXT

logger = logging.getLogger("jobqueue.job")

T = TypeVar("T")


def progress(done: float, total: float | None = None, text: str = "") -> None:
    """Say how far the present job is: ``progress(3, 12, "frame 3")``. Outside of a job it does nothing.

    It is cheap, so call it as often as you like: it is written at most once a second, by the worker's clerk, and so
    seen although the job may be inside a transaction. It never fails the job: what is no number is logged, not noted.

    Args:
        done: how much is done.
        total: of how much; None if nobody knows.
        text: what the job is doing; of more than 200 characters the first are kept.

    Raises:
        JobCalledOff: if somebody has cancelled the job meanwhile.
    """
    job = current_job()
    if job is None:
        return
    try:
        words = harmless(str(text)[:LONGEST_TEXT])
        job.told().note(_number(done), None if total is None else _number(total), words)
    except JobTimeout:
        raise
    except Exception:  # an argument may raise what it likes
        given = f"{shown(done)}, {shown(total)}"
        logger.warning("%s: progress() takes numbers; not noted: %s", harmless(str(job.job)), harmless(given))
    job.pass_on()
    job.heed()


def track(items: Iterable[T], text: str = "", total: float | None = None) -> Iterator[T]:
    """Yield the items, and say before each how many are done: ``for frame in track(frames, "frames"): …``.

    Args:
        items: whatever can be iterated over.
        text: what the job is doing.
        total: how many there are; by default their ``len()``, if they have one.

    Raises:
        TypeError: if it cannot be iterated over.
        JobCalledOff: as ``progress`` does.
    """
    if not isinstance(items, Iterable):
        raise TypeError(f"track takes a list or another iterable. It is {shown(items)}.")
    if total is None and isinstance(items, Sized):
        total = len(items)
    return _tracked(items, text, total)


def _tracked(items: Iterable[T], text: str, total: float | None) -> Iterator[T]:
    done = 0
    for item in items:
        progress(done, total, text)
        yield item
        done += 1
    progress(done, total, text)


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number) or isinstance(value, str):
        raise ValueError(value)
    return number
