from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.core.mail.backends.filebased import EmailBackend
from django.utils import timezone

from demo_site.payments.dates import next_day, next_month
from demo_site.payments.jobs import PaymentWorker
from demo_site.payments.mailbox import mails
from demo_site.payments.models import Account, Payment
from jobqueue.models import Job
from jobqueue.testing import work_off

PARIS = ZoneInfo("Europe/Paris")


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (datetime(2026, 1, 31, 23, 59, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)),
        (datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        (datetime(2028, 2, 29, 12, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC)),
        (datetime(2026, 10, 25, 2, 30, tzinfo=PARIS, fold=1), datetime(2026, 11, 1, tzinfo=PARIS)),
    ],
)
def test_a_payment_is_due_on_the_first_of_the_next_month(now, due):
    assert next_month(now) == due
    assert next_month(now).utcoffset() == due.utcoffset()


def test_a_failed_payment_is_due_a_day_later():
    now = datetime(2026, 12, 31, 8, 30, tzinfo=UTC)
    assert next_day(now) == datetime(2027, 1, 1, 8, 30, tzinfo=UTC)


def sign_up(client, *, accepted):
    return client.post("/payments/", {"email": "visitor@example.com", "card_accepted": str(accepted)})


def test_signing_up_stores_a_payment_of_priority_1000(client, db):
    sign_up(client, accepted=True)
    job = PaymentWorker.jobs.get()
    assert job.priority == 1000
    assert str(Account.objects.get().monthly_price) == "19.99"
    assert not Payment.objects.exists()


def test_success_mails_and_comes_back_on_the_first_of_next_month(client, db):
    sign_up(client, accepted=True)
    before = timezone.localtime()
    work_off()
    assert [str(payment.amount) for payment in Payment.objects.all()] == ["19.99"]
    assert [(each.subject, each.to) for each in mail.outbox] == [("Thank you", ["visitor@example.com"])]
    later = PaymentWorker.jobs.scheduled().get()
    assert (later.priority, later.run_at) == (1000, next_month(before))


def test_failure_mails_and_comes_back_a_day_later_with_more_priority(client, db):
    sign_up(client, accepted=False)
    before = timezone.now()
    work_off()
    assert not Payment.objects.exists()
    assert [each.subject for each in mail.outbox] == ["Your payment failed"]
    later = PaymentWorker.jobs.scheduled().get()
    assert later.priority == 2000
    assert timedelta(0) <= later.run_at - before - timedelta(days=1) < timedelta(seconds=5)


def test_the_moment_can_be_handed_in(db):
    account = Account.objects.create()
    now = timezone.now().replace(month=12, day=31)
    PaymentWorker(account.pk).charge(account, now)
    assert PaymentWorker.jobs.get().run_at == next_month(now)
    assert Payment.objects.get().paid_at == now


def test_a_mail_server_that_is_down_does_not_charge_twice(client, db, monkeypatch):
    def down(self, subject, text):
        raise OSError("no mail server")

    monkeypatch.setattr(Account, "tell", down)
    sign_up(client, accepted=True)
    counts = work_off()
    assert (counts.performed, counts.failed) == (2, 1)
    assert Payment.objects.count() == 1
    assert PaymentWorker.jobs.scheduled().count() == 1


def test_a_payment_whose_successor_cannot_be_stored_is_not_kept(client, db, monkeypatch):
    def refuse(self, priority, run_at):
        raise OSError("cannot be stored")

    monkeypatch.setattr(PaymentWorker, "come_back", refuse)
    sign_up(client, accepted=True)
    work_off()
    assert not Payment.objects.exists()
    assert mail.outbox == []


def test_mending_the_card_and_letting_time_pass_pays(client, db):
    sign_up(client, accepted=False)
    work_off()
    client.post(f"/payments/{Account.objects.get().pk}/card/")
    client.post("/payments/let-time-pass/")
    work_off()
    assert Payment.objects.count() == 1
    assert [each.subject for each in mail.outbox] == ["Your payment failed", "Thank you"]


def test_mails_in_files_are_read_back(client, db, settings, tmp_path):
    settings.MAIL_FOLDER = tmp_path
    thanks = mail.EmailMessage("Thank you", "Your payment arrived.", to=["visitor@example.com"])
    EmailBackend(file_path=str(tmp_path)).send_messages([thanks])
    assert [(each.to, each.subject, each.text) for each in mails()] == [
        ("visitor@example.com", "Thank you", "Your payment arrived.")
    ]
    assert "Your payment arrived." in client.get("/payments/").content.decode()


def test_a_wrong_address_is_refused(client, db):
    answer = client.post("/payments/", {"email": "nobody", "card_accepted": "True"})
    assert "Enter a valid email address." in answer.content.decode()
    assert not Job.objects.exists()
