"""New keys for old rows: what is stored is encrypted and signed anew, so that old keys may be dropped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, cast

from django.apps import apps

from jobqueue.exceptions import CorruptHandler, DecryptionError
from jobqueue.handlers import renew
from jobqueue.rows import Texts
from jobqueue.sealing import reseal
from jobqueue.states import State
from jobqueue.stores.base import Store
from jobqueue.stores.beside import Beside

#: Seconds between two looks at jobs that were running.
PAUSE = 0.2
SIGNED = ("name", "queue", "max_attempts", "max_run_time")


@dataclass(slots=True)
class Tally:
    """What a rotation has found so far.

    Attributes:
        looked: rows looked at.
        renewed: rows put under the first keys; in a rehearsal, that would be.
        busy: rows that need it and were running, or changed at that moment.
        shut: rows that the listed keys do not verify, or not open.
    """

    looked: int = 0
    renewed: int = 0
    busy: int = 0
    shut: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether all is under the first keys, so that the others may be dropped."""
        return not (self.busy or self.shut)


class _Row(NamedTuple):
    texts: Texts
    signed: dict[str, Any]


@dataclass
class Rotation:
    """Puts all rows under the first keys, while workers go on.

    What a running job will leave behind is its worker's to write, so it is looked at again when it has ended.

    Args:
        store: whose jobs.
        batch: rows that are read and written at a time.
        rehearse: write nothing.
        wait: seconds to wait for running jobs at the end.
        tell: is called with what is done so far after each batch.

    Attributes:
        shut: ids of the rows that the listed keys do not verify, or not open.
    """

    store: Store
    batch: int = 500
    rehearse: bool = False
    wait: float = 10.0
    tell: Callable[[Tally], None] = lambda tally: None
    tally: Tally = field(default_factory=Tally)
    shut: set[int] = field(default_factory=set)

    def run(self) -> Tally:
        """Look at each row once, and at those that were busy until they are not, or the wait is over."""
        busy: list[int] = []
        for rows in self._all():
            self.tally.looked += len(rows)
            busy += self._renew(rows)
            self._tell(busy)
        deadline = time.monotonic() + (0.0 if self.rehearse else self.wait)
        while busy and time.monotonic() < deadline:
            time.sleep(PAUSE)
            busy = [job_id for rows in self._these(busy) for job_id in self._renew(rows)]
            self._tell(busy)
        return self.tally

    def _all(self) -> Iterator[list[_Row]]:
        last = 0
        while rows := self._read(pk__gt=last):
            yield rows
            last = rows[-1].texts.id

    def _these(self, ids: Sequence[int]) -> Iterator[list[_Row]]:
        for start in range(0, len(ids), self.batch):
            yield self._read(pk__in=ids[start : start + self.batch])

    def _read(self, **which: Any) -> list[_Row]:
        jobs = cast(Any, apps.get_model("jobqueue", "Job"))._base_manager.using(self.store.alias)
        rows = jobs.filter(**which).order_by("pk").values_list(*Texts._fields, *SIGNED)[: self.batch]
        split = len(Texts._fields)
        return [_Row(Texts(*row[:split]), dict(zip(SIGNED, row[split:], strict=True))) for row in rows]

    def _renew(self, rows: Sequence[_Row]) -> list[int]:
        """Put rows under the first keys; return the ids of those that must be looked at again."""
        changed = [renewed for row in rows if (renewed := self._renewed(row)) != row.texts]
        self._renew_beside([row.texts.id for row in rows])
        resting = [each for each in changed if each.state != State.RUNNING]
        written = {each.id for each in resting} if self.rehearse else self.store.rewrite(resting)
        self.tally.renewed += len(written)
        return [each.id for each in changed if each.id not in written]

    def _renewed(self, row: _Row) -> Texts:
        """Return the texts of a row under the first keys; those that cannot be opened as they are."""
        steps: dict[str, Callable[[str], str]] = {
            "handler": partial(renew, **row.signed),
            "stored_result": reseal,
            "last_error": reseal,
        }
        texts: Any = row.texts
        for column, step in steps.items():
            stored = getattr(texts, column)
            try:
                texts = texts if stored is None else texts._replace(**{column: step(stored)})
            except CorruptHandler:
                self.shut.add(texts.id)
        return cast(Texts, texts)

    def _renew_beside(self, ids: Sequence[int]) -> None:
        """Put what is kept beside the rows under the first keys: errors of earlier attempts, what jobs have told."""
        beside = Beside(self.store)
        for sealed in beside.of(ids):
            try:
                texts = {column: reseal(text) for column, text in sealed.texts.items()}
            except DecryptionError:
                self.shut.add(sealed.job_id)
                continue
            if texts != sealed.texts and not self.rehearse:
                beside.rewrite(sealed, texts)

    def _tell(self, busy: Sequence[int]) -> None:
        self.tally.busy, self.tally.shut = len(busy), len(self.shut)
        self.tell(self.tally)
