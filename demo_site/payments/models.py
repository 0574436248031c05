"""Accounts that pay every month, and their payments."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.core.mail import send_mail
from django.db import models


class CardDeclined(Exception):
    """The bank says no."""


class Account(models.Model):
    """Somebody who pays every month. The card is a stand-in: a field says whether it is accepted."""

    email = models.EmailField("e-mail", default="visitor@example.com")
    monthly_price = models.DecimalField(max_digits=8, decimal_places=2, default=Decimal("19.99"))
    card_accepted = models.BooleanField("The card is accepted", default=True)

    objects: models.Manager[Account]

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Account {self.pk}"

    def charge(self, now: datetime) -> None:
        """Take the monthly price from the card. Raises CardDeclined."""
        if not self.card_accepted:
            raise CardDeclined(f"The card of account {self.pk} was declined.")
        Payment.objects.create(account=self, amount=self.monthly_price, paid_at=now)

    def tell(self, subject: str, text: str) -> None:
        """Mail the owner."""
        send_mail(subject, text, None, [self.email])


class Payment(models.Model):
    """Money that came in."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="payments")
    amount = models.DecimalField(max_digits=8, decimal_places=2)
    paid_at = models.DateTimeField()

    objects: models.Manager[Payment]

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.amount} from {self.account}"
