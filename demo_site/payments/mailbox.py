"""Read back the mails that Django's file backend wrote."""

from __future__ import annotations

from dataclasses import dataclass
from email import message_from_string, policy
from email.message import EmailMessage
from pathlib import Path

from django.conf import settings


@dataclass(frozen=True)
class Mail:
    """A mail as the page shows it."""

    to: str
    subject: str
    text: str


def mails() -> list[Mail]:
    """All mails, the newest first; none if there is no folder for them."""
    folder = getattr(settings, "MAIL_FOLDER", None)
    if not folder or not Path(folder).is_dir():
        return []
    files = sorted(Path(folder).glob("*.log"), key=lambda path: path.stat().st_mtime, reverse=True)
    return [_read(path.read_text()) for path in files]


def _read(text: str) -> Mail:
    message = message_from_string(text, EmailMessage, policy=policy.default)
    body = str(message.get_content()).partition("-" * 79)[0]
    return Mail(str(message["To"]), str(message["Subject"]), body.strip())
