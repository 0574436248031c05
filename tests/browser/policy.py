"""A content security policy as strict as they come, and the place where browsers complain about what it stopped."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from django.http import HttpRequest, HttpResponse, HttpResponseBase

FOLDER = Path(os.environ["DEMO_VAR"])
UNFOLD = os.environ.get("BROWSER_UNFOLD")
REPORTS = "/csp-reports/"
POLICY = "; ".join(
    [
        "default-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "object-src 'none'",
        f"report-uri {REPORTS}",
        # Unfold's Alpine needs it, nothing of ours.
        *(["script-src 'self' 'unsafe-eval'", "style-src 'self' 'unsafe-inline'"] if UNFOLD else []),
    ]
)


class StrictPolicy:
    """Sends the policy with each page, and keeps the reports in a file."""

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
        response["Content-Security-Policy"] = POLICY
        return response
