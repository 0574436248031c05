"""What each action of ``jobworker`` does."""

from __future__ import annotations

import errno
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from django.db import connections

from jobqueue import checks, logs
from jobqueue.cli import banner, releases, reload
from jobqueue.cli.invocation import Invocation
from jobqueue.conf import get_settings
from jobqueue.middleware import middleware
from jobqueue.notifying import background
from jobqueue.performing.executor import Executor
from jobqueue.performing.timeouts import Alarm
from jobqueue.pool import account, daemon, preflight
from jobqueue.pool.burst import processed_line
from jobqueue.pool.codewatch import CodeWatch
from jobqueue.pool.notify import Notifier
from jobqueue.pool.pidfile import AlreadyRunning, ForeignProcess, PidFile, was_handed_on
from jobqueue.pool.supervisor import EXIT_PUT_BACK, Supervisor
from jobqueue.stores import get_store
from jobqueue.worker.minutes import Minutes
from jobqueue.worker.workoff import Pulse, WorkOff

EXIT_FAILED_TO_START = 1
EXIT_NOT_RUNNING = 3
EXIT_JOB_FAILED = 5

#: How long ``start`` waits for the daemon to be there, and ``stop`` for it to be gone beyond its own time.
PATIENCE_SECONDS = 10.0
#: How often a pool that leaves when its code changes looks at it.
CODE_SECONDS = 5.0


def perform(words: dict[str, Any], say: Callable[[str], None]) -> int:
    """Do what the command line asks for and return the exit status.

    Raises:
        CommandError: if it cannot be done, with the exit status.
    """
    action = _action(words)
    try:
        call = Invocation(words, say, get_settings())
        middleware()  # imported once, before the workers are forked
    except ImproperlyConfigured as error:
        raise CommandError(str(error), returncode=EXIT_FAILED_TO_START) from None
    _check_priorities(call)
    _check_only_for_work_off(words, action)
    reload.check(words, action)
    return ACTIONS[action](call)


def _action(words: dict[str, Any]) -> str:
    """Return what is to be done: two options turn ``run``, the default, into something else."""
    action: str = words["action"]
    if words["daemon"] and action == "run":
        action = "start"
    if words["daemon"] and action == "work_off":
        raise CommandError(
            "--daemon is for the actions run and start; work_off stays in the foreground.", returncode=2
        )
    if words["exit_on_complete"] and action not in {"run", "work_off"}:
        raise CommandError(f"--exit-on-complete is the action work_off; it cannot go with {action}.", returncode=2)
    return "work_off" if words["exit_on_complete"] else action


def run(call: Invocation) -> int:
    """Run the pool in the foreground."""
    _become(call)
    _configure_logs(call)
    if reload.is_wanted(call.words):
        return reload.watch()
    if watched := reload.Watched.take():
        watched.bond()
        call = replace(call, watched=watched)
    _check(call, forks=True)
    if call.words["pid"] is None:
        return _run_pool(call)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the pool can obey it, the code is fresh anyway
    descriptor = _claim(call.pid_file)
    try:
        return _run_pool(call, descriptor)
    finally:
        call.pid_file.release(descriptor)


def start(call: Invocation) -> int:
    """Run the pool as a daemon; return when it has taken its PID file."""
    if was_handed_on():
        return run(_as_daemon(call))
    _refuse_root(call)
    _become(call)
    if (holder := _holder(call.pid_file)) is not None:
        raise CommandError(f"Already running, pid {holder} ({call.pid_file.path}).", returncode=1)
    _check_folder(call.pid_file)
    _check(call, forks=True)
    try:
        daemon.detach(call.log_file, run=lambda: run(_as_daemon(call)))
    except daemon.CannotDetach as error:
        raise CommandError(str(error), returncode=EXIT_FAILED_TO_START) from None
    except OSError as error:
        raise _cannot("open the log", call.log_file, error) from None
    if not call.pid_file.wait_until_held(PATIENCE_SECONDS):
        raise CommandError(f"It did not start. The reason is in {call.log_file}", returncode=1)
    call.say(f"Started, pid {_holder(call.pid_file)}. Log: {call.log_file}")
    return 0


def stop(call: Invocation) -> int:
    """End the daemon gracefully and wait for it."""
    holder = _holder(call.pid_file)
    if holder is None:
        return _say_not_running(call)
    try:
        os.kill(holder, signal.SIGTERM)
    except PermissionError:
        text = f"pid {holder} belongs to another user; nothing was signalled."
        raise CommandError(text, returncode=EXIT_FAILED_TO_START) from None
    except ProcessLookupError:
        return _say_not_running(call)
    if not call.pid_file.wait_until_gone(holder, call.options.shutdown_seconds + PATIENCE_SECONDS):
        raise CommandError(f"pid {holder} has not stopped yet. Again: kill -QUIT {holder}", returncode=1)
    call.say(f"Stopped, pid {holder}.")
    return 0


def restart(call: Invocation) -> int:
    """Stop if it runs, then start."""
    if was_handed_on():
        return start(call)
    _refuse_root(call)
    if _holder(call.pid_file) is not None:
        stop(call)
    return start(call)


def status(call: Invocation) -> int:
    """Say whether the daemon runs."""
    holder = _holder(call.pid_file)
    if holder is None:
        return _say_not_running(call)
    call.say(f"Running, pid {holder} ({call.pid_file.path}).")
    if line := releases.outdated_line(call.settings.database, call.options.host, holder):
        call.say(line)
    return 0


def work_off(call: Invocation) -> int:
    """Perform all that is due in this process, then leave."""
    _become(call)
    _configure_logs(call)
    _check(call, forks=False)
    call.say(banner.starting_line(call.options, os.getpid()))
    _warn_of_root(call)
    store, settings = get_store(), call.settings
    stop_asked = threading.Event()
    with Alarm() as alarm:
        before = _on_stop(lambda: alarm.interrupt() if stop_asked.is_set() else stop_asked.set())
        executor = Executor(store, settings, alarm)
        work = WorkOff(
            store,
            settings,
            executor,
            call.options.worker.selection,
            limit=call.words["limit"],
            name=call.options.name,
            is_asked_to_stop=stop_asked.is_set,
            minutes=Minutes(store, settings.keep_statistics),
        )
        try:
            tally = work.run(pulse=_pulse(call))
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            background.drain()
    if tally.performed:
        call.say(processed_line(tally.performed, tally.failed, tally.seconds))
    if tally.put_back:
        return EXIT_PUT_BACK
    return EXIT_JOB_FAILED if tally.failed and call.words["fail_on_error"] else 0


ACTIONS: dict[str, Callable[[Invocation], int]] = {
    "run": run,
    "start": start,
    "stop": stop,
    "restart": restart,
    "status": status,
    "work_off": work_off,
}


def _run_pool(call: Invocation, descriptor: int | None = None) -> int:
    notifier = Notifier.take()
    code = CodeWatch(every=CODE_SECONDS) if call.words["exit_on_code_change"] else None
    supervisor = Supervisor(call.settings, call.options, call.say, notifier=notifier, code=code)
    status = supervisor.run(lambda: _introduce(call))
    if supervisor.restart:
        _restart_in_place(call, descriptor, notifier)
    return status


def _introduce(call: Invocation) -> None:
    """Say who begins to work, and what is risky about it; leave no connection open."""
    _say_who_begins(call)
    _warn_of_root(call)
    _warn_of_debug()
    preflight.close_connections()


def _say_who_begins(call: Invocation) -> None:
    """Say it, and at a terminal more; who has seen that need not see it after each change of code."""
    options = call.options
    call.say(banner.starting_line(options, os.getpid()))
    if call.watched is not None and call.watched.former:
        return
    if call.words["verbosity"] >= 1 and sys.stdout.isatty():
        restarts = call.watched is not None
        for line in banner.details(options, call.settings, get_store(), restarts=restarts):
            call.say(line)
    else:
        logs.say(logging.INFO, "start", banner.summary(options, call.settings, get_store()))


def _restart_in_place(call: Invocation, descriptor: int | None, notifier: Notifier | None) -> None:
    """Become a fresh process with the code as it is now, under the same number and with the PID file still locked."""
    if descriptor is not None:
        call.pid_file.hand_on(descriptor)
    for each in (notifier, call.watched):
        if each is not None:
            each.hand_on()
    sys.stdout.flush()
    # One more order to restart, while the fresh process begins, must not end it: ignored signals stay ignored.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 (our own command line again)


def _as_daemon(call: Invocation) -> Invocation:
    """Return the call as the daemon runs it: with its PID file, its output already in the log."""
    words = call.words | {"pid": call.pid_file.path, "log": None, "reload": False}
    return replace(call, words=words, say=_print_line, detached=True)


def _print_line(line: str) -> None:
    print(line, flush=True)


def _configure_logs(call: Invocation) -> None:
    words = call.words
    logs.introduce(call.options.name)
    style = words["log_format"] or call.settings.log_format
    try:
        if words["syslog"]:
            return logs.configure_syslog(words["verbosity"], style)
        stream = daemon.open_log(call.log_file) if words["log"] else sys.stdout
    except OSError as error:
        raise _cannot("open the log", "of the system" if words["syslog"] else call.log_file, error) from None
    return logs.configure(words["verbosity"], stream, style)


def _cannot(what: str, path: object, error: OSError) -> CommandError:
    return CommandError(f"Cannot {what} {path}: {error.strerror}", returncode=EXIT_FAILED_TO_START)


def _refuse_root(call: Invocation) -> None:
    if account.is_root() and call.words["user"] is None:
        raise CommandError(account.NEEDS_USER, returncode=EXIT_FAILED_TO_START)


def _become(call: Invocation) -> None:
    try:
        account.become(call.words["user"], call.words["group"])
    except account.CannotBecome as error:
        raise CommandError(str(error), returncode=EXIT_FAILED_TO_START) from None


def _warn_of_root(call: Invocation) -> None:
    if account.is_root() and call.words["user"] is None:
        logs.say(logging.WARNING, "warn", account.ROOT_WARNING)


def _check(call: Invocation, *, forks: bool) -> None:
    _warn_of_unknown_queues(call)
    _refuse_a_key_that_is_no_secret(call)
    try:
        waits = not call.words["fail_fast"]
        preflight.check(call.settings.database, forks=forks, waits=waits, name=call.options.name)
    except preflight.NotReady as error:
        raise CommandError(str(error), returncode=EXIT_FAILED_TO_START) from None


def _refuse_a_key_that_is_no_secret(call: Invocation) -> None:
    """As the checks of ``check --deploy`` do, but in one line; ``--skip-checks`` skips it like those."""
    if call.words["skip_checks"]:
        return
    for each in checks.check_signing(None):
        if each.is_serious() and not each.is_silenced():
            raise CommandError(f"{each.msg} {each.hint}", returncode=EXIT_FAILED_TO_START)


def _check_priorities(call: Invocation) -> None:
    low, high = call.words["min_priority"], call.words["max_priority"]
    if low is not None and high is not None and low > high:
        raise CommandError(f"--min-priority {low} is larger than --max-priority {high}.", returncode=2)


def _check_only_for_work_off(words: dict[str, Any], action: str) -> None:
    given = [name for name in ("limit", "fail_on_error") if words[name]]
    if given and action != "work_off":
        flag = given[0].replace("_", "-")
        raise CommandError(f"--{flag} is for work_off: jobworker work_off --{flag}", returncode=2)


def _warn_of_unknown_queues(call: Invocation) -> None:
    declared = call.settings.queues
    for name in call.words["queues"]:
        if declared and name not in declared:
            names = ", ".join(declared)
            logs.say(logging.WARNING, "warn", f'queue "{name}" is not declared in JOBQUEUE["QUEUES"]: {names}')


def _warn_of_debug() -> None:
    """Tell a service; at a terminal, where people develop, the details under the first line do."""
    if django_settings.DEBUG and not sys.stdout.isatty():
        text = (
            "DEBUG is on: workers record every SQL query and become slow and large. Set it to False where they run"
        )
        logs.say(logging.WARNING, "warn", text)


def _claim(pid_file: PidFile) -> int:
    try:
        return pid_file.claim()
    except AlreadyRunning:
        raise CommandError(f"Already running: {pid_file.path} is held.", returncode=1) from None
    except OSError as error:
        raise _cannot("write the PID file", pid_file.path, error) from None


def _holder(pid_file: PidFile) -> int | None:
    try:
        return pid_file.holder()
    except ForeignProcess:
        text = f"{pid_file.path} names a process that did not write it; nothing was signalled."
        raise CommandError(text, returncode=EXIT_FAILED_TO_START) from None
    except OSError as error:
        raise _cannot("read the PID file", pid_file.path, error) from None


def _check_folder(pid_file: PidFile) -> None:
    """Refuse at once what the daemon could only write into its log."""
    folder = pid_file.path.parent
    ours = os.access in os.supports_effective_ids
    if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK, effective_ids=ours)):
        why = errno.EACCES if folder.is_dir() else errno.ENOENT
        raise _cannot("write the PID file", pid_file.path, OSError(why, os.strerror(why)))


def _say_not_running(call: Invocation) -> int:
    call.say(f"Not running ({call.pid_file.path}).")
    return EXIT_NOT_RUNNING


def _on_stop(handler: Callable[[], object]) -> dict[signal.Signals, Any]:
    return {number: signal.signal(number, lambda *_: handler()) for number in (signal.SIGTERM, signal.SIGINT)}


def _pulse(call: Invocation) -> Callable[[int], Pulse] | None:
    """Return what beats beside the pass; a database in memory has no other process to tell."""
    store = get_store()
    if connections[store.alias].vendor == "sqlite" and preflight.is_in_memory(store.alias):
        return None
    return lambda pool_id: Pulse(store, pool_id, call.settings.heartbeat_seconds)
