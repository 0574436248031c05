"""Two days of a shop's jobs, and thinner figures of three months: what the dashboard shows before anything has run.

The same at every start, but for the time: chance is seeded, and what fails does so for the reasons that `shop.outside`
gives.
"""

from __future__ import annotations

from datetime import datetime
from random import Random

from django.db import transaction
from django.utils import timezone

from demo_site.history.backlog import plant_backlog
from demo_site.history.figures import plant_figures
from demo_site.history.lives import lives
from demo_site.history.rows import plant_rows
from jobqueue.models import Job, Rollup

SEED = 20261121


def plant(now: datetime | None = None) -> bool:
    """Plant all of it where nothing is yet; return whether that was done.

    Args:
        now: when the history ends; by default the present.
    """
    if Rollup.objects.exists() or Job.objects.exists():
        return False
    random, now = Random(SEED), now or timezone.now()  # noqa: S311 (the same history at every start)
    found = list(lives(random, now))
    with transaction.atomic():
        plant_figures(random, found, now)
        plant_rows(found, now)
        plant_backlog(random, now)
    return True
