"""Loaded at the start of a program whose clock libfaketime puts wrong.

libfaketime 0.9.10 lets the sleep of Python 3.11 and later fail with "Invalid argument" if the monotonic clock is left
alone; waiting for nothing does the same.
"""

import select
import time
from typing import SupportsIndex


def sleep(seconds: float | SupportsIndex) -> None:
    """Sleep."""
    select.select([], [], [], float(seconds))


time.sleep = sleep
