"""When the next payment is due: pure arithmetic, the present moment is handed in."""

from __future__ import annotations

from datetime import datetime, timedelta


def next_month(now: datetime) -> datetime:
    """Midnight of the first day of the month after `now`, in the time zone of `now`."""
    year, month = divmod(now.year * 12 + now.month, 12)
    return now.replace(year=year, month=month + 1, day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)


def next_day(now: datetime) -> datetime:
    """One day after `now`."""
    return now + timedelta(days=1)
