"""Sign up with a card that works or one that does not, and see what is stored for the next month."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from demo_site.front.live import is_settled, part
from demo_site.front.page import page
from demo_site.payments.jobs import USUAL, PaymentWorker
from demo_site.payments.mailbox import mails
from demo_site.payments.models import Account
from jobqueue.client import run_now
from jobqueue.models import Job, JobQuerySet

CARDS = [(True, "a card that is accepted"), (False, "a card that is declined")]


class SignUpForm(forms.ModelForm):  # type: ignore[type-arg] # no subscript at run time
    """Mail address and stand-in card."""

    card_accepted = forms.TypedChoiceField(
        label="Pay with",
        choices=CARDS,
        initial=True,
        coerce=lambda value: value == "True",
        widget=forms.RadioSelect,
    )

    class Meta:
        model = Account
        fields = ["email", "card_accepted"]
        help_texts = {"email": "No mail leaves this machine: mails go to files and are shown here."}


def index(request: HttpRequest) -> HttpResponse:
    """Make an account and its first payment."""
    form = SignUpForm(request.POST or None)
    if not form.is_valid():
        return page(request, "payments", {"form": form, **found()})
    with transaction.atomic():
        account = form.save()
        PaymentWorker.using(priority=USUAL).enqueue(account.pk)
    messages.success(request, f"{account} was opened; its first payment is stored.")
    return redirect("payments:index")


def index_live(request: HttpRequest) -> HttpResponse:
    """Accounts, mails and jobs as they are now."""
    return part(request, "payments/_index.html", found(), final=is_settled(jobs()))


@require_POST
def swap_card(request: HttpRequest, pk: int) -> HttpResponse:
    """Make the accepted card a declined one, or the other way round."""
    account = get_object_or_404(Account, pk=pk)
    account.card_accepted = not account.card_accepted
    account.save(update_fields=["card_accepted"])
    messages.success(request, f"The card of {account} was changed.")
    return redirect("payments:index")


@require_POST
def let_time_pass(request: HttpRequest) -> HttpResponse:
    """Do not wait for next month: make the scheduled payments ready now."""
    for job in jobs().scheduled():
        run_now(job)
    messages.success(request, "What was scheduled may run now.")
    return redirect("payments:index")


def found() -> dict[str, Any]:
    """What the live part shows."""
    accounts = Account.objects.prefetch_related("payments")[:5]
    return {"accounts": accounts, "mails": mails()[:4], "jobs": jobs().order_by("-id")[:8]}


def jobs() -> JobQuerySet:
    """The jobs of this scenario."""
    return Job.objects.filter(queue="payments")
