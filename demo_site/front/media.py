"""Serve the files that the jobs made, a range at a time, as browsers ask for when a visitor jumps in a video.

For the demo only: on a real site the web server in front does this.
"""

from __future__ import annotations

import mimetypes
import re
from pathlib import Path

from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.utils._os import safe_join
from django.views.decorators.http import require_safe

MADE = ("encoded/", "posters/")  # what visitors upload is never handed out
LARGEST_PIECE = 4 * 1024 * 1024


@require_safe
def serve_made(request: HttpRequest, name: str) -> HttpResponse:
    """A file below MEDIA_ROOT: the range asked for, or all of it."""
    path = _path(name)
    size = path.stat().st_size
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
    if asked is None:
        return _piece(path, 0, size - 1, status=200)
    first, last = int(asked[1]), min(int(asked[2] or size), size - 1, int(asked[1]) + LARGEST_PIECE)
    if first > last:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    return _piece(path, first, last, status=206, headers={"Content-Range": f"bytes {first}-{last}/{size}"})


def _path(name: str) -> Path:
    try:
        path = Path(safe_join(settings.MEDIA_ROOT, name))
    except SuspiciousFileOperation:
        raise Http404 from None
    if not path.is_file() or not path.relative_to(Path(settings.MEDIA_ROOT).resolve()).as_posix().startswith(MADE):
        raise Http404
    return path


def _piece(
    path: Path, first: int, last: int, *, status: int, headers: dict[str, str] | None = None
) -> HttpResponse:
    with path.open("rb") as file:
        file.seek(first)
        content = file.read(last - first + 1)
    kind = mimetypes.guess_type(path.name)[0]
    return HttpResponse(
        content, status=status, content_type=kind, headers={"Accept-Ranges": "bytes", **(headers or {})}
    )
