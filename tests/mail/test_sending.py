"""Mails as jobs, with a server that is down, up, or refuses somebody."""

from __future__ import annotations

import smtplib
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.test import override_settings

from jobqueue import conf
from jobqueue.exceptions import PayloadError, QueueFull
from jobqueue.handlers.shown import masked_arguments
from jobqueue.mail import JobEmailBackend, deliver, sent_at_once
from jobqueue.models import Job
from jobqueue.testing import assert_enqueued, refute_enqueued, travel_to, work_off
from tests.mail.conftest import Server

pytestmark = pytest.mark.django_db
LOCMEM = "django.core.mail.backends.locmem.EmailBackend"


def send(*to: str, **more: Any) -> int:
    return mail.EmailMessage("Hello", "Dear reader", "shop@example.com", list(to), **more).send()


class TestDownThenUp:
    def test_sending_returns_the_number_and_the_job_is_retried_until_the_server_is_there(
        self, smtp: Server
    ) -> None:
        assert mail.send_mail("Hello", "Dear reader", "shop@example.com", ["ana@example.com"]) == 1
        assert work_off().failed == 1
        assert "ConnectionRefusedError" in str(Job.objects.get().error)
        smtp.start()
        with travel_to(timedelta(minutes=1)):
            assert work_off().failed == 0
            assert work_off().performed == 0
        [delivered] = smtp.got
        assert (delivered.sender, delivered.recipients) == ("shop@example.com", ["ana@example.com"])
        assert (delivered.message["Subject"], delivered.message.get_content().strip()) == ("Hello", "Dear reader")

    def test_a_job_for_each_mail_in_one_statement(self, smtp: Server, django_assert_max_num_queries: Any) -> None:
        smtp.start()
        mails = [("Hello", f"Dear {name}", "shop@example.com", [f"{name}@example.com"]) for name in ("ana", "bob")]
        with django_assert_max_num_queries(5):
            assert mail.send_mass_mail(mails) == 2
        assert work_off().performed == 2
        assert [each.recipients for each in smtp.got] == [["ana@example.com"], ["bob@example.com"]]

    def test_all_attempts_carry_the_same_message_id_and_date(self, smtp: Server) -> None:
        smtp.start()
        send("ana@example.com")
        work_off()
        Job.objects.update(state=1, attempts=0)  # as if its worker had been killed after the server had taken it
        work_off()
        first, second = smtp.got
        for header in ("Message-ID", "Date"):
            assert first.message[header] == second.message[header] != ""

    def test_nothing_is_mailed_by_a_transaction_that_rolls_back(self, smtp: Server) -> None:
        smtp.start()
        with transaction.atomic():
            assert send("ana@example.com") == 1
            transaction.set_rollback(True)
        assert work_off().performed == 0
        assert smtp.got == []

    def test_a_mail_to_nobody_is_no_job(self, smtp: Server) -> None:
        assert send() == 0
        assert mail.get_connection().send_messages([mail.EmailMessage("Hello", to=[])]) == 0
        assert not Job.objects.exists()


class TestRefusedAddresses:
    def test_one_that_is_refused_for_good_is_told_and_the_others_get_it_once(
        self, smtp: Server, caplog: pytest.LogCaptureFixture
    ) -> None:
        smtp.refusals["gone@example.com"] = "550 no such user"
        smtp.start()
        send("ana@example.com", cc=["gone@example.com"], bcc=["bob@example.com"])
        assert work_off().failed == 0
        assert [each.recipients for each in smtp.got] == [["ana@example.com", "bob@example.com"]]
        assert Job.objects.get().result == {"refused": {"gone@example.com": "550 no such user"}}
        assert "the server has refused 1 addresses for good" in caplog.text
        assert "gone@example.com" not in caplog.text
        refute_enqueued(deliver)

    def test_one_that_is_refused_for_now_gets_it_later_and_the_others_not_again(self, smtp: Server) -> None:
        smtp.refusals["slow@example.com"] = "450 greylisted"
        smtp.start()
        with override_settings(JOBQUEUE={"EMAIL_OPTIONS": {"queue": "mail", "priority": 4}}):
            send("ana@example.com", "slow@example.com")
        work_off()
        [job] = assert_enqueued(deliver, queue="mail", priority=4, run_at=timedelta(seconds=6))
        assert job.arguments["only"] == ["slow@example.com"]
        smtp.refusals.clear()
        work_off(scheduled=True)
        first, second = smtp.got
        assert (first.recipients, second.recipients) == (["ana@example.com"], ["slow@example.com"])
        assert first.message["To"] == second.message["To"] == "ana@example.com, slow@example.com"
        assert first.message["Message-ID"] == second.message["Message-ID"]

    def test_if_all_are_refused_the_job_has_failed(self, smtp: Server) -> None:
        smtp.refusals["gone@example.com"] = "550 no such user"
        smtp.start()
        send("gone@example.com")
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            work_off(raise_errors=True)
        assert_enqueued(deliver, count=1)


class TestOptions:
    def test_they_are_in_the_settings_or_of_one_connection(self, smtp: Server) -> None:
        with override_settings(JOBQUEUE={"EMAIL_OPTIONS": {"queue": "mail", "priority": 4}}):
            send("ana@example.com")
            mail.get_connection(priority=9, max_attempts=3).send_messages([a_mail()])
        rows = Job.objects.order_by("pk").values_list("queue", "priority", "max_attempts")
        assert list(rows) == [("mail", 4, None), ("mail", 9, 3)]

    @pytest.mark.parametrize("options", [{"queu": "mail"}, {"priority": "high"}])
    def test_wrong_ones_are_told_by_the_check_and_at_the_call(self, smtp: Server, options: dict[str, Any]) -> None:
        with override_settings(JOBQUEUE={"EMAIL_OPTIONS": options}):
            [error] = run_checks(tags=["jobqueue"], databases=[])
            assert (error.id, error.msg.partition(" is")[0]) == ("jobqueue.E001", 'JOBQUEUE["EMAIL_OPTIONS"]')
            with pytest.raises(ImproperlyConfigured, match=r"^JobEmailBackend: "):
                send("ana@example.com")

    def test_our_own_backend_is_not_the_real_one(self) -> None:
        [problem] = conf.read({"EMAIL_BACKEND": "jobqueue.mail.JobEmailBackend"})[1]
        assert "would store them as jobs again" in problem.hint

    def test_credentials_are_refused(self, smtp: Server) -> None:
        with pytest.raises(ImproperlyConfigured, match="takes no credentials"):
            mail.send_mail("Hello", "x", None, ["ana@example.com"], auth_user="ana", auth_password="geheim")

    def test_a_mailer_of_django_6_1_must_be_another(self) -> None:
        for mailer in (None, "default"):
            with pytest.raises(ImproperlyConfigured, match=r'in MAILERS\["default"\]\["OPTIONS"\] set "mailer"'):
                JobEmailBackend(alias="default", mailer=mailer)

    def test_the_real_backend_is_in_the_settings(self, smtp: Server) -> None:
        with override_settings(JOBQUEUE={"EMAIL_BACKEND": LOCMEM}):
            send("ana@example.com")
            work_off(raise_errors=True)
        assert [each.to for each in mail.outbox] == [["ana@example.com"]]

    def test_one_that_says_it_sent_nothing_has_failed(self, smtp: Server) -> None:
        with override_settings(JOBQUEUE={"EMAIL_BACKEND": f"{__name__}.Mute"}):
            send("ana@example.com")
            with pytest.raises(RuntimeError, match="Mute says that it has sent nothing"):
                work_off(raise_errors=True)

    def test_some_mails_can_be_sent_at_once(self, smtp: Server) -> None:
        smtp.start()
        with sent_at_once():
            assert send("ana@example.com") == 1
        assert len(smtp.got) == 1
        assert not Job.objects.exists()


class Mute(mail.backends.base.BaseEmailBackend):  # type: ignore[name-defined,misc]
    """Sends nothing."""

    def send_messages(self, email_messages: Any) -> int:
        """Say so."""
        return 0


class TestWhatCannotBeStored:
    def test_a_large_attachment_says_what_to_do(self, smtp: Server) -> None:
        attachments = [("film.mp4", b"x" * 100_000, "video/mp4")]
        with pytest.raises(
            PayloadError, match=r"about 130 kB; a job holds 64 kB\. Mail a link instead, raise JOBQUEUE"
        ):
            send("ana@example.com", attachments=attachments)
        assert not Job.objects.exists()
        smtp.start()
        with override_settings(JOBQUEUE={"MAX_PAYLOAD_BYTES": 1_000_000}):
            send("ana@example.com", attachments=attachments)
            work_off(raise_errors=True)
        [part] = smtp.got[0].message.iter_attachments()
        assert part.get_content() == b"x" * 100_000

    def test_one_bad_mail_leaves_none_stored(self, smtp: Server) -> None:
        with pytest.raises(PayloadError):
            mail.get_connection().send_messages([a_mail(), a_mail(body="x" * 70_000)])
        assert not Job.objects.exists()

    def test_silently_where_that_is_asked_for(self, smtp: Server) -> None:
        connection = mail.get_connection(fail_silently=True)
        assert connection.send_messages([a_mail(body="x" * 70_000)]) == 0
        assert connection.send_messages([a_mail()]) == 1

    def test_a_full_queue_is_told(self, smtp: Server) -> None:
        with override_settings(JOBQUEUE={"MAX_WAITING": 1}):
            send("ana@example.com")
            with pytest.raises(QueueFull):
                send("bob@example.com")

    def test_a_line_break_in_a_header_is_refused_where_it_is_sent(self, smtp: Server) -> None:
        with pytest.raises(ValueError, match=r"newline|linefeed"):
            mail.send_mail("Hello\nBcc: all@example.com", "x", None, ["ana@example.com"])


class TestWhatIsShown:
    def test_addresses_and_nothing_of_the_mail(self, smtp: Server) -> None:
        mail.send_mail("Your code is 1234", "Follow https://shop/reset/secret", None, ["ana@example.com"])
        told = masked_arguments(Job.objects.get())
        assert told["to"] == ["ana@example.com"]
        assert told["message"] == "********"
        assert "secret" not in str(told)


def a_mail(**more: Any) -> mail.EmailMessage:
    return mail.EmailMessage(**{"subject": "Hello", "body": "Dear", "to": ["ana@example.com"], **more})
