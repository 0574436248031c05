"""Jobs that leave a trace which survives whatever happens to their process and to the database."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta

from django.db import connection, transaction

from jobqueue import Snooze, current_job, job, progress, track
from tests.app.models import Document


def soon(attempts: int) -> timedelta:
    """Be retried at once."""
    return timedelta(milliseconds=50 * attempts)


def record(event: str, key: object) -> None:
    """Append one line to the journal by a single write."""
    descriptor = os.open(os.environ["JOBQUEUE_TEST_JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, f"{event} {key} {os.getpid()} {time.monotonic()}\n".encode())
    finally:
        os.close(descriptor)


@job
def note(key: int) -> None:
    """Leave one line."""
    record("start", key)


@job
def größe(key: int) -> None:
    """Leave one line, under a name of more than ASCII."""
    record("start", key)


@job(accept_unsigned=True)
def note_unsigned(key: object) -> None:
    """Leave one line, also for other programs."""
    record("start", key)


@job
def say_version(key: int, seconds: float = 0.0) -> None:
    """Say which code this worker has."""
    record(f"version-{sys.modules['garage.jobs'].VERSION}", key)
    nap.function(key, seconds)


@job
def look_around(key: int) -> None:
    """Say which variables of this process, and of a program that it starts, are not for jobs."""
    program = subprocess.run(["env"], capture_output=True, text=True, check=True).stdout.splitlines()
    names = {*os.environ, *(line.partition("=")[0] for line in program)}
    ours = (name for name in names if name.startswith(("NOTIFY_", "WATCHDOG_", "JOBQUEUE_WATCHED")))
    record("around", ",".join(sorted(ours)) or "nothing")


@job
def nap(key: int, seconds: float) -> None:
    """Take some time."""
    record("start", key)
    time.sleep(seconds)
    record("end", key)


@job
def die(key: int) -> None:
    """Take the process along."""
    record("start", key)
    os.kill(os.getpid(), signal.SIGKILL)


@job
def take_the_pool_along(key: int) -> None:
    """Have the supervisor killed, and with it the whole pool."""
    record("start", key)
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(60)


@job(on_crash="fail")
def die_once(key: int) -> None:
    """Take the process along, and do not be repeated."""
    record("start", key)
    os._exit(7)


@job(on_crash="fail")
def leave_as_if_refused(key: int) -> None:
    """Take the process along, with the exit status of a worker that the database refuses."""
    record("start", key)
    os._exit(77)


@job
def sleep_for_ever(key: int) -> None:
    """Never end by itself."""
    record("start", key)
    time.sleep(1e6)


@job
def ignore_everything(key: int) -> None:
    """Never end, whatever is raised."""
    record("start", key)
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(1e6)


@job
def leave_a_grandchild(key: int) -> None:
    """Never end, with a child process that ignores TERM."""
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(1e6)"
    child = subprocess.Popen([sys.executable, "-c", code])
    record("grandchild", child.pid)
    ignore_everything(key)


@job
def leave_an_orphan(key: int) -> None:
    """Succeed, with a grandchild that has lost its parent and ends later."""
    line, journal = f"orphan {key} 0 0", os.environ["JOBQUEUE_TEST_JOURNAL"]
    subprocess.run(["sh", "-c", '(sleep 0.2; echo "$0" >> "$1") &', line, journal], check=True)


@job(atomic=True)
def append_atomically(document: Document, text: str) -> None:
    """Write to the database, with the job's own end in the same transaction."""
    document.append(text)


@job
def snooze_once(key: int) -> None:
    """Ask for a second go without charge."""
    record("start", key)
    if not Document.objects.exists():
        Document.objects.create(text="snoozed")
        raise Snooze(0)
    record(f"attempt{current_job().attempts}", key)  # type: ignore[union-attr]


@job
async def async_nap(key: int, seconds: float) -> None:
    """Take some time on the loop."""
    record("start", key)
    await asyncio.sleep(seconds)
    record("end", key)


@job
async def async_who() -> None:
    """Say which job this is, after the others have begun."""
    await asyncio.sleep(0.3)
    present = current_job()
    record("who", present.id if present else 0)


@job
def grow(key: int, megabytes: int) -> None:
    """Keep memory for ever."""
    _kept.append(bytearray(b"x") * (megabytes * 1024 * 1024))
    record("start", key)


_kept: list[bytearray] = []


@job
def fail(key: int) -> None:
    """Raise."""
    record("start", key)
    raise ValueError(f"job {key} fails")


@job
async def async_identity(key: int) -> None:
    """Say which job this code believes to be part of."""
    record(f"job{current_job().id}", key)  # type: ignore[union-attr]


@job(max_run_time=0.3)
async def async_deaf(key: int) -> None:
    """Go on for ever, whatever is raised by a limit."""
    while True:
        record("tick", key)
        with contextlib.suppress(Exception, asyncio.CancelledError):
            await asyncio.sleep(0.05)


@job(atomic=True)
def query_atomically(key: int, seconds: float) -> None:
    """Keep the server busy in the transaction that holds the job's row."""
    record("start", key)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [seconds])


@job
def leave_a_thread(key: int) -> None:
    """Succeed, with a thread that never ends."""
    threading.Thread(target=threading.Event().wait, daemon=False).start()
    record("start", key)


@job
def leave_a_transaction(key: int) -> None:
    """Succeed, inside a block that nobody leaves."""
    transaction.atomic().__enter__()
    record("start", key)


@job
def write(text: str) -> None:
    """Write to the database."""
    Document.objects.create(text=text)


@job
def fork_and_exit(key: int) -> None:
    """Have a child that leaves by an exception."""
    pid = os.fork()
    if pid == 0:
        record("child", key)
        sys.exit(0)
    os.waitpid(pid, 0)
    record("start", key)


_freed = threading.Event()


@job
def nap_until(key: int, text: str) -> None:
    """Wait with all neighbours until somebody has written that, and go on together."""
    record("start", key)
    while not _freed.wait(0.01):
        if Document.objects.filter(text=text).exists():
            _freed.set()


@job
def take_the_alarm(key: int) -> None:
    """Keep the signal of the time limit, as timeouts of one's own do."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    record("start", key)


@job
def answer(text: str) -> str:
    """Return something."""
    return text


@job
def nap_with(key: int, seconds: float, password: str) -> None:
    """Take some time, with a secret."""
    nap.function(key, seconds)


@job
def spin(key: int) -> None:
    """Never end, busy."""
    record("start", key)
    while True:
        pass


@job
def block_signals(key: int) -> None:
    """Never end, and hear nothing."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    record("start", key)
    time.sleep(1e6)


@job
def clean_up(key: int) -> None:
    """Never end by itself, and leave in good order."""
    record("start", key)
    try:
        time.sleep(1e6)
    finally:
        progress(1, 2, "cleaning up")
        record("clean", key)


@job
async def async_clean_up(key: int) -> None:
    """Never end by itself, and leave in good order."""
    record("start", key)
    try:
        await asyncio.sleep(1e6)
    finally:
        record("clean", key)


@job
def heed(key: int) -> None:
    """Never end by itself; say how far it is."""
    record("start", key)
    for _ in track(range(10**9), "steps"):
        time.sleep(0.01)


@job(atomic=True)
def nap_atomically(key: int, document: Document, seconds: float) -> None:
    """Take some time inside the transaction that holds the job's row, and tell how far it is."""
    document.append("begun")
    progress(1, 2, "halfway")
    record("start", key)
    time.sleep(seconds)


@job(backoff=soon)
def fail_late(key: int, seconds: float) -> None:
    """Raise after some time, whatever is raised meanwhile."""
    record("start", key)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(BaseException):
            time.sleep(deadline - time.monotonic())
    raise ValueError(f"job {key} fails")


@job
def end_well(key: int, seconds: float) -> str:
    """Succeed after some time, whatever is raised meanwhile."""
    with contextlib.suppress(ValueError):
        fail_late.function(key, seconds)
    return "done all the same"


@job(capture_log=True)
def tell(key: int, seconds: float) -> None:
    """Say what it does, and take some time."""
    current = current_job()
    assert current
    progress(0, 3, "beginning")
    current.logger.warning("begun %d", key)
    record("start", key)
    time.sleep(seconds)
    progress(3, 3, "done")


@job
def nap_twice(key: int, seconds: float) -> None:
    """Take some time; the second time at once."""
    if Document.objects.filter(text=f"second {key}").exists():
        record("again", key)
        return
    record("start", key)
    time.sleep(seconds)
