"""A job that stores itself for the next time."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from demo_site.payments.dates import next_day, next_month
from demo_site.payments.models import Account, CardDeclined
from jobqueue import Performable, delay

USUAL = 1000
URGENT = 2000


class PaymentWorker(Performable):
    """Charges an account, mails its owner, and comes back next month, or tomorrow if that failed."""

    queue = "payments"
    atomic = True  # the payment, the mail's job and the next payment's job are stored together or not at all

    def __init__(self, account_id: int) -> None:
        self.account_id = account_id

    def perform(self) -> None:
        """Charge now."""
        self.charge(Account.objects.get(pk=self.account_id), now=timezone.localtime())

    def charge(self, account: Account, now: datetime) -> None:
        """Charge as of `now`."""
        try:
            account.charge(now)
        except CardDeclined:
            self.come_back(URGENT, next_day(now))
            self.mail(account, "Your payment failed", "Your card was declined. We try again tomorrow.")
        else:
            self.come_back(USUAL, next_month(now))
            self.mail(account, "Thank you", f"Your payment of {account.monthly_price} arrived.")

    def come_back(self, priority: int, run_at: datetime) -> None:
        """Store the next payment."""
        later = PaymentWorker.using(priority=priority, run_at=run_at)
        later.enqueue(self.account_id)

    def mail(self, account: Account, subject: str, text: str) -> None:
        """Leave the mail to a job of its own: a mail server that is down must not charge twice."""
        delay(account, queue="payments").tell(subject, text)
