"""Pool rows: registering, beating, declaring dead."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.db.models import F, Q, QuerySet, Subquery

from jobqueue.models import Pool
from jobqueue.stores.base import Store


class Peer(NamedTuple):
    """Another pool as one look at the table shows it."""

    id: int
    beats: int
    name: str


class Look(NamedTuple):
    """The other pools that count as alive, whether no living pool holds some jobs, and what is wished of us."""

    peers: list[Peer]
    orphans: bool
    wish: str


class PoolRegistry:
    """The pools that work on one store's jobs.

    A pool's row is the lease of all its jobs. Only the pool itself raises ``beats``; only others set ``alive``
    to False, and a pool that finds itself dead must take a new identity.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def register(self, **fields: Any) -> int:
        """Enter a living pool and return its id."""
        now = self._store.ago(0)
        with self._store.statement():
            return int(self._pools.create(started_at=now, beat_at=now, **fields).pk)

    def beat(self, pool_id: int, **fields: Any) -> bool:
        """Renew the lease. False: the pool was declared dead, or its row is gone."""
        from_now = self._store.ago(0)
        mine = self._pools.filter(pk=pool_id, alive=True)
        with self._store.statement():
            return bool(mine.update(beats=F("beats") + 1, beat_at=from_now, **fields))

    def retire(self, pool_id: int) -> None:
        """Remove a pool that has stopped; what it still held is swept up by others."""
        with self._store.statement():
            self._pools.filter(pk=pool_id).delete()

    def look(self, own_id: int) -> Look:
        """Return what a pool needs to know of others and of their wishes, by one statement."""
        orphan = Subquery(self._store.orphans().values("pk")[:1])
        living = self._pools.filter(alive=True).annotate(orphan=orphan).order_by("pk")
        with self._store.statement():
            rows = list(living.values_list("pk", "beats", "name", "host", "pid", "orphan", "wish"))
        peers = [
            Peer(pk, beats, f"{name} host:{host} pid:{pid}".strip())
            for pk, beats, name, host, pid, _, _ in rows
            if pk != own_id
        ]
        wish = next((str(row[-1]) for row in rows if row[0] == own_id), "")
        # Without any living pool there is no row to tell of orphans.
        return Look(peers, not rows or rows[0][-2] is not None, wish)

    def wish(self, pool_id: int, wish: str) -> bool:
        """Wish that a pool does something, instead of what was wished before; False if it is not alive."""
        with self._store.statement():
            return bool(self._pools.filter(pk=pool_id, alive=True).update(wish=wish))

    def wished(self, pool_id: int) -> str:
        """Return what is wished of a pool; nothing if it is gone."""
        with self._store.statement():
            return str(self._pools.filter(pk=pool_id).values_list("wish", flat=True).first() or "")

    def heed(self, pool_id: int, wish: str, *, quiet: bool) -> None:
        """Say that a pool does what was wished; what was wished since stays."""
        with self._store.statement():
            self._pools.filter(pk=pool_id, wish=wish).update(wish="", quiet=quiet)

    def declare_dead(self, peer: Peer, lease_seconds: float) -> bool:
        """Declare a silent pool dead, unless it has beaten since ``peer`` was read or its lease still runs.

        A beat that lies in the future tells nothing: the database's clock was set back, or somebody wrote it.
        """
        over = Q(beat_at__lt=self._store.ago(lease_seconds)) | Q(beat_at__gt=self._store.ago(-lease_seconds))
        silent = self._pools.filter(over, pk=peer.id, alive=True, beats=peer.beats)
        with self._store.statement():
            return bool(silent.update(alive=False))

    def forget(self, seconds: float) -> None:
        """Remove pools that have been dead for so long."""
        with self._store.statement():
            self._pools.filter(alive=False, beat_at__lt=self._store.ago(seconds)).delete()

    @property
    def _pools(self) -> QuerySet[Pool]:
        return Pool.objects.using(self._store.alias)
