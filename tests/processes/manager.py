"""A service manager as far as a service can see it: a socket that systemd's protocol is spoken to."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from tests.processes.harness import wait_until

#: Gives the service its own number, as systemd does with WATCHDOG_PID.
AS_SERVICE = ("sh", "-c", 'WATCHDOG_PID=$$ exec "$@"', "sh")
_CREDENTIALS = struct.Struct("iii")


class Message(NamedTuple):
    """One datagram: what it assigns, who sent it (as the kernel says), when."""

    words: dict[str, str]
    pid: int
    at: float


class Manager:
    """Keeps what it is told."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.messages: list[Message] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self._socket.settimeout(0.1)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def environment(self, watchdog: float | None = None) -> dict[str, str]:
        """What a service finds in its environment; ``watchdog`` in seconds."""
        watched = {} if watchdog is None else {"WATCHDOG_USEC": str(int(watchdog * 1e6))}
        return {"NOTIFY_SOCKET": self.address, **watched}

    def told(self, name: str) -> list[str]:
        """Return all values of a word, in the order they were told."""
        return [each.words[name] for each in self.messages if name in each.words]

    def wait_for(self, name: str, value: str = "", count: int = 1) -> Message:
        """Wait until a word was told so often (with that in its value); return the message."""

        def found() -> list[Message]:
            return [each for each in self.messages if name in each.words and value in each.words[name]]

        wait_until(lambda: len(found()) >= count, 60, about=lambda: f"{name}={value}: {self.messages}")
        return found()[count - 1]

    def quiet_for(self, name: str) -> float:
        """Seconds since a word was told for the last time."""
        return time.monotonic() - max(each.at for each in self.messages if name in each.words)

    def _listen(self) -> None:
        while not self._closed.is_set():
            try:
                data, ancillary, _, _ = self._socket.recvmsg(4096, socket.CMSG_SPACE(_CREDENTIALS.size))
            except TimeoutError:
                continue
            pid = _CREDENTIALS.unpack(ancillary[0][2])[0]
            words = dict(line.split("=", 1) for line in data.decode().splitlines())
            self.messages.append(Message(words, pid, time.monotonic()))

    def close(self) -> None:
        self._closed.set()
        self._thread.join()
        self._socket.close()


@contextmanager
def manager(folder: Path, *, abstract: bool = False) -> Iterator[Manager]:
    """A manager for the time of the block."""
    found = Manager(f"@jobqueue-test-{uuid4().hex}" if abstract else str(folder / "notify"))
    try:
        yield found
    finally:
        found.close()
