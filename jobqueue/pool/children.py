"""What runs inside the forked processes: signals, the bond to the parent, then the role itself."""

from __future__ import annotations

import ctypes
import faulthandler
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence

from django.db import connections

from jobqueue import logs, signals
from jobqueue.conf import Settings
from jobqueue.notifying import DRAIN_SECONDS, background
from jobqueue.performing.connections import keep_open_between_jobs, notice_lost_servers
from jobqueue.performing.timeouts import Alarm
from jobqueue.pool.duties import DeclaredDead, Post
from jobqueue.pool.maintenance import Maintenance
from jobqueue.pool.options import PoolOptions
from jobqueue.stores import get_store
from jobqueue.worker.bell import Bell
from jobqueue.worker.board import Board, Slot
from jobqueue.worker.loop import Worker
from jobqueue.worker.trouble import Refused

#: Signals that a pool's processes deal with themselves. Blocked from before the fork until handlers are set.
SIGNALS = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGHUP,
    signal.SIGCHLD,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGTTIN,
)
#: Tells a worker to look at the board for jobs that somebody has cancelled.
CALL_OFF = signal.SIGUSR1

#: Exit status of a maintenance process whose pool was declared dead.
IDENTITY_LOST = 70
#: Exit status of a process that the database refuses what it needs.
REFUSED = 77
_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
#: A busy job leaves the interpreter to its worker's clerk after so many seconds: for each answer of the database that
#: the clerk takes in, it would wait five times as long otherwise, and idle performers with it.
SWITCH_SECONDS = 0.001
#: Names of the processes, as ``top`` and ``ps -o comm`` show them; the system takes 15 characters.
WORKER, MAINTENANCE = "job-worker", "job-maintenance"


def run_worker(
    parent: int, settings: Settings, options: PoolOptions, board: Board, slot: Slot, bell: Bell
) -> None:
    """Be a worker until told to stop."""
    slot.words.pid = os.getpid()
    slot.words.name = options.signature(os.getpid()).encode()
    sys.setswitchinterval(SWITCH_SECONDS)
    notice_lost_servers()
    keep_open_between_jobs()
    with Alarm() as alarm:
        worker = Worker(get_store(), settings, options.worker, board=board, slot=slot, bell=bell, alarm=alarm)

        def leave_now(*_: object) -> None:
            worker.stop()
            alarm.interrupt()

        _become_child(WORKER, parent, on_term=worker.stop, on_quit=leave_now)
        signal.signal(CALL_OFF, lambda *_: worker.call_off())
        signals.send(signals.worker_started, Worker, name=slot.name)
        error = worker.run()
        status = 0 if error is None else REFUSED if isinstance(error, Refused) else 1
        signals.send(signals.worker_stopping, Worker, name=slot.name)
        background.drain()
        _end_within(settings.kill_seconds, status)
        sys.exit(status)


def _end_within(seconds: float, status: int) -> None:
    """End this process even if a job has left a thread or a child that never ends: nobody else would."""
    timer = threading.Timer(seconds, os._exit, [status])
    timer.daemon = True
    timer.start()


def run_maintenance(
    parent: int,
    settings: Settings,
    options: PoolOptions,
    board: Board,
    bells: Sequence[Bell],
    bell: Bell,
) -> None:
    """Be the pool's maintenance until told to leave."""
    notice_lost_servers()
    post = Post(get_store(), settings, options, board, bells, parent)
    maintenance = Maintenance(post, bell)
    _become_child(MAINTENANCE, parent, on_term=maintenance.stop, on_quit=maintenance.stop)
    try:
        maintenance.run()
    except DeclaredDead:
        logs.say(logging.WARNING, "dead", "this pool was declared dead; it starts again under a new identity")
        sys.exit(IDENTITY_LOST)
    except Refused:
        sys.exit(REFUSED)
    finally:
        # Within the time that the supervisor leaves us.
        background.drain(min(DRAIN_SECONDS, settings.heartbeat_seconds / 2))


def _become_child(name: str, parent: int, on_term: Callable[[], None], on_quit: Callable[..., None]) -> None:
    """Have a name and a process group of our own, end when the parent ends, and obey the parent's signals."""
    assert all(connection.connection is None for connection in connections.all(initialized_only=True))
    os.setsid()
    _tell_kernel(_PR_SET_NAME, ctypes.c_char_p(name.encode()))
    end_with(parent, signal.SIGKILL)  # without its heartbeats our jobs belong to others soon
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, lambda *_: on_term())
    signal.signal(signal.SIGQUIT, lambda *_: on_quit())
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGTSTP):
        signal.signal(ignored, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for dump in (signal.SIGUSR2, signal.SIGTTIN):
        faulthandler.register(dump, all_threads=True)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def end_with(parent: int, number: signal.Signals) -> None:
    """Have the kernel send us a signal when the parent dies."""
    _tell_kernel(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        sys.exit("the parent process is gone")


def _tell_kernel(option: int, value: object) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value)
