"""Keys by which people may follow one job: signed, so that nobody can make one for another."""

from __future__ import annotations

import time
from typing import NamedTuple

from django.core import signing

SALT = "jobqueue.status"


class Followed(NamedTuple):
    """What a key opens.

    Attributes:
        job_id: of the job.
        with_result: whether its result may be read, too.
    """

    job_id: int
    with_result: bool


def make_key(job_id: int, *, with_result: bool, max_age: float | None) -> str:
    """Return a key for a job."""
    until = None if max_age is None else int(time.time() + max_age)
    return signing.dumps([job_id, int(with_result), until], salt=SALT)


def read_key(key: str) -> Followed | None:
    """Return what a key opens; None if it is none of ours, or too old."""
    try:
        job_id, with_result, until = signing.loads(key, salt=SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return Followed(job_id, bool(with_result)) if until is None or time.time() < until else None
