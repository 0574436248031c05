"""Two content security policies as strict as they come, and the place where browsers complain about what they stop.

One goes by origin, the other by nonce. Pages come with both, and browsers hold them to each: so does every test.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from secrets import token_urlsafe

from django.http import HttpRequest, HttpResponse, HttpResponseBase

FOLDER = Path(os.environ["DEMO_VAR"])
UNDER_UNFOLD = os.environ.get("BROWSER_UNFOLD")
HEADER = "Content-Security-Policy"
REPORTS = "/csp-reports/"
BY_ORIGIN = "; ".join(
    [
        "default-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "object-src 'none'",
        f"report-uri {REPORTS}",
        # Unfold's Alpine needs it, nothing of ours.
        *(["script-src 'self' 'unsafe-eval'", "style-src 'self' 'unsafe-inline'"] if UNDER_UNFOLD else []),
    ]
)
#: As Django 6 takes it, with its word for the nonce.
BY_NONCE = {
    "script-src": ["<CSP_NONCE_SENTINEL>", "'strict-dynamic'"],
    "style-src": ["<CSP_NONCE_SENTINEL>"],
    "object-src": ["'none'"],
    "base-uri": ["'none'"],
    "report-uri": [REPORTS],
}
NONCE = re.compile(r"'nonce-([\w-]+)'")
#: Those of the admin: it gives them no nonces before Django 6.1, so that a project must do it.
TAGS_OF_ADMIN = re.compile(r'(<(?:script|link))(?= [^>]*"/static/admin/)(?![^>]* nonce=)')


class StrictPolicies:
    """Sends the policies with each page, and keeps the reports in a file."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a request."""
        if request.path == REPORTS:
            with (FOLDER / "csp-reports").open("ab") as file:
                file.write(request.body + b"\n")
            return HttpResponse(status=204)
        if request.path == "/favicon.ico":  # browsers ask for it by themselves
            return HttpResponse(status=204)
        response = self._get_response(request)
        by_nonce = response.get(HEADER, "")
        if isinstance(response, HttpResponse) and (nonce := NONCE.search(by_nonce)):
            response.content = TAGS_OF_ADMIN.sub(rf'\1 nonce="{nonce[1]}"', response.text)
            response["Content-Length"] = str(len(response.content))
        response[HEADER] = ", ".join(filter(None, [BY_ORIGIN, by_nonce]))
        return response


class DjangoCSP:
    """The policy by nonce where Django has none of its own, with the nonce where django-csp has it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a request."""
        nonce = request.csp_nonce = token_urlsafe(16)  # type: ignore[attr-defined]
        response = self._get_response(request)
        policy = "; ".join(" ".join([directive, *values]) for directive, values in BY_NONCE.items())
        response[HEADER] = policy.replace("<CSP_NONCE_SENTINEL>", f"'nonce-{nonce}'")
        return response
