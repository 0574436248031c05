"""The way to a service manager: systemd's protocol, datagrams to the socket that NOTIFY_SOCKET names.

Whoever finds that name in its environment may speak for the service. So it is taken out before anything is forked: no
job, and no program that a job starts, can tell the manager anything.
"""

from __future__ import annotations

import logging
import os
import socket
import time

from jobqueue import logs

SOCKET, WATCHDOG_USEC, WATCHDOG_PID = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"
#: A manager that does not read for so long is told later.
SEND_SECONDS = 1.0


class Notifier:
    """Tells the manager that has started this process.

    Attributes:
        watchdog: seconds after which a silent service is ended; None if nobody watches.
    """

    def __init__(self, variables: dict[str, str]) -> None:
        self._variables = variables
        name = variables[SOCKET]
        self._address = f"\0{name[1:]}" if name.startswith("@") else name
        usec = variables.get(WATCHDOG_USEC, "")
        ours = variables.get(WATCHDOG_PID, str(os.getpid())) == str(os.getpid())
        self.watchdog = int(usec) / 1e6 if ours and usec.isdecimal() and int(usec) else None
        self._reached = True

    @classmethod
    def take(cls) -> Notifier | None:
        """Take the manager's variables out of the environment; None if there is no manager to be told."""
        names = (SOCKET, WATCHDOG_USEC, WATCHDOG_PID)
        found = {name: os.environ.pop(name) for name in names if name in os.environ}
        return cls(found) if found.get(SOCKET, "").startswith(("/", "@")) else None

    def hand_on(self) -> None:
        """Put the variables back, for the program that takes this one's place."""
        os.environ.update(self._variables)

    def tell(self, *assignments: str) -> bool:
        """Send assignments (``READY=1``) in one message; False if the manager cannot be reached now."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wire:
                wire.settimeout(SEND_SECONDS)
                wire.sendto("\n".join(assignments).encode(), self._address)
        except OSError as error:
            if self._reached:
                logs.say(logging.WARNING, "warn", f"the service manager cannot be told anything: {error.strerror}")
            self._reached = False
        else:
            self._reached = True
        return self._reached


def monotonic_usec() -> str:
    """Return the moment in the form that goes with ``RELOADING=1``."""
    return f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}"
