"""Notifiers, for ``JOBQUEUE["NOTIFIERS"]``: what to do when a job has failed for good.

A notifier is a callable that takes the job, as hooks do, and the exception. It is called once, on a thread of its own,
when the row says that the job has failed. What it raises is logged.

None of these tells the job's arguments; from messages the values of sensitive ones are hidden.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from traceback import TracebackException
from typing import Any
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from django.core import mail

from jobqueue.handlers.shown import mask_for
from jobqueue.logs import harmless
from jobqueue.mail import sent_at_once
from jobqueue.rows import ClaimedJob

logger = logging.getLogger("jobqueue.notifiers")

#: Longest message that is told, in characters.
LONGEST_MESSAGE = 2000


def log(job: ClaimedJob, exception: BaseException) -> None:
    """Log an error in ``jobqueue.notifiers``, with the fields of ``summary`` in ``extra``.

    The worker's own line is in ``jobqueue.job``; give this logger a handler of its own, such as one that pages people.
    """
    told = summary(job, exception)
    text = f"{job} has failed for good after {told['attempts']} attempts: {told['exception']}: {told['message']}"
    logger.error("%s", harmless(text), extra={f"jq_{name}": value for name, value in told.items()})


def mail_admins(job: ClaimedJob, exception: BaseException) -> None:
    """Mail to ``ADMINS``, as Django does about errors of requests; at once, also where mails are stored as jobs."""
    told = summary(job, exception)
    lines = [f"{name}: {value}" for name, value in told.items()]
    with sent_at_once():
        mail.mail_admins(f"Job failed: {harmless(str(job))}", "\n".join(lines))


class Post:
    """Sends a JSON object, that of ``summary``, to a URL by POST: ``Post("https://example.com/hooks/jobs")``.

    An answer beyond 2xx is an error, which is logged; so is a redirect, which is not followed.

    Args:
        url: http or https.
        timeout: seconds.
        headers: further ones, such as ``{"Authorization": "Bearer …"}``.

    Raises:
        ValueError: if the URL is of another kind.
    """

    def __init__(self, url: str, *, timeout: float = 5.0, headers: Mapping[str, str] | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f'Post takes a URL that begins with http:// or https://. It is "{parts.scheme}:…".')
        self.host = parts.hostname
        self._url = url
        self._timeout = timeout
        self._headers = {"Content-Type": "application/json", "User-Agent": "jobqueue", **(headers or {})}
        self._opener = build_opener(_NoRedirect)

    def __call__(self, job: ClaimedJob, exception: BaseException) -> None:
        """Send it."""
        body = json.dumps(summary(job, exception)).encode()
        request = Request(self._url, body, self._headers, method="POST")  # noqa: S310 (http or https, see above)
        with self._opener.open(request, timeout=self._timeout):
            pass

    def __repr__(self) -> str:
        # The rest of the URL may be a secret.
        return f"<Post to {self.host}>"


def summary(job: ClaimedJob, exception: BaseException) -> dict[str, Any]:
    """Return what may be told of a failure: id, name, queue, attempts, and type and message of the exception."""
    kind = type(exception)
    line = "".join(TracebackException(kind, exception, None).format_exception_only()).strip()
    named = line.partition(": ")
    message = mask_for(job)(named[2])
    return {
        "id": job.id,
        "name": job.name,
        "queue": job.queue,
        "attempts": job.attempts,
        "exception": kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}",
        "message": message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]}…",
    }


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Take the answer for an error."""
