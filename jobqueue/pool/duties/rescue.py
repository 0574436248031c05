"""Jobs of other pools that have died are taken back."""

from __future__ import annotations

import logging

from jobqueue import logs
from jobqueue.notifying import background
from jobqueue.outcomes import Crashed, Decision
from jobqueue.pool.duties.base import Duty, Post
from jobqueue.pool.duties.heeding import heed
from jobqueue.rows import ClaimedJob
from jobqueue.stores.pools import Peer
from jobqueue.worker.judge import Judge

BATCH = 1000
#: Looks at the peers within one lease: each adds its pause, twice, to the time until a dead pool is noticed.
LOOKS = 4
VANISHED = "Crashed: the pool that held this job has vanished; whether the job had started is unknown"


class Rescue(Duty):
    """Two keys declare a peer dead: its lease is over by the database's clock, and we have seen no beat for a
    whole lease by our own. After an outage of the database the second key is thrown away: nobody could beat.
    """

    def __init__(self, post: Post) -> None:
        super().__init__(post)
        self._seen: dict[int, tuple[int, float]] = {}
        self._judge = Judge(post.settings)

    def run(self) -> float:
        """Look at the peers, and what is wished of us, then sweep up what belongs to no living pool."""
        peers, orphans, wish = self.post.pools.look(self.post.pool_id)
        if wish:
            heed(self.post, wish)
        for peer in self._silent(peers):
            if self.post.pools.declare_dead(peer, self.post.settings.lease_seconds):
                logs.say(logging.WARNING, "dead", f"pool {peer.name} is silent; its jobs are taken back")
                orphans = True
        rescued = self.post.store.rescue(self._decide, BATCH) if orphans else []
        background.tell(rescued, signal=True)
        self.post.minutes.add(rescued)
        for each in rescued:
            logs.settled(each.job, Crashed(VANISHED), "vanished")
        if rescued:
            self.post.ring_workers()
        return 0.0 if len(rescued) == BATCH else self.post.settings.lease_seconds / LOOKS

    def forget(self) -> None:
        """Begin to observe anew."""
        self._seen.clear()

    def _silent(self, peers: list[Peer]) -> list[Peer]:
        """Return the peers that we have not seen beat for a whole lease."""
        now = self.post.clock()
        fresh = {}
        for peer in peers:
            beats, since = self._seen.get(peer.id, (None, now))
            fresh[peer.id] = (peer.beats, since if beats == peer.beats else now)
        self._seen = fresh
        lease = self.post.settings.lease_seconds
        return [peer for peer in peers if now - fresh[peer.id][1] >= lease]

    def _decide(self, job: ClaimedJob) -> Decision:
        return self._judge.crashed(job, VANISHED)
