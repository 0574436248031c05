"""The parent of a pool: forks, watches, passes signals on. It has no database connection and no threads."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any

from jobqueue import logs
from jobqueue.conf import Settings
from jobqueue.pool import orphans
from jobqueue.pool.burst import Burst
from jobqueue.pool.children import CALL_OFF, IDENTITY_LOST, REFUSED, SIGNALS, run_maintenance, run_worker
from jobqueue.pool.codewatch import CodeWatch
from jobqueue.pool.forked import Child, fork
from jobqueue.pool.forkpause import YOUNG_SECONDS, ForkPause
from jobqueue.pool.notify import Notifier
from jobqueue.pool.options import PoolOptions
from jobqueue.pool.service import Phase, Service
from jobqueue.pool.words import how
from jobqueue.worker.bell import Bell
from jobqueue.worker.board import Board, End, Seat
from jobqueue.worker.clerk import FLUSH_JOBS

EXIT_STOPPED = 0
EXIT_REFUSED = 1
EXIT_PUT_BACK = 4

STOPPING = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT})
TICK_SECONDS = 0.25
#: Between asking a process to end and killing it.
LAST_SECONDS = 2.0


class Supervisor:
    """Keeps maintenance and workers alive until it is told to stop.

    Args:
        settings: of the project.
        options: of the command line.
        say: prints one bare line for people.
        clock: monotonic.
        notifier: the way to the service manager.
        code: tells of changes, which end the pool.
    """

    def __init__(
        self,
        settings: Settings,
        options: PoolOptions,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        *,
        notifier: Notifier | None = None,
        code: CodeWatch | None = None,
    ) -> None:
        self._settings = settings
        self._options = options
        self._say = say
        self._clock = clock
        desks = options.worker.performers
        unwritten = 2 * (settings.claim_ahead + desks + FLUSH_JOBS)
        self._board = Board(options.processes, desks, unwritten)
        self._service = Service(notifier, self._board, settings, clock, detached=options.detached)
        self._code = code
        self._bell = Bell()
        self._maintenance_bell = Bell()
        self._bells = [Bell() for _ in self._board.slots]
        self._maintenance: BaseProcess | None = None
        self._children: list[Child] = []
        self._signals: list[int] = []
        self._burst = Burst(clock)
        self._worker_pause = ForkPause(clock)
        # Without heartbeats the pool's jobs belong to others soon, so maintenance is never long away.
        self._maintenance_pause = ForkPause(clock, longest=settings.heartbeat_seconds)
        self._stop_at: float | None = None
        self._leaving = False
        self._refused = False
        self._put_back = 0
        self._had_terminal = has_terminal()
        self.restart = False

    def run(self, introduce: Callable[[], object] = lambda: None) -> int:
        """Run the pool; return the exit status for the command.

        Args:
            introduce: is called first, when signals are obeyed already: who reads that Ctrl+C stops it may press that.
        """
        before = self._take_signals()
        began = self._clock()
        try:
            introduce()
            gc.collect()
            gc.freeze()
            while not (self._stop_at is not None and not self._children):
                self._turn()
            self._end_maintenance()
        finally:
            self._kill_all()
            for number, handler in before.items():
                signal.signal(number, handler)
            gc.unfreeze()
        # Who asked for the end while the last processes went, must not get a fresh pool.
        self.restart = self.restart and STOPPING.isdisjoint(self._signals)
        return self._report_end(self._clock() - began)

    def _turn(self) -> None:
        self._obey()
        self._leave_for_new_code()
        self._reap()
        self._keep_maintenance()
        orphans.bury({process.pid for process in self._processes()})
        self._keep_workers()
        self._enforce_time_limits()
        self._report_burst()
        self._report_to_manager()
        self._bell.wait(TICK_SECONDS)

    # Signals: the handler only notes the number and rings

    def _take_signals(self) -> dict[int, Any]:
        # At a terminal, Ctrl+Z keeps its meaning.
        numbers = SIGNALS if sys.stdin.isatty() else (*SIGNALS, signal.SIGTSTP)
        return {number: signal.signal(number, self._note) for number in numbers}

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number != signal.SIGCHLD:
            self._signals.append(number)
        self._bell.ring()

    def _obey(self) -> None:
        while self._signals:
            match self._signals.pop(0):
                case signal.SIGTERM | signal.SIGINT:
                    self._end()
                case signal.SIGQUIT:
                    self.restart = False
                    self._leave()
                case signal.SIGHUP if self._stop_at is None:
                    # Also sent when the terminal is closed, which means the end.
                    self.restart = not (self._had_terminal and not has_terminal())
                    self._stop()
                case signal.SIGUSR1 | signal.SIGTSTP:
                    self._be_quiet()
                case signal.SIGUSR2 | signal.SIGTTIN:
                    self._show_stacks()
        if self._board.header.stop:
            self._board.header.stop = 0
            self._stop_for_good()
        if self._stop_at is not None and self._clock() >= self._stop_at:
            self._leave()

    def _end(self) -> None:
        """Stop; asked a second time, leave at once; about to restart, do not."""
        if self._stop_at is None:
            self._stop()
        elif self.restart:
            self.restart = False
        else:
            self._leave()

    def _stop_for_good(self) -> None:
        """Stop; about to do so already, do not start again."""
        self.restart = False
        if self._stop_at is None:
            self._stop()

    def _leave_for_new_code(self) -> None:
        changed = None if self._code is None or self._stop_at is not None else self._code.look()
        if changed:
            logs.say(logging.INFO, "stop", f"the code has changed ({changed})")
            self._stop()

    def _stop(self) -> None:
        """Take no new jobs and wait for the running ones."""
        self._stop_at = self._clock() + self._options.shutdown_seconds
        running = sum(len(child.slot.performing()) for child in self._children)
        if running:
            jobs = "1 job" if running == 1 else f"{running} jobs"
            wait = logs.short(self._options.shutdown_seconds)
            logs.say(logging.INFO, "stop", f"{jobs} still running; waiting up to {wait}")
        for child in self._children:
            child.send(signal.SIGTERM)

    def _leave(self) -> None:
        """Have running jobs put back, and kill what does not obey."""
        if self._leaving:
            return
        self._leaving = True
        self._stop_at = self._clock() if self._stop_at is None else self._stop_at
        for child in self._children:
            child.end = End.STOPPED
            child.kill_at = self._clock() + LAST_SECONDS
            child.send(signal.SIGQUIT)

    def _be_quiet(self) -> None:
        self._board.header.quiet = 1
        logs.say(logging.INFO, "quiet", "taking no new jobs")
        for bell in self._bells:
            bell.ring()

    def _show_stacks(self) -> None:
        now = self._clock()
        for child in self._children:
            for job in child.slot.performing():
                logs.say(logging.INFO, "stack", f"{child.slot.name} job #{job.job_id} for {now - job.since:.1f}s")
            child.send(signal.SIGUSR2)

    # Children

    def _keep_maintenance(self) -> None:
        if self._maintenance is not None and self._maintenance.exitcode is not None:
            status, self._maintenance = self._maintenance.exitcode, None
            if status == IDENTITY_LOST:
                self._start_anew()
            elif self._is_refused(status):
                self._give_up()
            else:
                logs.say(logging.ERROR, "died", f"maintenance {how(status)}; it is replaced")
                self._maintenance_pause.note_death(young=not self._maintenance_pause.has_lasted)
        if self._maintenance is None and self._maintenance_pause.is_over and not self._refused:
            self._maintenance_pause.note_birth()
            arguments = (self._settings, self._options, self._board, self._bells, self._maintenance_bell)
            self._maintenance = fork(run_maintenance, os.getpid(), *arguments)
            if self._maintenance is None:
                self._maintenance_pause.note_death(young=True)

    def _keep_workers(self) -> None:
        if self._stop_at is not None or not self._worker_pause.is_over:
            return None
        while len(self._children) < self._options.processes:
            slot = self._board.free_slot()
            if slot is None:
                return None  # Dead workers wait to be settled; maintenance will ring.
            slot.sit_down()
            bell = self._bells[slot.index]
            bell.silence()
            process = fork(run_worker, os.getpid(), self._settings, self._options, self._board, slot, bell)
            if process is None:
                slot.words.seat = Seat.FREE
                return self._worker_pause.note_death(young=True)
            slot.words.pid = process.pid or 0
            self._children.append(Child(process, slot, self._clock()))
        return None

    def _processes(self) -> list[BaseProcess]:
        maintenance = [] if self._maintenance is None else [self._maintenance]
        return [*maintenance, *(child.process for child in self._children)]

    def _reap(self) -> None:
        for child in list(self._children):
            if child.has_died() and child.process.exitcode is not None:
                self._children.remove(child)
                self._bury(child, child.process.exitcode)
                child.process.close()

    def _bury(self, child: Child, status: int) -> None:
        """Leave the dead worker's slot to maintenance."""
        words = child.slot.words
        performing = child.slot.performing()
        if child.end is End.LEFT and status != 0:
            child.end = End.CRASHED
        young = self._clock() - child.born < YOUNG_SECONDS and not (words.succeeded or words.failed or performing)
        self._worker_pause.note_death(young=young and child.end is End.CRASHED)
        if self._is_refused(status):
            self._give_up()
        self._burst.add(words.succeeded, words.failed)
        self._put_back += words.put_back
        if child.end is End.STOPPED:
            self._put_back += len(performing)
        words.end, words.status = child.end, status
        words.seat = Seat.FREE if status == 0 and not performing and not child.slot.unwritten() else Seat.DEAD
        if words.seat == Seat.DEAD:
            logs.say(logging.WARNING, "died", f"worker {child.slot.name} {how(status)}")
            self._maintenance_bell.ring()

    def _enforce_time_limits(self) -> None:
        now = self._clock()
        for child in self._children:
            if child.kill_at is not None:
                if now >= child.kill_at:
                    child.send(signal.SIGKILL)
                continue
            performing = child.slot.performing()
            if any(now >= job.deadline for job in performing):
                child.end = End.TIMED_OUT
                child.kill_at = now + LAST_SECONDS
                child.send(signal.SIGTERM)
            elif any(job.called_off for job in performing):
                child.send(CALL_OFF)  # again and again: it may not have begun yet, or be about to end

    def _start_anew(self) -> None:
        """Others have our jobs already: nothing may be finished under the old identity."""
        for child in self._children:
            child.send(signal.SIGKILL)
            child.process.join()
            child.slot.words.seat = Seat.FREE
        self._children.clear()
        self._board.header.pool_id = 0

    def _is_refused(self, status: int) -> bool:
        """Whether a process has left because the database refuses it; a job may leave with any status, too."""
        return status == REFUSED and bool(self._board.header.refused)

    def _give_up(self) -> None:
        """The database does not let us work: end, so that whoever watches this process learns of it."""
        if self._refused:
            return
        self._refused = True
        logs.say(logging.ERROR, "stop", "the database still refuses what the pool needs; stopping")
        if self._stop_at is None:
            self._stop()

    def _end_maintenance(self) -> None:
        if self._maintenance is not None and self._maintenance.pid is not None:
            os.kill(self._maintenance.pid, signal.SIGTERM)
            self._maintenance.join(self._settings.heartbeat_seconds)

    def _kill_all(self) -> None:
        """Leave no process behind, whatever went wrong."""
        for child in self._children:
            child.send(signal.SIGKILL)
            child.process.join()
        if self._maintenance is not None and self._maintenance.exitcode is None:
            self._maintenance.kill()
            self._maintenance.join()

    # What people see

    def _report_burst(self) -> None:
        words = [child.slot.words for child in self._children]
        busy = any(child.slot.performing() for child in self._children)
        line = self._burst.look(sum(each.succeeded for each in words), sum(each.failed for each in words), busy)
        if line is not None:
            self._say(line)

    def _report_to_manager(self) -> None:
        leaving = Phase.RESTARTING if self.restart else Phase.STOPPING
        phase = Phase.WORKING if self._stop_at is None else leaving
        done = self._burst.succeeded + self._burst.failed
        self._service.look(self._children, self._options.processes, phase, done)

    def _report_end(self, seconds: float) -> int:
        self._report_burst()
        total = self._burst
        text = f"done: {total.succeeded} ok, {total.failed} failed, {self._put_back} put back"
        logs.say(logging.INFO, "stop", f"{text}, {logs.short(seconds)}")
        if self._refused:
            return EXIT_REFUSED
        return EXIT_PUT_BACK if self._put_back else EXIT_STOPPED


def has_terminal() -> bool:
    """Whether this process has a controlling terminal."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
