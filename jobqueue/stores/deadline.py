"""A question that the database never answers is given up.

A connection may lead nowhere and stay open: the machine behind it is gone, or a firewall has forgotten it. The driver
waits for ever then, and what the system notices by itself it notices after a quarter of an hour. So somebody looks at
the clock, and shuts the socket down under a question that takes too long; the driver then reports a lost connection.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from django.db import connections

#: Looks in the time of one deadline: each adds its pause to the longest wait.
LOOKS = 4


class Deadline:
    """Bounds what the thread that makes it asks on its connection; a context manager round each question.

    Args:
        alias: of the database.
        seconds: after which the connection is shut down.
    """

    def __init__(self, alias: str, seconds: float) -> None:
        self._seconds = seconds
        self._since: float | None = None
        self._connection: Any = connections[alias]
        threading.Thread(target=self._watch, name="deadline", daemon=True).start()

    def __enter__(self) -> Self:
        self._since = time.monotonic()
        return self

    def __exit__(self, *exc: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._since = None

    def _watch(self) -> None:
        while True:
            time.sleep(self._seconds / LOOKS)
            since = self._since
            if since is not None and time.monotonic() - since > self._seconds:
                self._cut()

    def _cut(self) -> None:
        with suppress(Exception):  # it may be closing, or opening, just now
            descriptor = os.dup(self._connection.connection.fileno())
            with socket.socket(fileno=descriptor) as wire:
                wire.shutdown(socket.SHUT_RDWR)
