"""Texts that stand beside the rows of jobs, to be stored anew under another key."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from django.apps import apps

from jobqueue.stores.base import Store

#: By the name of the model, the texts that may be encrypted.
TEXTS = {"Attempt": ("stored_error",), "Report": ("stored_text", "stored_log")}


class Sealed(NamedTuple):
    """The texts of one such row, as they are stored."""

    model: str
    pk: int
    job_id: int
    texts: Mapping[str, str]


class Beside:
    """What is kept beside the rows of one store's jobs."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of(self, ids: Collection[int]) -> Iterator[Sealed]:
        """Yield what is kept of these jobs."""
        for model, columns in TEXTS.items():
            with self._store.statement():
                found = list(self._rows(model).filter(job_id__in=ids).values_list("pk", "job_id", *columns))
            for pk, job_id, *texts in found:
                yield Sealed(model, pk, job_id, dict(zip(columns, texts, strict=True)))

    def rewrite(self, sealed: Sealed, texts: Mapping[str, str]) -> None:
        """Store texts anew, unless somebody else has done so meanwhile."""
        with self._store.statement():
            self._rows(sealed.model).filter(pk=sealed.pk, **sealed.texts).update(**texts)

    def _rows(self, model: str) -> Any:
        return apps.get_model("jobqueue", model)._base_manager.using(self._store.alias)
