"""Mails as jobs: ``EMAIL_BACKEND = "jobqueue.mail.JobEmailBackend"``.

``send_mail`` and its like store a job for each mail, on the caller's connection: none is mailed if the caller's
transaction rolls back. A worker hands it to the backend that ``JOBQUEUE["EMAIL_BACKEND"]`` names, and again later if
the server is away.
"""

from __future__ import annotations

import logging
import smtplib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

from django.core import mail
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from jobqueue.client import enqueue_many
from jobqueue.conf import get_settings
from jobqueue.declaring import job
from jobqueue.exceptions import JobQueueError, OptionError, PayloadError, as_seconds
from jobqueue.handlers import BoundCall
from jobqueue.mail.messages import Parts, dump, load, size_of
from jobqueue.options import check_call
from jobqueue.performing.context import current_job

logger = logging.getLogger("jobqueue.mail")

#: From here on an SMTP server's refusal of an address is for good.
PERMANENT = 500
#: What Django hands to every backend, and what only the real one could use.
CREDENTIALS = ("username", "password")

Refusals = dict[str, tuple[int, bytes]]

_at_once: ContextVar[bool] = ContextVar("jobqueue_mail_at_once", default=False)


class JobEmailBackend(BaseEmailBackend):
    """Stores each mail as a job.

    Args:
        fail_silently: whether mails that cannot be stored are left out, instead of an error.
        mailer: which of Django's ``MAILERS`` (6.1) sends the mails; None: what ``JOBQUEUE["EMAIL_BACKEND"]`` names.
        alias: given by Django, where this backend itself is one of ``MAILERS``.
        **options: of the jobs, over those of ``JOBQUEUE["EMAIL_OPTIONS"]``: queue, priority, max_attempts …

    Raises:
        ImproperlyConfigured: if an option is unknown or out of range, the mailer is missing where there are
            ``MAILERS``, or credentials are given, which must not be stored with each mail.
    """

    def __init__(
        self, fail_silently: bool = False, *, mailer: str | None = None, alias: str | None = None, **options: Any
    ) -> None:
        named: dict[str, Any] = {} if alias is None else {"alias": alias}
        super().__init__(**named)
        self.fail_silently = fail_silently
        self.mailer = mailer
        if [name for name in CREDENTIALS if options.pop(name, None) is not None]:
            raise ImproperlyConfigured(
                "JobEmailBackend takes no credentials. Set them where the worker reads them."
            )
        if alias is not None and mailer in {None, alias}:
            raise ImproperlyConfigured(
                f'JobEmailBackend must know who sends: in MAILERS["{alias}"]["OPTIONS"] set "mailer" to another alias.'
            )
        try:
            self.options = check_call({**get_settings().email_options, **options})
        except OptionError as error:
            raise ImproperlyConfigured(f"JobEmailBackend: {error}") from None

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Store a job for each mail, in one statement; return how many.

        Raises:
            PayloadError: if one cannot be stored, or is too large; nothing is stored then.
            ValueError: if Django would refuse to send it, as a header with a line break in it.
        """
        if _at_once.get():
            return _connection(self.mailer).send_messages(email_messages) or 0
        try:
            calls = [self._call(each) for each in email_messages if each.recipients()]
            return len(enqueue_many(calls, **self.options)) if calls else 0
        except JobQueueError:
            if not self.fail_silently:
                raise
            return 0

    def _call(self, message: EmailMessage) -> BoundCall:
        limit, size = get_settings().max_payload_bytes, size_of(message)
        if size > limit:
            raise PayloadError(
                f"This mail is about {size // 1024:,} kB; a job holds {limit // 1024:,} kB. Mail a link instead, "
                'raise JOBQUEUE["MAX_PAYLOAD_BYTES"], or send it at once: with jobqueue.mail.sent_at_once(): …'
            )
        return deliver.bind(*dump(message), mailer=self.mailer)


@contextmanager
def sent_at_once() -> Iterator[None]:
    """Inside, ``JobEmailBackend`` stores nothing: mails go to the real backend here and now."""
    token = _at_once.set(True)
    try:
        yield
    finally:
        _at_once.reset(token)


@job(sensitive=["message"])
def deliver(
    to: list[str],
    message: dict[str, Any],
    form: dict[str, Any],
    mailer: str | None = None,
    only: list[str] | None = None,
) -> dict[str, Any] | None:
    """Send a stored mail. Addresses that the server refuses for now get a job of their own, so that those which it
    has taken do not get the mail twice; which it refuses for good is logged, and returned.
    """
    parts = Parts(to, message, form)
    with _connection(mailer) as connection, _refusals(connection) as refused:
        if connection.send_messages([load(parts, only)]) == 0:
            raise RuntimeError(f"{type(connection).__qualname__} says that it has sent nothing.")
    later = [address for address, (code, _) in refused.items() if code < PERMANENT]
    if later:
        _deliver_later(parts, mailer, later)
    never = {address: _told(answer) for address, answer in refused.items() if address not in later}
    if never:
        logger.warning("%s: the server has refused %d addresses for good", current_job(), len(never))
    return {"refused": never} if never else None


def _deliver_later(parts: Parts, mailer: str | None, only: list[str]) -> None:
    """Store a job like the present one, for the addresses that are left."""
    options, wait = {}, as_seconds(get_settings().backoff(1))
    if (present := current_job()) is not None:
        names = ("queue", "priority", "max_attempts", "max_run_time")
        options = {name: getattr(present, name) for name in names}
    deliver.using(run_at=timedelta(seconds=wait), **options).enqueue(*parts, mailer=mailer, only=only)


def _connection(mailer: str | None) -> Any:
    """Return what sends."""
    if mailer is None:
        return mail.get_connection(get_settings().email_backend)
    if not hasattr(mail, "mailers"):
        raise ImproperlyConfigured(
            f'The mailer "{mailer}" needs Django 6.1 or newer. Set JOBQUEUE["EMAIL_BACKEND"].'
        )
    return mail.mailers[mailer]


@contextmanager
def _refusals(connection: Any) -> Iterator[Refusals]:
    """Note which addresses an SMTP server refuses while it takes others: Django's backend says nothing of them."""
    refused: Refusals = {}
    server = getattr(connection, "connection", None)
    if isinstance(server, smtplib.SMTP):
        send = server.sendmail

        def sendmail(*args: Any, **kwargs: Any) -> Refusals:
            answers = send(*args, **kwargs)
            refused.update(answers)
            return answers

        server.sendmail = sendmail  # type: ignore[method-assign]
    yield refused


def _told(answer: tuple[int, bytes]) -> str:
    code, text = answer
    return f"{code} {text.decode(errors='replace')}"
