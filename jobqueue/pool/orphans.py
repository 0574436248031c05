"""What PID 1 owes to processes that have lost their parent: that somebody takes note of their end.

In a container the supervisor often is PID 1. Whatever a job leaves running is then handed to it by the kernel, and
would stay a zombie for ever.
"""

from __future__ import annotations

import os
from collections.abc import Container
from contextlib import suppress


def bury(children: Container[object]) -> None:
    """Take note of ended processes that were handed to us, and of none of our own children.

    Args:
        children: process numbers whose exit status somebody else in this process will ask for.
    """
    if os.getpid() != 1:
        return
    with suppress(ChildProcessError):  # no process at all is left
        while (found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
            if found.si_pid in children:
                return  # has ended this moment; once it is noted, the next turn looks behind it
            os.waitpid(found.si_pid, 0)
