"""What running jobs tell of themselves: how far they are, and what they log."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.db import connections
from django.utils import timezone

from jobqueue.models import Job, Report
from jobqueue.rows import Told
from jobqueue.sealing import seal, unseal
from jobqueue.stores.base import Store

# Fenced by the claim alone: the last words of an attempt may come after its end was written. An attempt that keeps no
# log leaves that of an earlier one.
TELL = """
INSERT INTO jobqueue_report (job_id, done, total, text, log, updated_at)
SELECT id, CAST(%s AS double precision), CAST(%s AS double precision), %s, %s, %s FROM jobqueue_job
WHERE id = %s AND claim_id = %s
ON CONFLICT (job_id) DO UPDATE
SET done = excluded.done, total = excluded.total, text = excluded.text, updated_at = excluded.updated_at,
    log = CASE WHEN excluded.log = '' THEN jobqueue_report.log ELSE excluded.log END
RETURNING job_id
"""


class Reports:
    """The reports of one store's jobs."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def tell(self, told: Sequence[Told]) -> set[int]:
        """Write what jobs tell; return those that were still under their claims.

        It waits for nobody's lock: an ``OperationalError`` says that it may be tried again.
        """
        connection = connections[self._store.alias]
        now = connection.ops.adapt_datetimefield_value(timezone.now())
        claim = Job._meta.get_field("claim_id")
        written: set[int] = set()
        for each in told:
            text, log = (value and seal(value) for value in (each.text, each.log))
            claim_id = claim.get_db_prep_value(each.claim_id, connection)
            row = (each.done, each.total, text, log, now, each.job_id, claim_id)
            written.update(job_id for (job_id,) in self._store.run_aside(TELL, row))
        return written

    def logs(self, ids: Collection[int]) -> dict[int, str]:
        """Return what jobs have logged so far, readable.

        Raises:
            DecryptionError: if no listed key opens it.
        """
        rows = Report.objects.using(self._store.alias).filter(pk__in=ids).exclude(stored_log="")
        with self._store.statement():
            return {job_id: unseal(log) for job_id, log in rows.values_list("pk", "stored_log")}
