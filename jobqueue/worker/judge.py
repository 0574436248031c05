"""What becomes of a job that did not live to report its own end."""

from __future__ import annotations

import logging
from dataclasses import replace

from jobqueue.conf import Settings
from jobqueue.handlers import options_of
from jobqueue.options import Options
from jobqueue.outcomes import Crashed, Decision, Failed, Succeeded
from jobqueue.performing.executor import limits_of
from jobqueue.policy.retry import Limits, decide
from jobqueue.rows import ClaimedJob

logger = logging.getLogger("jobqueue.worker")


class Judge:
    """Decides by the job's own limits, as its worker would have done."""

    def __init__(self, settings: Settings) -> None:
        self._limits = limits_of(settings)

    def succeeded(self) -> Decision:
        """Return what becomes of a job that had ended well when its worker died."""
        return decide(Succeeded(), attempts=1, crashes=0, limits=self._limits)

    def crashed(self, job: ClaimedJob, error: str) -> Decision:
        """Return what becomes of a job whose process has died."""
        limits = self._limits_of(job)
        return decide(Crashed(error), attempts=job.attempts, crashes=job.crashes, limits=limits)

    def failed(self, job: ClaimedJob, outcome: Failed) -> Decision:
        """Return what becomes of a job that failed, or was killed at its hard time limit."""
        limits = self._limits_of(job)
        return decide(outcome, attempts=job.attempts, crashes=job.crashes, limits=limits)

    def _limits_of(self, job: ClaimedJob) -> Limits:
        options = self._options_of(job)
        return replace(
            self._limits,
            max_attempts=job.max_attempts or self._limits.max_attempts,
            backoff=options.backoff or self._limits.backoff,
            retry_crashes=options.on_crash != "fail",
        )

    def _options_of(self, job: ClaimedJob) -> Options:
        """Return the options of the job's class, as far as its handler can be opened here."""
        try:
            return options_of(job)
        except Exception as error:
            logger.debug("%s: its options are unknown: %s", job, error)
            return Options()
