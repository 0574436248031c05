"""``jobworker --reload``: the pool runs as a child, which is ended and started anew when the code changes.

Django's ``run_with_reloader`` has the command in a thread; a pool forks and must own its main thread. So this process
only watches: it passes signals on, and leaves with the exit code of the pool when that ends by itself.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from jobqueue import logs
from jobqueue.pool import notify, orphans
from jobqueue.pool.children import end_with
from jobqueue.pool.codewatch import CodeWatch
from jobqueue.pool.supervisor import EXIT_REFUSED, EXIT_STOPPED, has_terminal
from jobqueue.worker.bell import Bell

#: In the environment of the pool: whose child it is, and how many pools there were before it.
WATCHED_BY = "JOBQUEUE_WATCHED_BY"
LOOK_SECONDS = 0.25

STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
OTHERS = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTTIN)


@dataclass(frozen=True, slots=True)
class Watched:
    """What a pool knows of the process that watches the code for it."""

    pid: int
    former: int

    @classmethod
    def find(cls) -> Watched | None:
        """Look into the environment; None if nobody watches."""
        pid, _, former = os.environ.get(WATCHED_BY, "").partition(" ")
        return cls(int(pid), int(former)) if pid.isdecimal() and int(pid) == os.getppid() else None

    @classmethod
    def take(cls) -> Watched | None:
        """Take it out of the environment, where jobs must not find it; None if nobody watches."""
        found = cls.find()
        os.environ.pop(WATCHED_BY, None)
        return found

    def bond(self) -> None:
        """End, with running jobs put back, when the one that watches is killed."""
        end_with(self.pid, signal.SIGQUIT)

    def hand_on(self) -> None:
        """Tell the program that takes this one's place."""
        os.environ[WATCHED_BY] = f"{self.pid} {self.former + 1}"


class Reloader:
    """Keeps one pool alive, with the code as it is now.

    Args:
        code: tells of changes.
        command: starts a pool.
    """

    def __init__(self, code: CodeWatch, command: list[str]) -> None:
        self._code = code
        self._command = command
        self._bell = Bell()
        self._pool: subprocess.Popen[bytes] | None = None
        self._started = 0
        self._replacing = False
        self._stopping = False
        self._signals: list[int] = []
        self._had_terminal = has_terminal()

    def run(self) -> int:
        """Go on until told to stop, or until the pool ends by itself; return the exit code."""
        # At a terminal, Ctrl+Z keeps its meaning.
        numbers = (*STOPS, *OTHERS, *(() if sys.stdin.isatty() else (signal.SIGTSTP,)))
        before = {number: signal.signal(number, self._note) for number in (*numbers, signal.SIGCHLD)}
        try:
            self._start()
            while (code := self._turn()) is None:
                self._bell.wait(LOOK_SECONDS)
            return code
        finally:
            if self._pool is not None:
                self._pool.kill()
                self._pool.wait()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number != signal.SIGCHLD:
            self._signals.append(number)
        self._bell.ring()

    def _turn(self) -> int | None:
        """Do what there is to do; return the exit code when all is over."""
        while self._signals:
            self._obey(self._signals.pop(0))
        ended = None if self._pool is None else self._pool.poll()
        if ended is not None:
            self._pool = None
        orphans.bury({self._pool.pid} if self._pool else ())
        if ended is not None and (code := self._after(ended)) is not None:
            return code
        if self._pool is None and self._stopping:
            return EXIT_STOPPED
        if changed := self._code.look():
            self._replace(changed)
        return None

    def _obey(self, number: int) -> None:
        """Pass a signal on; a pool that ends for its successor anyway is not hurried by the first order to stop."""
        closed = number == signal.SIGHUP and self._had_terminal and not has_terminal()
        stops = number in STOPS or closed
        if self._pool is not None:
            if not (number in STOPS and self._replacing and not self._stopping):
                self._pool.send_signal(number)
        elif number == signal.SIGHUP and not stops:
            self._start()
        self._stopping |= stops

    def _after(self, ended: int) -> int | None:
        """A pool has ended: start the next one, wait for better code, or leave with its exit code."""
        if self._replacing and not self._stopping:
            self._start()
            return None
        if ended == EXIT_REFUSED and self._started > 1 and not self._stopping:
            logs.say(
                logging.ERROR, "wait", "it cannot start with this code; waiting for the next change. Ctrl+C stops"
            )
            return None
        return ended if ended >= 0 else 128 - ended

    def _replace(self, changed: str) -> None:
        """End the pool for the next one; asked again, it does not wait for running jobs."""
        if self._stopping:
            return
        logs.say(logging.INFO, "code", f"{changed} has changed; restarting")
        if self._pool is None:
            self._start()
        else:
            self._replacing = True
            self._pool.send_signal(signal.SIGTERM)

    def _start(self) -> None:
        """Start a pool in a process group of its own: a terminal's Ctrl+C reaches it through us, and once."""
        self._replacing = False
        sys.stdout.flush()
        watched = {WATCHED_BY: f"{os.getpid()} {self._started}"}
        self._pool = subprocess.Popen(self._command, env=os.environ | watched, process_group=0)
        self._started += 1


def watch() -> int:
    """Run this process's own command line as a child, again and again; return the exit code."""
    return Reloader(CodeWatch(), [sys.executable, *sys.orig_argv[1:]]).run()


def is_wanted(words: dict[str, Any]) -> bool:
    """Whether to watch the code: if that was asked for; in development, unless it was refused.

    Not by default if the command was called by a program, which would be started as a whole, or by a service manager,
    which would wait for a word of a process that it does not know.
    """
    if words["action"] != "run" or words["daemon"] or words["exit_on_complete"] or Watched.find():
        return False
    if words["reload"] is not None:
        return bool(words["reload"])
    at_hand = words["typed"] and notify.SOCKET not in os.environ
    return settings.DEBUG and at_hand and not words["exit_on_code_change"]


def check(words: dict[str, Any], action: str) -> None:
    """Refuse what does not go together.

    Raises:
        CommandError: with exit status 2.
    """
    flags = [f"--{name.replace('_', '-')}" for name in ("reload", "exit_on_code_change") if words[name]]
    if flags and action != "run":
        raise CommandError(f"{flags[0]} is for a pool in the foreground: jobworker {flags[0]}", returncode=2)
    if len(flags) == 2:
        text = f"{flags[0]} starts the pool again, {flags[1]} leaves that to others: take one of them."
        raise CommandError(text, returncode=2)
    if words["reload"] and notify.SOCKET in os.environ:
        text = "--reload is for development; the service manager would wait for a process that it does not know."
        raise CommandError(f"{text} Take --exit-on-code-change.", returncode=2)
