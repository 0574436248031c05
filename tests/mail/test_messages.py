"""Whatever a mail has comes through a job unchanged."""

from __future__ import annotations

from email.charset import QP, Charset
from email.message import EmailMessage as ModernMessage
from email.message import MIMEPart
from email.mime.image import MIMEImage
from typing import Any

import django
import pytest
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.test import override_settings
from django.utils.translation import gettext_lazy

from jobqueue import job
from jobqueue.exceptions import PayloadError
from jobqueue.mail.messages import Parts, dump, load
from jobqueue.models import Job
from jobqueue.testing import run_job, work_off
from tests.mail.conftest import Server

pytestmark = pytest.mark.django_db
PIXEL = b"\x89PNG\r\n\x1a\n\x00\xff"


def quoted_printable() -> Charset:
    charset = Charset("utf-8")
    charset.body_encoding = QP
    return charset


def simple(**more: Any) -> EmailMessage:
    given = {"subject": "Grüße", "body": "Liebe Ana,\n…", "from_email": "Shop <shop@example.com>"}
    return EmailMessage(**{**given, "to": ["Ana <ana@example.com>"], **more})


def with_attributes(mail: EmailMessage, **attributes: Any) -> EmailMessage:
    for name, value in attributes.items():
        setattr(mail, name, value)
    return mail


def rich() -> EmailMultiAlternatives:
    mail = EmailMultiAlternatives(
        "Offer", "text", to=["ana@example.com"], alternatives=[("<b>html</b>", "text/html")]
    )
    mail.attach_alternative("BEGIN:VCALENDAR", "text/calendar")
    mail.attach("terms.txt", "Wörter", "text/plain")
    mail.attach("blob.bin", PIXEL, "application/octet-stream")
    mail.attach(None, PIXEL, "image/png")
    return mail


def with_inline_image() -> EmailMessage:
    image = MIMEImage(PIXEL, "png")
    image.add_header("Content-ID", "<pixel>")
    return simple(attachments=[image])


def with_part() -> EmailMessage:
    part = MIMEPart()
    part.set_content(PIXEL, maintype="image", subtype="png", disposition="inline", cid="<pixel>")
    return simple(attachments=[part])


def with_forwarded() -> EmailMessage:
    mail = simple()
    mail.attach("old.eml", simple(subject="Old"), "message/rfc822")
    return mail


MAILS: dict[str, Any] = {
    "plain": simple,
    "addresses": lambda: simple(
        cc=["c@example.com"], bcc=["b@example.com"], reply_to=["r@example.com", "s@x.org"]
    ),
    "headers": lambda: simple(headers={"X-Tag": "a", "From": "Other <o@example.com>", "Message-ID": "<1@x>"}),
    "html": lambda: with_attributes(simple(body="<p>Hi</p>"), content_subtype="html"),
    "latin": lambda: with_attributes(simple(), encoding="iso-8859-1", body="Grüße"),
    "lazy": lambda: simple(subject=gettext_lazy("Hello"), to=[gettext_lazy("a@example.com")]),
    "alternatives and attachments": rich,
    "inline image": with_inline_image,
    "forwarded": with_forwarded,
    **({"related": lambda: with_attributes(simple(), mixed_subtype="related")} if django.VERSION < (6,) else {}),
    **(
        {"quoted-printable": lambda: with_attributes(simple(), encoding=quoted_printable())}
        if django.VERSION < (6,)
        else {}
    ),
    **({"modern part": with_part} if django.VERSION >= (6,) else {}),
}


def parts(mail: EmailMessage) -> list[Any]:
    """All that the mail as a whole shows, without its random boundaries."""
    message = mail.message()
    kept = [
        [
            (name, value)
            for name, value in part.items()
            if "boundary" not in str(value) and name not in {"Date", "Message-ID"}
        ]
        + [part.get_content_type(), part.get_payload() if not part.is_multipart() else None]
        for part in message.walk()
    ]
    return [mail.recipients(), *kept]


@pytest.mark.parametrize("name", MAILS)
def test_it_is_the_same_mail(name: str) -> None:
    given: EmailMessage = MAILS[name]()
    stored = dump(given)
    came = run_job(echo, stored.to, stored.message, stored.form)
    assert parts(came) == parts(given)
    assert isinstance(came, EmailMultiAlternatives) == isinstance(given, EmailMultiAlternatives)
    if "Message-ID" in given.extra_headers:
        assert came.extra_headers["Message-ID"] == given.extra_headers["Message-ID"]


def test_what_others_hang_on_it_goes_along() -> None:
    given = with_attributes(simple(), tags=["receipt"], metadata={"order": 7})
    came = load(dump(given))
    assert (vars(came)["tags"], vars(came)["metadata"]) == (["receipt"], {"order": 7})


def test_a_class_with_a_way_of_its_own_is_refused() -> None:
    class Signed(EmailMessage):
        def message(self, **_: Any) -> Any:
            return ModernMessage()

    with pytest.raises(
        PayloadError, match=r"^Signed has a message\(\) of its own, which a stored mail would lose"
    ):
        dump(Signed("Hello", to=["ana@example.com"]))


def test_a_rich_mail_arrives_whole(smtp: Server) -> None:
    smtp.start()
    with override_settings(JOBQUEUE={"EMAIL_OPTIONS": {"queue": "mail"}}):
        mail = rich()
        mail.bcc = ["secret@example.com"]
        mail.send()
    work_off(raise_errors=True)
    [delivered] = smtp.got
    assert delivered.recipients == ["ana@example.com", "secret@example.com"]
    assert "secret@example.com" not in delivered.message.as_string()
    kinds = [part.get_content_type() for part in delivered.message.walk() if not part.is_multipart()]
    assert kinds == [
        "text/plain",
        "text/html",
        "text/calendar",
        "text/plain",
        "application/octet-stream",
        "image/png",
    ]
    first, *others = [part.get_content() for part in delivered.message.iter_attachments()]
    assert (first.strip(), others) == ("Wörter", [PIXEL, PIXEL])
    assert Job.objects.succeeded().count() == 1


@job
def echo(to: list[str], message: dict[str, Any], form: dict[str, Any]) -> EmailMessage:
    """Return the mail as a job gets it."""
    return load(Parts(to, message, form))
