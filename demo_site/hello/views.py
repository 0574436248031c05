"""Ask for a greeting; see it once a worker has written it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from demo_site.front.live import is_settled, part
from demo_site.front.page import page
from demo_site.hello.jobs import greet
from demo_site.hello.models import Greeting
from jobqueue.models import Job, JobQuerySet


class NameForm(forms.Form):
    """Whom to greet."""

    name = forms.CharField(max_length=80, initial="world")


def index(request: HttpRequest) -> HttpResponse:
    """Store a job and answer at once."""
    form = NameForm(request.POST or None)
    if form.is_valid():
        stored = greet.enqueue(form.cleaned_data["name"])
        messages.success(request, f"Job #{stored.pk} is stored. A worker will write the greeting.")
        return redirect("hello:index")
    return page(request, "hello", {"form": form, **found()})


def index_live(request: HttpRequest) -> HttpResponse:
    """Greetings and jobs as they are now."""
    return part(request, "hello/_index.html", found(), final=is_settled(jobs()))


def found() -> dict[str, Any]:
    """What the live part shows."""
    return {"greetings": Greeting.objects.all()[:5], "jobs": jobs().order_by("-id")[:5]}


def jobs() -> JobQuerySet:
    """The jobs of this scenario."""
    return Job.objects.filter(name=greet.path)
