"""The pool's row: entered at the start, beaten while it lives, removed at the end."""

from __future__ import annotations

import logging
import time

from jobqueue import logs
from jobqueue.pool.duties.base import DeclaredDead, Duty
from jobqueue.release import release
from jobqueue.worker.board import Seat, Slot
from jobqueue.worker.memory import resident_bytes_of


class Heartbeat(Duty):
    """Renews the lease of all that the pool holds."""

    def run(self) -> float:
        """Beat.

        Raises:
            DeclaredDead: if the row is gone or no longer alive.
        """
        if self.post.pool_id == 0:
            self._register()
        elif not self.post.pools.beat(self.post.pool_id, workers=self._workers(), quiet=self._is_quiet()):
            raise DeclaredDead
        return self.post.settings.heartbeat_seconds

    def _register(self) -> None:
        options, selection = self.post.options, self.post.options.worker.selection
        self.post.board.header.pool_id = self.post.pools.register(
            name=options.name,
            host=options.host,
            pid=self.post.pid,
            release=release(),
            queues=list(selection.queues),
            min_priority=selection.min_priority,
            max_priority=selection.max_priority,
            processes=options.processes,
            threads=options.worker.threads,
            coroutines=options.worker.coroutines,
        )
        logs.say(logging.DEBUG, "pool", f"registered as pool {self.post.pool_id}")
        self.post.ring_workers()

    def _workers(self) -> list[dict[str, object]]:
        return [self._told(slot) for slot in self.post.board.seated(Seat.ALIVE)]

    def _told(self, slot: Slot) -> dict[str, object]:
        now, today = self.post.clock(), time.time()
        told: dict[str, object] = {
            "pid": slot.words.pid,
            "clock": round(today, 1),
            "buffered": slot.words.buffered,
            "succeeded": slot.words.succeeded,
            "failed": slot.words.failed,
            "jobs": [
                {
                    "id": job.job_id,
                    "seconds": round(now - job.since, 1),
                    "began": round(today - now + job.since, 1),
                }
                for job in slot.performing()
            ],
        }
        memory = resident_bytes_of(slot.words.pid)
        return told if memory is None else {**told, "memory": memory}

    def _is_quiet(self) -> bool:
        return bool(self.post.board.header.quiet)
