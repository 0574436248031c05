"""Jobs of jobqueue's own."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps

from jobqueue.acting import act_on
from jobqueue.conf import get_settings
from jobqueue.declaring import job
from jobqueue.insight.plans import Chosen, Plan
from jobqueue.insight.scene import Scene
from jobqueue.models import Job
from jobqueue.performing.context import current_job
from jobqueue.performing.progress import progress
from jobqueue.stores.acts import Act, Acted

#: As in ``django.contrib.admin.models``, which may not be installed.
ADDITION = 1


@job
def act_on_many(
    act: str,
    chosen: dict[str, Any],
    run_at: datetime | None = None,
    spread: timedelta | None = None,
    by: str = "",
) -> dict[str, Any]:
    """Do an act to many jobs: of some ids, or all that a search finds of those there were at a moment.

    Whether somebody may do that was asked when this job was stored. If it is performed again it goes on where it was,
    and it never acts on itself.

    Args:
        act: what to do, a value of ``Act``.
        chosen: which, as ``Chosen.as_data`` tells it.
        run_at: when they are due then; None: now.
        spread: let them become due one after another, over so long.
        by: who wants it.

    Returns:
        How many are done, how many running ones end soon, and why others were left out.
    """
    own = current_job()
    plan = Chosen.of(chosen).plan(Scene(get_settings()), Act(act))
    found = [pk for pk in plan.ids if own is None or pk != own.id]
    acted = act_on(
        found,
        act,
        run_at=run_at,
        spread=spread if found else None,
        by=by,
        tell=lambda done: progress(done, len(found)),
    )
    told = _told(acted, plan)
    if own is not None:
        _log(own.id, told)
    return told


def _told(acted: Acted, plan: Plan) -> dict[str, Any]:
    left_out = plan.left_out + Counter(acted.skipped.values())
    return {"done": len(acted.done), "ending": len(acted.ending), "left_out": dict(left_out)}


def _log(job_id: int, told: dict[str, Any]) -> None:
    """Add to the admin's log, which outlives this job, what has come of it."""
    if not apps.is_installed("django.contrib.admin"):
        return
    entries: Any = apps.get_model("admin", "LogEntry")._base_manager
    kinds: Any = apps.get_model("contenttypes", "ContentType").objects
    kind = kinds.get_for_model(Job)
    left_out = ", ".join(f"{number:,} {why}" for why, number in sorted(told["left_out"].items())) or "none"
    words = f" Done: {told['done']:,}. Ending soon: {told['ending']:,}. Left out: {left_out}."
    for entry in entries.filter(content_type=kind, object_id=str(job_id), action_flag=ADDITION):
        entry.change_message = entry.change_message.partition(" Done: ")[0] + words
        entry.save(update_fields=["change_message"])
