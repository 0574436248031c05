"""Which queues and which classes rest. Claims look at the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from django.db.models import QuerySet

from jobqueue.models import ClassPause, Pause

if TYPE_CHECKING:
    from jobqueue.stores.base import Store

P = TypeVar("P", Pause, ClassPause)


class Pauses(Generic[P]):
    """What nobody claims from, in one store.

    Args:
        store: whose.
        kind: of pause: of queues, or of classes. The primary key is the name of what rests.
    """

    def __init__(self, store: Store, kind: type[P]) -> None:
        self._store = store
        self._kind: type[P] = kind

    def put(self, name: str, reason: str, by: str) -> None:
        """Let it rest, or say anew why it does."""
        told = ["reason", "paused_by", "since"]
        pause = self._kind(pk=name, reason=reason, paused_by=by, since=self._store.now())
        with self._store.statement():
            self._rows.bulk_create([pause], update_conflicts=True, unique_fields=["pk"], update_fields=told)

    def lift(self, name: str) -> bool:
        """Let it go on; False if it did not rest."""
        with self._store.statement():
            lifted, _ = self._rows.filter(pk=name).delete()
        return bool(lifted)

    def of(self, name: str) -> P | None:
        """Return why it rests; None if it does not."""
        return self._rows.filter(pk=name).first()

    def all(self) -> dict[str, P]:
        """Return what rests, by name."""
        return {str(pause.pk): pause for pause in self._rows.order_by("pk")}

    @property
    def _rows(self) -> QuerySet[P]:
        rows: QuerySet[P] = self._kind._base_manager.using(self._store.alias)
        return rows
