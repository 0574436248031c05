"""Tells that the code in the folder is newer than what this pool has loaded."""

from __future__ import annotations

import logging

from django.conf import settings as django_settings
from django.utils import timezone

from jobqueue import logs
from jobqueue.pool.duties.base import Duty, Post
from jobqueue.release import RESTART, outdated, present_release, release

PAUSE = 60.0


class Freshness(Duty):
    """Looks which release a new process would load; where people develop, commits are no news."""

    def __init__(self, post: Post) -> None:
        super().__init__(post)
        self._since = timezone.now()
        self._told = release()

    def run(self) -> float:
        """Look, and tell once of each other release."""
        present = present_release()
        if present not in {"", self._told} and not django_settings.DEBUG:
            self._told = present
            text = outdated("This worker", release(), self._since, present)
            logs.say(logging.WARNING, "warn", f"{text} {RESTART}")
        return PAUSE
