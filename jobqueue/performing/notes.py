"""What one attempt of a job has told, in memory. Any thread may add to it, and one writes it into the table."""

from __future__ import annotations

from collections import deque
from datetime import datetime

from jobqueue.handlers.masking import Mask
from jobqueue.handlers.shown import mask_for
from jobqueue.rows import ClaimedJob, Told

#: Lines that are kept, those of earlier attempts included, and characters of each and of all.
MOST_LINES = 200
LONGEST_LINE = 500
LONGEST_LOG = 32_000
#: Characters of what a job says that it is doing.
LONGEST_TEXT = 200


class Notes:
    """Without a lock: the exception of a time limit, which may come anywhere, must not leave one behind.

    Args:
        job: as claimed.
    """

    __slots__ = (
        "_began",
        "_lines",
        "_mask",
        "_progress",
        "before",
        "ended",
        "failures",
        "job",
        "kept",
        "written_at",
    )

    def __init__(self, job: ClaimedJob) -> None:
        self.job = job
        self._mask: Mask | None = None
        self._began = datetime.now().astimezone()
        self._progress: tuple[float | None, float | None, str] = (None, None, "")
        self._lines: deque[str] = deque(maxlen=MOST_LINES)
        #: The log of earlier attempts, once it has been read.
        self.before: str | None = None
        #: When that was last tried; by the monotonic clock.
        self.written_at: float | None = None
        #: How often in a row that has failed.
        self.failures = 0
        self.ended = False
        self.kept = True

    def note(self, done: float, total: float | None, text: str) -> None:
        """Note how far the job is."""
        self._progress = (done, total, text)

    def log(self, line: str) -> None:
        """Note a line, on which nothing can steer a terminal."""
        self._lines.append(line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 1]}…")

    def end(self, *, kept: bool) -> None:
        """Note that the attempt has ended, and whether its row is kept."""
        self.ended, self.kept = True, kept

    @property
    def mask(self) -> Mask:
        """What hides the values of the job's sensitive arguments."""
        if self._mask is None:
            self._mask = mask_for(self.job)
        return self._mask

    @property
    def has_lines(self) -> bool:
        """Whether the job has logged something."""
        return bool(self._lines)

    def told(self) -> Told:
        """Return it as it is written now."""
        done, total, text = self._progress
        return Told(self.job.id, self.job.claim_id, done, total, text and self.mask(text), self._log())

    def _log(self) -> str:
        if not self._lines:
            return ""
        heading = f"--- attempt {self.job.attempts}, {self._began:%Y-%m-%d %H:%M:%S %z} ---"
        own = [heading, *list(self._lines)[1 - MOST_LINES :]]
        before = (self.before or "").splitlines()
        lines = [*before[-(MOST_LINES - len(own)) :], *own] if len(own) < MOST_LINES else own
        return _shortened("\n".join(lines))


def _shortened(log: str) -> str:
    """Return the last lines, as many as there is room for."""
    if len(log) <= LONGEST_LOG:
        return log
    return log[-LONGEST_LOG:].partition("\n")[2]
