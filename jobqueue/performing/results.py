"""Return values as text."""

from __future__ import annotations

import json
import logging
from typing import Any

from jobqueue.handlers.codec import encode
from jobqueue.handlers.shown import mask_for
from jobqueue.logs import harmless
from jobqueue.rows import ClaimedJob

logger = logging.getLogger("jobqueue.job")

#: Longest stored result, in characters.
LIMIT = 65_536


def encode_result(value: Any, job: ClaimedJob) -> str | None:
    """Return the result as JSON text; None, and a warning, if it cannot be stored.

    A job that has done its work must not fail for what it returned.
    """
    try:
        text = json.dumps(encode(value, f"result of {job.name}"))
    except Exception as error:  # whatever it is, the work is done
        logger.warning("%s: result not stored: %s", harmless(str(job)), harmless(mask_for(job)(str(error))))
        return None
    if len(text) > LIMIT:
        logger.warning(
            "%s: result not stored: %d characters, at most %d are", harmless(str(job)), len(text), LIMIT
        )
        return None
    return text
