"""The front page: what the site shows, and how the jobs fare at this moment."""

from __future__ import annotations

from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from demo_site.front.cards import CARDS
from demo_site.front.live import is_settled, part
from jobqueue.models import Job
from jobqueue.states import State


def index(request: HttpRequest) -> HttpResponse:
    """All scenarios on one page."""
    return render(request, "front/index.html", {"cards": CARDS, "counts": count_by_state()})


def index_live(request: HttpRequest) -> HttpResponse:
    """The live part: number of jobs by state."""
    return part(request, "front/_counts.html", {"counts": count_by_state()}, final=is_settled(Job.objects.all()))


def count_by_state() -> list[tuple[State, int]]:
    """Number of jobs in each state, also where there is none."""
    found = dict(Job.objects.order_by().values_list("state").annotate(Count("id")))
    return [(state, found.get(state.value, 0)) for state in State]
