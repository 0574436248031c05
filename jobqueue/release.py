"""Which release of the project's code runs here: as ``JOBQUEUE["RELEASE"]`` says, as the platform says, or git."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from jobqueue.conf import LONGEST_RELEASE, get_settings

#: Where platforms tell the commit: Heroku, Render, Railway, Docker Hub and Coolify, Jenkins and many a Dockerfile.
VARIABLES = (
    "HEROKU_BUILD_COMMIT",
    "HEROKU_SLUG_COMMIT",
    "RENDER_GIT_COMMIT",
    "RAILWAY_GIT_COMMIT_SHA",
    "SOURCE_COMMIT",
    "SOURCE_VERSION",
    "GIT_COMMIT",
)
#: BASE_DIR may lie so many folders below the one that git keeps.
DEEPEST = 2
COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
#: As long as git shows it.
SHORT = 7


@lru_cache(maxsize=1)
def release() -> str:
    """Return the release that this process has loaded; "" if nothing tells. It stays what it was at the first look."""
    return present_release()


def present_release() -> str:
    """Return the release that a process would load now: in a folder that git keeps, code may be newer than we are."""
    return _from_settings() or _from_platform() or _from_git(getattr(django_settings, "BASE_DIR", None))


def _from_settings() -> str:
    try:
        return get_settings().release
    except ImproperlyConfigured:  # others tell of it
        return ""


def _from_platform() -> str:
    return _short(next((os.environ[name] for name in VARIABLES if os.environ.get(name)), ""))


def _short(name: str) -> str:
    """Return a commit as git shows it, any other name as it is, if it can be stored."""
    name = name.strip()
    if COMMIT.fullmatch(name):
        return name[:SHORT]
    return name[:LONGEST_RELEASE] if name.isprintable() else ""


def _from_git(base: Any) -> str:
    """Return the commit that is checked out. Code that is changed and not committed has the same one."""
    if not isinstance(base, str | os.PathLike):
        return ""
    try:
        folder = Path(base).resolve()
        places = (each / ".git" for each in (folder, *folder.parents[:DEEPEST]))
        found = next((place for place in places if place.exists()), None)
        return _short(_head(found)) if found else ""
    except (OSError, ValueError):  # of another owner, of another make, or text that is none
        return ""


def _head(git: Path) -> str:
    """Return the commit of HEAD; "" where its branch has none, or is kept as a newer git may."""
    if git.is_file():  # of a worktree or a submodule
        git = git.parent / git.read_text().removeprefix("gitdir:").strip()
    head = (git / "HEAD").read_text().strip()
    if not head.startswith("ref:"):
        return head if COMMIT.fullmatch(head) else ""
    branch = head.removeprefix("ref:").strip()
    common = git / "commondir"
    shared = git / common.read_text().strip() if common.is_file() else git
    return next((each for each in _commits(branch, (git, shared)) if COMMIT.fullmatch(each)), "")


def _commits(branch: str, folders: Iterable[Path]) -> Iterable[str]:
    for folder in folders:
        if (loose := folder / branch).is_file():
            yield loose.read_text().strip()
        if (packed := folder / "packed-refs").is_file():
            lines = (line.partition(" ") for line in packed.read_text().splitlines())
            yield from (commit for commit, _, name in lines if name == branch)


def _forget(*, setting: str, **_: Any) -> None:
    if setting in {"JOBQUEUE", "BASE_DIR"}:
        release.cache_clear()


setting_changed.connect(_forget)


# A worker goes on with the code that it has loaded, however new the code in its folder is.

RESTART = "Restart: python manage.py jobworker restart"


def outdated(who: str, theirs: str, since: datetime, ours: str) -> str:
    """Return the sentence about a pool that runs another release than the site, without what to type."""
    runs = f"release {theirs}" if theirs else "no known release"
    return f"{who} runs {runs} since {_day(since)}; the site runs {ours}."


def _day(moment: datetime) -> str:
    """Return a time as people name it: 12:04, Tuesday, 2026-11-03."""
    moment, now = moment.astimezone(), datetime.now().astimezone()
    days = (now.date() - moment.date()).days
    if days < 1:
        return f"{moment:%H:%M}"
    return f"{moment:%A}" if days < 7 else f"{moment:%Y-%m-%d}"
