"""Programs that run beside this one and end with the block that started them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from types import FrameType
from typing import IO

from demo_site.servers import Stopped

BASE_DIR = Path(__file__).resolve().parent.parent
STOP_SECONDS = 20
FIRST_PORT = 8000

Child = subprocess.Popen[str]


@contextmanager
def managing(words: Sequence[str], tell: Callable[[str], None], **environment: str) -> Iterator[Child]:
    """`manage.py` with these words, for as long as the block runs; `tell` gets each line it prints."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", *words],
        cwd=BASE_DIR,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,  # Ctrl+C reaches this program alone, which then stops its children in order
    )
    assert process.stdout is not None
    reader = Thread(target=_relay, args=(process.stdout, tell), daemon=True)
    reader.start()
    try:
        yield process
    finally:
        stop(process)
        reader.join(timeout=1)


def stop(process: Child) -> int:
    """Ask a child to finish, insist after a while, and return its exit code."""
    if process.poll() is None:
        process.terminate()
    try:
        return process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


@contextmanager
def stoppable() -> Iterator[None]:
    """Let the first SIGINT or SIGTERM end the block by Stopped; later ones do not disturb the cleaning up."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def leave(number: int, frame: FrameType | None) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(128 + number)

    for number in before:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def free_port(wanted: int | None) -> int:
    """The port wanted, else the first free one from 8000. Raises OSError if there is none."""
    for port in [wanted] if wanted else range(FIRST_PORT, FIRST_PORT + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"Port {wanted} is taken." if wanted else f"No free port from {FIRST_PORT} on.")


def answers(port: int, process: Child, seconds: float) -> bool:
    """Whether something listens on the port before the time is up or the process has ended."""
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.1)
    return False


def _relay(output: IO[str], tell: Callable[[str], None]) -> None:
    with output:
        for line in output:
            tell(line.rstrip("\n"))
