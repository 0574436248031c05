"""Running jobs that somebody has cancelled are told so."""

from __future__ import annotations

import logging

from jobqueue import logs
from jobqueue.pool.duties.base import Duty
from jobqueue.stores.wishes import Wishes
from jobqueue.worker.board import Seat

PAUSE = 1.0
#: Younger ones are not asked about: most end before anybody could have cancelled them.
LONG_SECONDS = 1.0


class Cancelling(Duty):
    """Reads the board; the table just while some job runs for long.

    What it finds it writes on the board. The supervisor has the worker end the job, and ends the worker if it does not.
    """

    def run(self) -> float:
        """Ask about the jobs that run for long and have not been called off yet."""
        now = self.post.clock()
        going_on = [
            (slot, job)
            for slot in self.post.board.seated(Seat.ALIVE)
            for job in slot.performing()
            if now - job.since >= LONG_SECONDS and not job.called_off
        ]
        if not going_on:
            return PAUSE
        wished = Wishes(self.post.store).among({job.job_id for _, job in going_on})
        for slot, job in going_on:
            if job.job_id in wished:
                slot.call_off(job, self.post.clock() + self.post.settings.kill_seconds)
                logs.say(logging.INFO, "cancel", f"#{job.job_id} is to end, on {slot.name}")
        return PAUSE
