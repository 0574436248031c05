"""An exception as the text of ``last_error``."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from traceback import TracebackException

from jobqueue.exceptions import JobQueueError
from jobqueue.handlers.shown import mask_for
from jobqueue.logs import harmless
from jobqueue.rows import ClaimedJob
from jobqueue.stores.sharing import why_locked

logger = logging.getLogger("jobqueue.job")

#: Longest last_error, in characters.
LIMIT = 16_000
#: A traceback begins where the job's own code does …
OUR_FILES = str(Path(__file__).parents[1])
#: … and our exceptions are known by their names.
OUR_ERRORS = JobQueueError.__module__


def describe(exception: BaseException, mask: Callable[[str], str] = str) -> str:
    """Return type, message and traceback as text; no local variables, cut in the middle when long.

    Args:
        exception: what was raised.
        mask: hides in a text what must not be read.
    """
    trace = TracebackException.from_exception(exception, limit=-50, capture_locals=False)
    while trace.stack and trace.stack[0].filename.startswith(OUR_FILES):
        del trace.stack[0]
    headline = "".join(trace.format_exception_only()).strip()
    if advice := why_locked(exception):
        headline = f"{headline}. {advice}"
    return storable(mask(f"{headline}\n\n{''.join(trace.format())}").replace(f"{OUR_ERRORS}.", ""))


def describe_for(job: ClaimedJob, exception: BaseException) -> str:
    """Return what ``describe`` does, without the values of the job's sensitive arguments."""
    return describe(exception, mask_for(job))


def complain(job: ClaimedJob, what: str, exception: BaseException) -> None:
    """Log what went wrong beside the job and changes nothing about it."""
    logger.error(
        "%s of %s raised %s", what, harmless(str(job)), harmless(describe_for(job, exception), but="\n\t")
    )


def storable(text: str) -> str:
    """Return text as every database takes it: no NUL, no lone surrogates, not too long."""
    text = text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
    if len(text) <= LIMIT:
        return text
    half = LIMIT // 2
    return f"{text[:half]}\n[… {len(text) - LIMIT} characters left out …]\n{text[-half:]}"
