"""Django's mails <-> what a job can hold."""

from __future__ import annotations

from collections.abc import Sequence
from email import message_from_bytes
from email.charset import Charset
from email.message import Message, MIMEPart
from email.mime.base import MIMEBase
from email.policy import default as modern
from email.utils import formatdate, make_msgid
from typing import Any, NamedTuple

from django.conf import settings
from django.core.mail import DNS_NAME, EmailMessage, EmailMultiAlternatives

from jobqueue.exceptions import PayloadError

#: What makes a mail out of its parts. A class of its own that does it otherwise could not be told from its parts.
METHODS = (
    "message",
    "recipients",
    "_create_message",
    "_create_attachments",
    "_create_alternatives",
    "_create_attachment",
    "_add_bodies",
    "_add_attachments",
)
#: Attributes with a place of their own below; what else a mail has, such as those of Anymail, goes along as it is.
KNOWN = {
    *("to", "cc", "bcc", "reply_to", "from_email", "subject", "body", "attachments", "extra_headers"),
    *("alternatives", "encoding", "content_subtype", "mixed_subtype", "alternative_subtype"),
    *("connection", "_connection"),
}
#: Said only where it is not the default.
SUBTYPES = {"content_subtype": "plain", "mixed_subtype": "mixed", "alternative_subtype": "alternative"}


class Parts(NamedTuple):
    """A mail as a job holds it: to whom, what nobody else must read, and in what form."""

    to: list[str]
    message: dict[str, Any]
    form: dict[str, Any]


def dump(mail: EmailMessage) -> Parts:
    """Return the parts of a mail. It gets a Message-ID and a date now: sent twice, it is known as one.

    Raises:
        PayloadError: if its class makes mails in a way of its own.
        ValueError: if Django refuses to send it, for example because of a line break in a header.
    """
    _check_class(type(mail))
    mail.message()
    message: dict[str, Any] = {
        "subject": str(mail.subject),
        "body": str(mail.body),
        "cc": _texts(mail.cc),
        "bcc": _texts(mail.bcc),
        "reply_to": _texts(mail.reply_to),
        "headers": _headers(mail),
        "attachments": [_dump_attachment(each) for each in mail.attachments],
        "more": {name: value for name, value in vars(mail).items() if name not in KNOWN},
    }
    form: dict[str, Any] = {"from": str(mail.from_email), "encoding": _dump_encoding(mail.encoding)}
    form |= {name: given for name, usual in SUBTYPES.items() if (given := getattr(mail, name, usual)) != usual}
    if isinstance(mail, EmailMultiAlternatives):
        form["alternatives"] = True
        message["alternatives"] = [(_content(content), str(kind)) for content, kind in mail.alternatives]
    return Parts(_texts(mail.to), {name: part for name, part in message.items() if part}, form)


def load(parts: Parts, only: Sequence[str] | None = None) -> EmailMessage:
    """Return the mail.

    Args:
        parts: what ``dump`` returned.
        only: addresses to which it goes, whatever its headers say; None is all.
    """
    to, message, form = parts
    mail = (EmailMultiAlternatives if form.get("alternatives") else EmailMessage)(
        subject=message.get("subject", ""),
        body=message.get("body", ""),
        from_email=form["from"],
        to=to,
        cc=message.get("cc"),
        bcc=message.get("bcc"),
        reply_to=message.get("reply_to"),
        headers=message["headers"],
    )
    mail.encoding = _load_encoding(form["encoding"])
    for name, value in {
        **{each: form[each] for each in SUBTYPES if each in form},
        **message.get("more", {}),
    }.items():
        setattr(mail, name, value)
    for each in message.get("attachments", ()):
        _attach(mail, each)
    if isinstance(mail, EmailMultiAlternatives):
        for content, kind in message.get("alternatives", ()):
            mail.attach_alternative(content, kind)
    if only is not None:
        mail.recipients = lambda: list(only)  # type: ignore[method-assign]
    return mail


def size_of(mail: EmailMessage) -> int:
    """Return how much a mail holds, roughly, as it would be stored."""
    contents = [mail.body, *(each[0] for each in getattr(mail, "alternatives", ()))]
    contents += [each[1] for each in mail.attachments if isinstance(each, tuple)]
    return sum(len(each) * 4 // 3 if isinstance(each, bytes) else len(str(each)) for each in contents)


def _check_class(kind: type[EmailMessage]) -> None:
    for name in METHODS:
        own = getattr(kind, name, None)
        if own not in {getattr(EmailMessage, name, None), getattr(EmailMultiAlternatives, name, None)}:
            raise PayloadError(
                f"{kind.__name__} has a {name}() of its own, which a stored mail would lose. "
                "Send it at once: with jobqueue.mail.sent_at_once(): …"
            )


def _headers(mail: EmailMessage) -> dict[str, str]:
    headers = {str(name): str(value) for name, value in mail.extra_headers.items()}
    given = {name.lower() for name in headers}
    if "date" not in given:
        headers["Date"] = formatdate(localtime=settings.EMAIL_USE_LOCALTIME)
    if "message-id" not in given:
        headers["Message-ID"] = make_msgid(domain=str(DNS_NAME))
    return headers


def _texts(values: Sequence[Any]) -> list[str]:
    return [str(value) for value in values]


def _content(content: Any) -> str | bytes:
    if isinstance(content, EmailMessage):
        content = content.message()
    if isinstance(content, Message):
        return content.as_bytes()
    return bytes(content) if isinstance(content, bytes | bytearray | memoryview) else str(content)


def _dump_attachment(attachment: Any) -> dict[str, Any]:
    if isinstance(attachment, Message):
        return {"mime": attachment.as_bytes(), "modern": not isinstance(attachment, MIMEBase)}
    name, content, kind = attachment
    return {"name": None if name is None else str(name), "content": _content(content), "type": kind}


def _attach(mail: EmailMessage, stored: dict[str, Any]) -> None:
    if "mime" not in stored:
        mail.attach(stored["name"], stored["content"], stored["type"])
    elif stored["modern"]:
        mail.attach(message_from_bytes(stored["mime"], _class=MIMEPart, policy=modern))  # type: ignore[arg-type]
    else:
        mail.attach(_as_mime_base(message_from_bytes(stored["mime"])))


def _as_mime_base(part: Message) -> MIMEBase:
    """Return a part of the class that Django asks for."""
    made = MIMEBase(part.get_content_maintype(), part.get_content_subtype())
    for name in made.keys():  # noqa: SIM118 (a message is no dict)
        del made[name]
    for name, value in part.items():
        made[name] = value
    made.set_payload(part.get_payload())
    return made


def _dump_encoding(encoding: Any) -> Any:
    if isinstance(encoding, Charset):
        return [encoding.input_charset, encoding.header_encoding, encoding.body_encoding]
    return encoding


def _load_encoding(stored: Any) -> Any:
    if not isinstance(stored, list):
        return stored
    charset = Charset(stored[0])
    charset.header_encoding, charset.body_encoding = stored[1:]
    return charset
