"""How an attempt ended (Outcome) and what becomes of the row (Decision)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from jobqueue.states import State

# Outcomes: facts about one attempt.


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The job returned; ``result`` is its encoded return value or None."""

    result: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Failed:
    """The job raised. ``error`` is type, message and traceback as text; ``final``: it is not tried again."""

    error: str
    exception: BaseException | None = None
    wait: float | None = None
    at: datetime | None = None
    final: bool = False


@dataclass(frozen=True, slots=True)
class TimedOut(Failed):
    """The job ran longer than its ``max_run_time``."""


@dataclass(frozen=True, slots=True)
class Snoozed:
    """The job asked to be performed again later, uncharged."""

    wait: float | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The job ended itself, or what it works on is gone."""

    reason: str


@dataclass(frozen=True, slots=True)
class CalledOff(Cancelled):
    """Somebody has cancelled the job while it ran; who, stands in the table."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """This worker's release does not know the performable; another may."""

    error: str
    exception: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Corrupt:
    """The row cannot be trusted or read; it is parked."""

    error: str
    exception: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Crashed:
    """The process died while it performed the job, or its pool vanished."""

    error: str


@dataclass(frozen=True, slots=True)
class Released:
    """Not started, or asked to stop: the attempt is given back."""

    error: str | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """The claim was gone when the result was to be written; nothing is."""


Outcome = (
    Succeeded | Failed | TimedOut | Snoozed | Cancelled | CalledOff | Blocked | Corrupt | Crashed | Released | Lost
)

#: Outcomes that count as failed; the others went as the job or its operator wanted.
FAILURES = (Failed, Corrupt, Crashed)

#: What people call an attempt that failed.
FAILURE_WORDS = ("failed", "timed out", "crashed", "corrupt", "unknown")


@dataclass(frozen=True, slots=True)
class Decision:
    """What is written about a claimed row.

    Attributes:
        state: the state it goes to. SCHEDULED becomes READY by itself when the time is reached.
        wait: seconds from now, by the database's clock, until it may run again.
        run_at: exact time instead of ``wait``; both None leaves the row's run_at.
        charge: whether the attempt counts.
        crash: whether it counts as a crash.
        blocked: whether the row waits for a release that knows it.
        error: text for last_error; None leaves the old one.
        result: encoded return value.
        failure: one of ``FAILURE_WORDS`` if the attempt failed; it is kept in the history then.
        exception: its class, as the error names it.
        fingerprint: the same for failures of one kind.
        delete: remove the row instead of keeping it in a final state.
        cause: why it has failed for good, for those who are told; not written.
    """

    state: State
    wait: float | None = None
    run_at: datetime | None = None
    charge: bool = True
    crash: bool = False
    blocked: bool = False
    error: str | None = None
    result: str | None = field(default=None, repr=False)
    failure: str | None = None
    exception: str = ""
    fingerprint: str = ""
    delete: bool = False
    cause: BaseException | None = field(default=None, repr=False, compare=False)


RELEASE = Decision(State.READY, charge=False)
