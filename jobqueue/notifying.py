"""Tells the notifiers of jobs that have failed for good, once the row says so.

Each has a thread of its own, started when it is first needed: one that is slow or hangs holds up no heartbeat, no job
and no other notifier.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from queue import Full, Queue
from typing import Any, Protocol

from django.db import connections

from jobqueue import logs, signals
from jobqueue.conf import get_settings
from jobqueue.exceptions import JobCrashed
from jobqueue.handlers import sender_for
from jobqueue.performing.errors import complain
from jobqueue.rows import ClaimedJob, Finish
from jobqueue.states import State

#: Failures that wait for one notifier; further ones it does not learn of.
MOST_WAITING = 1000
#: How long a process that leaves waits for them.
DRAIN_SECONDS = 3.0
#: How ``last_error`` begins after a crash.
CRASHED = "Crashed: "

Notifier = Callable[[ClaimedJob, BaseException], Any]
Failure = tuple[ClaimedJob, BaseException]


class Tell(Protocol):
    """Has the notifiers told."""

    def __call__(
        self, finishes: Sequence[Finish], unwritten: Collection[Finish] = (), *, signal: bool = False
    ) -> None:
        """Tell of those among written ends that are failures for good.

        Args:
            finishes: that were to be written.
            unwritten: those among them that were not.
            signal: whether to send ``job_failed`` first, since no worker has.
        """


def tell_at_once(finishes: Sequence[Finish], unwritten: Collection[Finish] = (), *, signal: bool = False) -> None:
    """Call the notifiers here and now."""
    if notifiers := _notifiers(signal):
        for job, exception in _failures(finishes, unwritten):
            for notifier in notifiers:
                _call(notifier, job, exception)


class Messenger:
    """Calls one notifier, on a thread of its own that ends with the process."""

    def __init__(self, notifier: Notifier) -> None:
        self.notifier = notifier
        self._failures: Queue[Failure] = Queue(MOST_WAITING)
        self._thread: threading.Thread | None = None
        self._dropped = 0

    def hand_over(self, job: ClaimedJob, exception: BaseException) -> None:
        """Have the notifier called; where too many wait already, it is not."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=f"notifier {_name(self.notifier)}", daemon=True)
            self._thread.start()
        try:
            self._failures.put_nowait((job, exception))
        except Full:
            self._dropped += 1
            if self._dropped & (self._dropped - 1) == 0:
                text = (
                    f"{_name(self.notifier)} does not keep up: {self._dropped} failures untold, the latest {job}"
                )
                logs.say(logging.ERROR, "warn", text)

    def wait(self, seconds: float) -> int:
        """Wait until it has been told of all failures, at most so long; return how many are left."""
        with self._failures.all_tasks_done:
            self._failures.all_tasks_done.wait_for(lambda: not self._failures.unfinished_tasks, max(seconds, 0.0))
            return self._failures.unfinished_tasks

    def _run(self) -> None:
        while True:
            _call(self.notifier, *self._failures.get())
            if self._failures.empty():
                with suppress(Exception):  # one that is broken must not end the thread, which nobody would replace
                    connections.close_all()
            self._failures.task_done()


class Background:
    """The messengers of this process; of a child process others."""

    def __init__(self) -> None:
        self._messengers: dict[int, Messenger] = {}

    def tell(
        self, finishes: Sequence[Finish], unwritten: Collection[Finish] = (), *, signal: bool = False
    ) -> None:
        """Have the notifiers called soon."""
        if not (notifiers := _notifiers(signal)):
            return
        for job, exception in _failures(finishes, unwritten):
            for notifier in notifiers:
                self._messenger(notifier).hand_over(job, exception)

    def drain(self, seconds: float = DRAIN_SECONDS) -> int:
        """Wait until all is told, at most so long; return how much is left, and lost if the process leaves now."""
        deadline = time.monotonic() + seconds
        left = sum(each.wait(deadline - time.monotonic()) for each in self._messengers.values())
        if left:
            logs.say(logging.ERROR, "warn", f"notifiers took too long; {left} calls are left undone")
        return left

    def _messenger(self, notifier: Notifier) -> Messenger:
        if id(notifier) not in self._messengers:
            self._messengers[id(notifier)] = Messenger(notifier)
        return self._messengers[id(notifier)]

    def forget(self) -> None:
        """Have no messengers: their threads are the parent's, who will call the notifiers."""
        self._messengers.clear()


def _notifiers(signal: bool) -> tuple[Notifier, ...]:
    """Return whom to tell."""
    notifiers = get_settings().notifiers
    return (_send_signal, *notifiers) if signal and signals.job_failed.receivers else notifiers


def _failures(finishes: Sequence[Finish], unwritten: Collection[Finish]) -> Iterator[Failure]:
    left = {each.job.id for each in unwritten}
    for each in finishes:
        if each.decision.state is State.FAILED and each.job.id not in left:
            error = each.decision.error or ""
            yield each.job, each.decision.cause or JobCrashed(error.removeprefix(CRASHED))


def _call(notifier: Notifier, job: ClaimedJob, exception: BaseException) -> None:
    try:
        notifier(job, exception)
    except BaseException as trouble:  # a notifier that fails must hide nothing, and end nothing
        complain(job, f"notifier {_name(notifier)}", trouble)


def _send_signal(job: ClaimedJob, exception: BaseException) -> None:
    try:
        sender = sender_for(job)
    except Exception:  # this release may not have it, or the row was tampered with
        sender = None
    signals.send(signals.job_failed, sender, job=job, exception=exception)


def _name(notifier: Notifier) -> str:
    named = notifier if hasattr(notifier, "__qualname__") else type(notifier)
    return f"{named.__module__}.{named.__qualname__}"


background = Background()
os.register_at_fork(after_in_child=background.forget)
