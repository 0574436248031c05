"""Which queues rest. Claims look at the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobqueue.models import Pause

if TYPE_CHECKING:
    from jobqueue.stores.base import Store


class Pauses:
    """The queues of one store that nobody claims from.

    Args:
        store: whose.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def put(self, queue: str, reason: str, by: str) -> None:
        """Let a queue rest, or say anew why it does."""
        told = ["reason", "paused_by", "since"]
        pause = Pause(queue=queue, reason=reason, paused_by=by, since=self._store.now())
        with self._store.statement():
            Pause.objects.using(self._store.alias).bulk_create(
                [pause], update_conflicts=True, unique_fields=["queue"], update_fields=told
            )

    def lift(self, queue: str) -> bool:
        """Let a queue go on; False if it did not rest."""
        with self._store.statement():
            lifted, _ = Pause.objects.using(self._store.alias).filter(queue=queue).delete()
        return bool(lifted)

    def of(self, queue: str) -> Pause | None:
        """Return why a queue rests; None if it does not."""
        return Pause.objects.using(self._store.alias).filter(queue=queue).first()

    def all(self) -> dict[str, Pause]:
        """Return the queues that rest, by name."""
        return {pause.queue: pause for pause in Pause.objects.using(self._store.alias).order_by("queue")}
