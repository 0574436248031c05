"""Two accounts: one whose card is accepted, one whose card is declined."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.test import Client

from demo_site.payments.dates import next_month
from demo_site.payments.jobs import URGENT, USUAL
from demo_site.payments.mailbox import mails
from demo_site.payments.models import Payment
from demo_site.payments.views import jobs
from demo_site.scenario import Check, Scenario
from jobqueue.models import Job

PAYS = "pays@example.com"
OWES = "owes@example.com"


class Payments(Scenario):
    """Each payment stores the next one (DJ16)."""

    title = "A job that stores its successor"

    def arrange(self, visitor: Client) -> None:
        """Sign up twice."""
        visitor.post("/payments/", {"email": PAYS, "card_accepted": "True"})
        visitor.post("/payments/", {"email": OWES, "card_accepted": "False"})
        self.first = sorted(jobs().values_list("priority", flat=True))

    def is_finished(self) -> bool:
        """Both were charged, both were mailed."""
        return jobs().succeeded().count() == 4

    def checks(self, visitor: Client) -> Iterator[Check]:
        """Money, mails and successors."""
        yield Check("priorities at sign-up", [USUAL, USUAL], self.first)
        paid = [f"{each.account.email} {each.amount}" for each in Payment.objects.all()]
        yield Check("paid", [f"{PAYS} 19.99"], paid)
        told = sorted(f"{mail.to}: {mail.subject}" for mail in mails())
        yield Check("one mail each", [f"{OWES}: Your payment failed", f"{PAYS}: Thank you"], told)
        later = {job.priority: job for job in jobs().scheduled()}
        yield Check("priorities of what comes next", [USUAL, URGENT], sorted(later))
        yield from self.successors(later)

    def successors(self, later: dict[int, Job]) -> Iterator[Check]:
        """The first of next month for one, a day later for the other."""
        usual, urgent = later[USUAL], later[URGENT]
        yield Check("next payment", next_month(usual.created_at), usual.run_at)
        wait = urgent.run_at - urgent.created_at
        yield Check("next try", "1 day", str(wait), abs(wait - timedelta(days=1)) < timedelta(seconds=10))
