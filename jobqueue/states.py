"""The states of a job and the legal moves between them."""

from __future__ import annotations

from enum import IntEnum

from django.utils.translation import pgettext_lazy


class State(IntEnum):
    """State of a job row. The numbers stand as literals in the partial indexes."""

    SCHEDULED = 0
    READY = 1
    RUNNING = 2
    SUCCEEDED = 3
    FAILED = 4
    CANCELLED = 5

    @property
    def label(self) -> str:
        """The word in logs, in what programs read and in this documentation."""
        return self.name.lower()

    @property
    def is_final(self) -> bool:
        """Whether no worker will touch the job again by itself."""
        return self in FINAL


#: No worker has begun it, or it is to be tried again.
WAITING = (State.SCHEDULED, State.READY)
FINAL = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})

#: The words in people's own language.
CHOICES = [
    (State.SCHEDULED.value, pgettext_lazy("state of a job", "scheduled")),
    (State.READY.value, pgettext_lazy("state of a job", "ready")),
    (State.RUNNING.value, pgettext_lazy("state of a job", "running")),
    (State.SUCCEEDED.value, pgettext_lazy("state of a job", "succeeded")),
    (State.FAILED.value, pgettext_lazy("state of a job", "failed")),
    (State.CANCELLED.value, pgettext_lazy("state of a job", "cancelled")),
]

#: (from, to, cause). ``None`` as origin is a new row, as target a deleted one.
MOVES: tuple[tuple[State | None, State | None, str], ...] = (
    (None, State.SCHEDULED, "enqueue, run_at in the future"),
    (None, State.READY, "enqueue, run_at reached"),
    (State.SCHEDULED, State.READY, "promotion, or run_now"),
    (State.READY, State.SCHEDULED, "postpone"),
    (State.READY, State.RUNNING, "claim"),
    (State.SCHEDULED, State.RUNNING, "claim by hand"),
    (State.RUNNING, State.SUCCEEDED, "performed"),
    (State.RUNNING, State.FAILED, "attempts used up, or must not be retried"),
    (State.RUNNING, State.CANCELLED, "cancelled by a person or by the job, or what it works on is gone"),
    (State.RUNNING, State.SCHEDULED, "retry or snooze"),
    (State.RUNNING, State.READY, "release, or rescue of a dead worker's job"),
    (State.RUNNING, None, "performed and KEEP_SUCCEEDED is 0, or failed and DESTROY_FAILED_JOBS"),
    (State.SCHEDULED, State.CANCELLED, "cancel"),
    (State.READY, State.CANCELLED, "cancel"),
    (State.FAILED, State.READY, "retry by hand"),
    (State.CANCELLED, State.READY, "retry by hand"),
    (State.FAILED, State.SCHEDULED, "retry by hand, some time later"),
    (State.CANCELLED, State.SCHEDULED, "retry by hand, some time later"),
    (State.SUCCEEDED, None, "pruning, or deletion by hand"),
    (State.CANCELLED, None, "pruning, or deletion by hand"),
    (State.FAILED, None, "deletion by hand"),
    (State.SCHEDULED, None, "deletion by hand"),
    (State.READY, None, "deletion by hand"),
)


def is_legal(origin: State | None, target: State | None) -> bool:
    """Return whether a row may move from one state to another (None: absent)."""
    return any((move[0], move[1]) == (origin, target) for move in MOVES)
