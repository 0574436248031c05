"""Performs one claimed job; whatever can happen becomes an Outcome."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from inspect import iscoroutine
from threading import Event
from typing import Any, TypeVar

from django.db import OperationalError, transaction
from django.utils import timezone

from jobqueue import signals
from jobqueue.conf import Settings
from jobqueue.exceptions import (
    Cancel,
    ClaimLost,
    CorruptHandler,
    JobCalledOff,
    JobInterrupted,
    JobTimeout,
    MissingRow,
    Retry,
    Snooze,
    UnknownPerformable,
    UnstorableResult,
    as_seconds,
)
from jobqueue.handlers.loaded import Loaded
from jobqueue.handlers.shown import mask_for
from jobqueue.middleware import performing
from jobqueue.outcomes import (
    Blocked,
    CalledOff,
    Cancelled,
    Corrupt,
    Decision,
    Failed,
    Lost,
    Outcome,
    Released,
    Snoozed,
    Succeeded,
    TimedOut,
)
from jobqueue.performing import context, hooks
from jobqueue.performing.connections import ConnectionCare, cancel_queries
from jobqueue.performing.coroutines import LoopRunner
from jobqueue.performing.errors import complain, describe_for, storable
from jobqueue.performing.loading import Opened, load, opened
from jobqueue.performing.notes import Notes
from jobqueue.performing.recording import recording
from jobqueue.performing.results import encode_result
from jobqueue.performing.teller import OwnTeller
from jobqueue.performing.timeouts import Cooperative, TimeLimit
from jobqueue.policy.retry import Limits, decide
from jobqueue.rows import ClaimedJob, Finish
from jobqueue.states import State
from jobqueue.stores.base import Store
from jobqueue.stores.errors import is_locked_out

#: A coroutine is ended by its loop; the alarm follows so many seconds later, if it does not come to rest.
COROUTINE_GRACE = 1.0

#: An atomic job whose row somebody keeps locked is tried again after so long.
LOCKED_SECONDS = 1.0

RunCoroutine = Callable[[Coroutine[Any, Any, Any], float], Any]
T = TypeVar("T")


@dataclass(slots=True)
class Ended:
    """One attempt: how it ended and what becomes of the row.

    ``written``: the row says so already. ``acknowledge``: set when it does, for those who wait for it.
    """

    job: ClaimedJob
    outcome: Outcome
    decision: Decision
    started: float
    ended: float
    written: bool = False
    acknowledge: Event | None = None

    @property
    def finish(self) -> Finish:
        """What the store has to write."""
        return Finish(self.job, self.decision, self.started, self.ended)


class Executor:
    """Performs jobs one after another on the calling thread.

    ``tell`` has written what jobs tell; by default that is done on the calling thread, too.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        time_limit: TimeLimit | None = None,
        run_coroutine: RunCoroutine | None = None,
        tell: Callable[[Notes], None] | None = None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._time_limit = time_limit or Cooperative()
        self._run_coroutine = run_coroutine or LoopRunner()
        self._tell = tell or OwnTeller(store)
        self._present: context.CurrentJob | None = None
        self._care = ConnectionCare()
        self._torn = False
        self._forks = _forks
        self._limits = limits_of(settings)
        #: Who performs, as the rows say it.
        self.worker = ""

    def perform(self, job: ClaimedJob) -> Ended:
        """Load the handler, perform it within its limits, and decide what becomes of the row."""
        started = time.monotonic()
        self._torn = False
        self._present = None
        try:
            self._care.before()
            ended = self._perform_opened(job, started)
        except BaseException as error:  # of a receiver, or of an exception's own making: none must end the worker
            outcome = Failed(describe_for(job, error), error)
            ended = Ended(job, outcome, self._decide(job, outcome), started, time.monotonic())
        # An exception from outside may have come in the middle of a query.
        torn = self._torn or isinstance(ended.outcome, TimedOut | Released)
        self._care.after(torn=torn, failed=isinstance(ended.outcome, Failed))
        return ended

    def call_off(self, job_id: int) -> None:
        """End a job, if it is the present one: somebody has cancelled it. For signal handlers."""
        present = self._present
        if present is None or present.job.id != job_id or present.call_off():
            return
        try:
            self._time_limit.call_off(context.CALLED_OFF)
        except JobCalledOff:
            present.interrupted()
            raise

    def _perform_opened(self, job: ClaimedJob, started: float) -> Ended:
        """Open the handler, and perform what is in it inside of what its headers ask for."""
        found = self._try(opened, job)
        if not isinstance(found, Opened):
            return self._unloaded(job, found, started)
        attempt = performing(job, found.headers)
        if attempt is None:
            return self._perform_found(job, found, started)
        with attempt:
            ended = self._perform_found(job, found, started)
            attempt.ended(ended.outcome, ended.decision.state)
        return ended

    def _perform_found(self, job: ClaimedJob, found: Opened, started: float) -> Ended:
        loaded = self._try(load, job, found, self.worker)
        if isinstance(loaded, Loaded):
            return self._perform_loaded(job, loaded, started)
        return self._unloaded(job, loaded, started)

    def _unloaded(self, job: ClaimedJob, outcome: Outcome, started: float) -> Ended:
        ended = Ended(job, outcome, self._decide(job, outcome), started, time.monotonic())
        self._tell_of_unloaded(ended)
        return ended

    def _try(self, step: Callable[..., T], job: ClaimedJob, *more: Any) -> T | Outcome:
        """Return what a step on the way to the performable returns, or what becomes of the job if it fails."""
        try:
            return step(job, *more)
        except CorruptHandler as error:
            return Corrupt(mask_for(job)(f"{type(error).__name__}: {error}"), error)
        except UnknownPerformable as error:
            return Blocked(mask_for(job)(str(error)), error)
        except MissingRow as error:
            return self._missing(job, error)
        except BaseException as error:  # a module may end the process that imports it
            return Failed(describe_for(job, error), error)

    def _missing(self, job: ClaimedJob, error: MissingRow) -> Outcome:
        if error.on_missing == "fail":
            return Failed(describe_for(job, error), error)
        return Cancelled(mask_for(job)(f'{error} Cancelled (on_missing="cancel"; with "fail" it fails).'))

    def _perform_loaded(self, job: ClaimedJob, loaded: Loaded, started: float) -> Ended:
        signals.send(signals.job_started, loaded.sender, job=job)
        if loaded.options.atomic:
            ended = self._perform_atomically(job, loaded, started)
        else:
            outcome = self._attempt(job, loaded)
            ended = Ended(job, outcome, self._decide(job, outcome), started, time.monotonic())
        if loaded.options.ack == "each" and not ended.written:
            ended.acknowledge = Event()
        if self._present is not None and (notes := self._present.notes) is not None:
            notes.end(kept=not ended.decision.delete)
            self._present.pass_on()
        self._announce(ended, loaded)
        return ended

    def _perform_atomically(self, job: ClaimedJob, loaded: Loaded, started: float) -> Ended:
        """Commit the job's database effects and its finish together, or neither."""
        outcome: Outcome
        try:
            with transaction.atomic(using=self._store.alias):
                self._hold(job, started)
                outcome = self._attempt(job, loaded)
                ended = Ended(job, outcome, self._decide(job, outcome), started, time.monotonic(), True)
                if not isinstance(outcome, Succeeded):
                    raise _Undo(ended)
                if self._store.finish([ended.finish]):
                    raise ClaimLost
                return ended
        except _Undo as undo:
            return replace(undo.ended, written=False)
        except ClaimLost:
            outcome = Lost()
        except Exception as error:
            outcome = Failed(describe_for(job, error), error, *self._next_time(job, loaded, error))
        decision = self._decide(job, outcome)
        return Ended(job, outcome, decision, started, time.monotonic(), isinstance(outcome, Lost))

    def _hold(self, job: ClaimedJob, started: float) -> None:
        """Lock the job's row; if somebody else keeps it locked, the job is tried again later, uncharged."""
        try:
            seconds = job.max_run_time or self._settings.max_run_time
            held = self._store.hold(job, seconds + self._settings.kill_seconds)
        except OperationalError as error:
            if not is_locked_out(error):
                raise
            outcome = Snoozed(LOCKED_SECONDS, None)
            ended = Ended(job, outcome, self._decide(job, outcome), started, time.monotonic())
            raise _Undo(ended) from error
        if not held:
            raise ClaimLost

    def _attempt(self, job: ClaimedJob, loaded: Loaded) -> Outcome:
        """Perform the job as the current one, and call its last hook."""
        seconds = job.max_run_time or self._settings.max_run_time
        deadline = time.monotonic() + seconds
        present = self._present = context.CurrentJob(job, deadline, loaded.headers, self._tell)
        token = context.enter(present)
        level = self._settings.capture_log if loaded.options.capture_log is None else loaded.options.capture_log
        try:
            if level is False:
                return self._outcome_with_hook(job, loaded, seconds)
            with recording(present, level):
                return self._outcome_with_hook(job, loaded, seconds)
        finally:
            context.leave(token)

    def _outcome_with_hook(self, job: ClaimedJob, loaded: Loaded, seconds: float) -> Outcome:
        outcome = self._outcome_of(job, loaded, seconds)
        try:
            hooks.call(loaded.hooks, "after", job)
        except BaseException as error:
            complain(job, "hook after", error)
        return outcome

    def _outcome_of(self, job: ClaimedJob, loaded: Loaded, seconds: float) -> Outcome:
        try:
            result = self._run(job, loaded, seconds)
            return Succeeded() if result is None else Succeeded((loaded.encode or encode_result)(result, job))
        except JobInterrupted:
            return Released("stopped with its worker")
        except JobCalledOff as wish:
            return CalledOff(mask_for(job)(str(wish)))
        except BaseException as error:  # a job may raise what it likes; none must end the worker
            return self._failure(job, loaded, error)

    def _run(self, job: ClaimedJob, loaded: Loaded, seconds: float) -> Any:
        """Run the job and the hooks round it within the time limit; return what the job returns."""
        try:
            self._time_limit.start(seconds)
            hooks.call(loaded.hooks, "before", job)
            result = loaded.perform()
            if iscoroutine(result):
                self._time_limit.start(seconds + COROUTINE_GRACE)
                result = self._run_coroutine(result, seconds)
            hooks.call(loaded.hooks, "success", job)
            return result
        finally:
            self._end_of_forked_job()
            if self._time_limit.stop():
                self._torn = True
                cancel_queries()

    def _end_of_forked_job(self) -> None:
        """End a child process that a job has forked and let return: it would go on as a second worker."""
        if self._forks == _forks:
            return
        error = sys.exception()
        code = error.code if isinstance(error, SystemExit) else error is not None
        os._exit(code if isinstance(code, int) else int(code is not None))

    def _failure(self, job: ClaimedJob, loaded: Loaded, error: BaseException) -> Outcome:
        match error:
            case Snooze():
                return Snoozed(error.wait, error.until)
            case Cancel():
                return Cancelled(mask_for(job)(str(error)))
        text = describe_for(job, error)
        try:
            hooks.call(loaded.hooks, "error", job, error)
        except BaseException as trouble:
            complain(job, "hook error", trouble)
        wait, at = self._next_time(job, loaded, error)
        kind = TimedOut if isinstance(error, JobTimeout) else Failed
        return kind(text, error, wait, at, final=isinstance(error, UnstorableResult))

    def _next_time(self, job: ClaimedJob, loaded: Loaded, error: BaseException) -> tuple[float | None, Any]:
        """Return the pause or the time that the job itself wants before its next attempt, if any."""
        if isinstance(error, Retry) and (error.wait is not None or error.at is not None):
            return error.wait, error.at
        reschedule_at = getattr(loaded.hooks, "reschedule_at", None)
        try:
            if callable(reschedule_at):
                now = timezone.now()
                return (reschedule_at(now, job.attempts) - now).total_seconds(), None
            if loaded.options.backoff is not None:
                return as_seconds(loaded.options.backoff(job.attempts)), None
        except Exception as trouble:
            complain(job, "the backoff", trouble)
        return None, None

    def _decide(self, job: ClaimedJob, outcome: Outcome) -> Decision:
        limits = self._limits
        if job.max_attempts is not None:
            limits = replace(limits, max_attempts=job.max_attempts)
        decision = decide(
            outcome,
            attempts=job.attempts,
            crashes=job.crashes,
            limits=limits,
            # Both by the database's clock: ours may be wrong.
            blocked_seconds=(job.run_at - job.blocked_at).total_seconds() if job.blocked_at else 0.0,
        )
        if self._present is not None and self._present.cancelled and not decision.state.is_final:
            decision = replace(decision, state=State.CANCELLED, wait=None, run_at=None)
        return decision if decision.error is None else replace(decision, error=storable(decision.error))

    def _tell_of_unloaded(self, ended: Ended) -> None:
        """Send the signal about a job that has failed for good without being performed: who sends it is not known."""
        cause = ended.decision.cause
        if ended.decision.state is State.FAILED and cause is not None:
            signals.send(signals.job_failed, None, job=ended.job, exception=cause)

    def _announce(self, ended: Ended, loaded: Loaded) -> None:
        """Call the failure hook and send the signals about the end."""
        state = ended.decision.state
        if state is State.FAILED:
            try:
                hooks.call(loaded.hooks, "failure", ended.job)
            except BaseException as error:
                complain(ended.job, "hook failure", error)
        if loaded.ended is not None:
            loaded.ended(ended.decision)
        signals.send(signals.job_finished, loaded.sender, job=ended.job, outcome=ended.outcome)
        if isinstance(ended.outcome, Failed) and state is not State.CANCELLED:
            signal = signals.job_failed if state is State.FAILED else signals.job_retrying
            signals.send(signal, loaded.sender, job=ended.job, exception=ended.outcome.exception)


#: How many forks lie between the first process and this one; cheaper to ask than the process id.
_forks = 0


def _count_fork() -> None:
    global _forks
    _forks += 1


os.register_at_fork(after_in_child=_count_fork)


class _Undo(Exception):
    """Carries the end of an unsuccessful atomic job out of its transaction, which rolls back."""

    def __init__(self, ended: Ended) -> None:
        self.ended = ended


def limits_of(settings: Settings) -> Limits:
    """Return the limits that hold for jobs without their own."""
    return Limits(
        max_attempts=settings.max_attempts,
        max_crashes=settings.max_crashes,
        backoff=settings.backoff,
        keep_succeeded=settings.keep_succeeded != 0,
        destroy_failed=settings.destroy_failed_jobs,
    )
