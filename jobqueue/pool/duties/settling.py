"""The jobs of a worker that has died: what it was performing is charged, the rest goes back."""

from __future__ import annotations

import logging

from jobqueue import logs
from jobqueue.exceptions import JobTimeout
from jobqueue.notifying import background
from jobqueue.outcomes import RELEASE, CalledOff, Crashed, Decision, Failed, Outcome, Released, TimedOut
from jobqueue.pool.duties.base import Duty, Post
from jobqueue.pool.words import crash
from jobqueue.rows import ClaimedJob, Finish
from jobqueue.states import State
from jobqueue.worker.board import End, Ending, Performing, Seat, Slot
from jobqueue.worker.judge import Judge

UNTOLD = "Failed: with what error is not known, since its worker died before it had written it"
#: The supervisor rings when a worker has died; this is for a ring that got lost.
PAUSE = 1.0


class Settling(Duty):
    """Works off the dead slots of the board. It may be repeated: every write is fenced."""

    def __init__(self, post: Post) -> None:
        super().__init__(post)
        self._judge = Judge(post.settings)

    def run(self) -> float:
        """Settle all dead workers."""
        for slot in list(self.post.board.seated(Seat.DEAD)):
            if self._settle(slot):
                slot.words.seat = Seat.FREE
            self.post.ring_workers()
        return PAUSE

    def _settle(self, slot: Slot) -> bool:
        """Settle what can be settled now; return whether that was all."""
        performing = {each.job_id: each for each in slot.performing()}
        ended = slot.unwritten()
        known: list[Finish] = []
        decided: list[Finish] = []

        def finish(job: ClaimedJob) -> Finish:
            if job.id in ended:
                known.append(self._finish(job, ended[job.id]))
                return known[-1]
            outcome, decision = self._decide(job, slot, performing.get(job.id))
            if job.id in performing:
                logs.settled(job, outcome, slot.name)
            decided.append(Finish(job, decision))
            return decided[-1]

        settled = self.post.store.settle(self.post.pool_id, slot.name, finish)
        background.tell(known)  # its worker has sent the signal
        background.tell(decided, signal=True)
        self.post.minutes.add(each._replace(started=None) for each in (*known, *decided))
        return settled

    def _finish(self, job: ClaimedJob, ending: Ending) -> Finish:
        """Write what the worker's clerk could not; the details have died with it."""
        now = self.post.clock()
        match ending:
            case Ending.PLAINLY | Ending.WITH_RESULT:
                if ending is Ending.WITH_RESULT:
                    logs.say(logging.WARNING, "lost", f"#{job.id} {job.name} succeeded; what it returned is lost")
                return Finish(job, self._judge.succeeded(), now, now)
            case Ending.FAILED:
                return Finish(job, self._judge.failed(job, Failed(UNTOLD)), now, now)
            case Ending.OTHERWISE:
                return Finish(job, RELEASE)

    def _decide(self, job: ClaimedJob, slot: Slot, performing: Performing | None) -> tuple[Outcome, Decision]:
        end = End(slot.words.end)
        if performing is None or end is End.STOPPED:
            return Released(), RELEASE
        if end is End.TIMED_OUT:
            if performing.deadline > self.post.clock():
                return Released(), RELEASE
            if performing.called_off:
                called_off = CalledOff(f"it did not heed that it was cancelled; {slot.name} was killed")
                return called_off, Decision(State.CANCELLED)
            late = f"JobTimeout: it ran longer than its max_run_time and did not heed it; {slot.name} was killed"
            outcome = TimedOut(late, JobTimeout(late.removeprefix("JobTimeout: ")))
            return outcome, self._judge.failed(job, outcome)
        error = crash(slot.name, slot.words.status)
        return Crashed(error), self._judge.crashed(job, error)
