"""The worker: takes a job, performs it, hands its end to the clerk, and again."""

from __future__ import annotations

import threading
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from math import inf
from typing import Any

from jobqueue import logs
from jobqueue.conf import Settings
from jobqueue.handlers import is_coroutine
from jobqueue.outcomes import FAILURES, Released
from jobqueue.performing.context import current_job
from jobqueue.performing.coroutines import SharedLoop
from jobqueue.performing.executor import Ended, Executor, RunCoroutine
from jobqueue.performing.timeouts import Alarm, Cooperative
from jobqueue.rows import ClaimedJob
from jobqueue.stores.base import Store
from jobqueue.worker.bell import Bell
from jobqueue.worker.board import Board, Slot
from jobqueue.worker.buffer import Buffer
from jobqueue.worker.clerk import Clerk, Selection
from jobqueue.worker.judge import Judge
from jobqueue.worker.memory import resident_bytes
from jobqueue.worker.minutes import Minutes
from jobqueue.worker.places import Places
from jobqueue.worker.stock import Stock
from jobqueue.worker.trouble import Trouble

#: How often a worker looks at its own size.
WEIGH_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """What a worker is told by the command line.

    Attributes:
        selection: which jobs it takes.
        threads: jobs that it performs at a time.
        coroutines: jobs that it performs at a time where all but ``threads`` are coroutines.
        max_jobs: it leaves, to be replaced, after so many jobs; None never.
        max_memory: it leaves when it has grown beyond so many bytes; None never.
    """

    selection: Selection
    threads: int = 1
    coroutines: int = 1
    max_jobs: int | None = None
    max_memory: int | None = None

    @property
    def performers(self) -> int:
        """Jobs that it performs at a time, of whatever kind."""
        return max(self.threads, self.coroutines)


class Worker:
    """One worker process. Its main thread performs; where it performs several jobs at a time, as many threads do."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        options: WorkerOptions,
        *,
        board: Board,
        slot: Slot,
        bell: Bell,
        alarm: Alarm,
    ) -> None:
        self._settings = settings
        self._options = options
        self._store = store
        self._slot = slot
        self._alarm = alarm
        self._left = options.max_jobs
        self._weighed = 0.0
        self._executors: list[Executor] = []
        self._places = Places(options.threads, is_coroutine) if options.coroutines > 1 else None
        self._buffer = Buffer(slot, bell, settings.claim_ahead, options.performers)
        self._clerk = Clerk(
            store,
            self._buffer,
            slot,
            bell,
            Stock(Judge(settings).crashed),
            Trouble(store, board),
            Minutes(store, settings.keep_statistics),
            pool_id=lambda: board.header.pool_id,
            quiet=lambda: bool(board.header.quiet),
            selection=options.selection,
        )

    def run(self) -> Exception | None:
        """Perform until told to stop; return what the clerk met that waiting does not mend (it is logged)."""
        self._clerk.start()
        if self._options.performers == 1:
            self._executors = [Executor(self._store, self._settings, self._alarm, tell=self._clerk.tell)]
            self._perform_all(0)
        else:
            self._perform_on_threads()
        self._clerk.stop()
        return self._clerk.error

    def stop(self) -> None:
        """Start nothing more; what is running may end. Safe in signal handlers."""
        self._clerk.close()

    def call_off(self) -> None:
        """End the jobs that the board says somebody has cancelled. For signal handlers."""
        for desk, executor in enumerate(self._executors):
            if job_id := self._slot.called_off(desk):
                executor.call_off(job_id)

    def _perform_on_threads(self) -> None:
        run_coroutine = self._beside_others(self._places) if self._places else None
        desks = range(self._options.performers)
        self._executors = [
            Executor(self._store, self._settings, Cooperative(), run_coroutine, self._clerk.tell) for _ in desks
        ]
        threads = [
            threading.Thread(target=self._perform_all, args=(desk,), name=f"performer-{desk + 1}", daemon=True)
            for desk in desks
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _beside_others(self, places: Places) -> RunCoroutine:
        """Return what runs the performers' coroutines on one loop, beside jobs that block."""
        loop = SharedLoop()

        def run(coroutine: Coroutine[Any, Any, Any], seconds: float) -> Any:
            if (job := current_job()) is not None:
                places.leave_to_others(job.name)
            return loop(coroutine, seconds)

        return run

    def _perform_all(self, desk: int) -> None:
        places, executor = self._places, self._executors[desk]
        executor.worker = self._slot.name
        while (taken := self._buffer.take()) is not None:
            job, since = taken
            if places and not places.take(job.name, lambda: self._buffer.closed):
                self._clerk.give_back(job)
                continue
            if (started := self._start(job, since, desk)) is not None:
                self._perform_one(started, desk, executor)
            if places:
                places.leave()

    def _perform_one(self, job: ClaimedJob, desk: int, executor: Executor) -> None:
        logs.started(job)
        ended = executor.perform(job)
        self._count(ended)
        self._clerk.hand_in(ended)
        self._slot.stop(desk)
        logs.ended(ended)

    def _start(self, job: ClaimedJob, since: float, desk: int) -> ClaimedJob | None:
        """Say on the board that the job begins, then make sure that it is still ours to begin."""
        self._say(job, desk)
        if not self._buffer.is_stale(time.monotonic(), since):
            return job
        # The database may let the renewal wait: the time of the job begins after it.
        self._slot.start(desk, job.id, time.monotonic(), inf)
        kept = self._clerk.renew(job)
        if kept is None:
            logs.lost(job)
            self._slot.stop(desk)
        else:
            self._say(kept, desk)
        return kept

    def _say(self, job: ClaimedJob, desk: int) -> None:
        now = time.monotonic()
        limit = max(job.max_run_time or self._settings.max_run_time, 0.0)
        self._slot.start(desk, job.id, now, now + limit + self._settings.kill_seconds)

    def _count(self, ended: Ended) -> None:
        self._buffer.learn(ended.ended - ended.started)
        words = self._slot.words
        if isinstance(ended.outcome, FAILURES):
            words.failed += 1
        elif isinstance(ended.outcome, Released):
            words.put_back += 1
        else:
            words.succeeded += 1
        if self._is_worn_out(ended.ended):
            self._clerk.close()

    def _is_worn_out(self, now: float) -> bool:
        """Whether this worker is to be replaced by a fresh one."""
        if self._left is not None:
            self._left -= 1
            if self._left <= 0:
                return True
        if self._options.max_memory is None or now - self._weighed < WEIGH_SECONDS:
            return False
        self._weighed = now
        return resident_bytes() > self._options.max_memory
