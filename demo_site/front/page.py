"""Every scenario's page has the same frame; this fills it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from demo_site.front.cards import find_card


def page(request: HttpRequest, slug: str, context: dict[str, Any], *, view: str = "", **url: Any) -> HttpResponse:
    """Answer with a page of a scenario.

    The view's name tells the rest: app:index shows app/index.html, whose live part is app/_index.html and
    comes from app:index_live. `url` is what that URL takes.
    """
    card = find_card(slug)
    app, _, name = (view or card.page).partition(":")
    live = {"live_url": reverse(f"{app}:{name}_live", kwargs=url), "live_template": f"{app}/_{name}.html"}
    return render(request, f"{app}/{name}.html", {"card": card, **live, **context})
