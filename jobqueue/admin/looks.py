"""How states are shown: a word, and the name of an icon and a colour."""

from __future__ import annotations

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

from jobqueue.models import Job
from jobqueue.states import State


class Look(NamedTuple):
    """How something is shown.

    Attributes:
        key: of icon and colour, and the word by which searches know it.
        label: for people.
    """

    key: str
    label: str | Promise


#: In the order of the tabs.
LOOKS = {
    look.key: look
    for look in (
        Look("waiting", pgettext_lazy("state of a job", "waiting")),
        Look("running", pgettext_lazy("state of a job", "running")),
        Look("scheduled", pgettext_lazy("state of a job", "scheduled")),
        Look("retrying", pgettext_lazy("state of a job", "retrying")),
        Look("failed", pgettext_lazy("state of a job", "failed")),
        Look("succeeded", pgettext_lazy("state of a job", "succeeded")),
        Look("cancelled", pgettext_lazy("state of a job", "cancelled")),
    )
}


def look_of(job: Job) -> Look:
    """Return how the state of a job is shown; one that will be tried again is "retrying"."""
    match State(job.state):
        case State.READY:
            return LOOKS["waiting"]
        case State.SCHEDULED:
            return LOOKS["retrying" if job.attempts else "scheduled"]
        case state:
            return LOOKS[state.label]
