"""What a site is, so that nobody takes production for a place to try things: on each page, twice where one is asked."""

from __future__ import annotations

from typing import Any

import pytest

from jobqueue import enqueue
from jobqueue.models import Job
from tests.admin.conftest import SignIn
from tests.app.jobs import add
from tests.verbs.conftest import pool

ROOT = "/admin/jobqueue/"
LABEL = '<span class="jq-environment jq-is-danger">production</span>'
PAGES = (
    "dashboard/", "job/", "job/1/change/", "job/export/", "failure/", "jobclass/", "queue/", "worker/",
    "worker/timeline/", "worker/history/",
)  # fmt: skip
ASKING = (
    "job/1/retry/", "job/1/run-now/", "job/1/postpone/", "job/1/cancel/", "job/1/delete/", "job/1/edit/",
    "job/act/?act=cancel&all=1", "job/add/?name=tests.app.jobs.add", "queue/mail/pause/", "queue/mail/resume/",
    "jobclass/tests.app.jobs.add/pause/", "worker/1/quiet/", "worker/1/stop/",
)  # fmt: skip


@pytest.mark.parametrize(("path", "times"), [*((each, 1) for each in PAGES), *((each, 2) for each in ASKING)])
def test_it_is_told(sign_in: SignIn, settings: Any, path: str, times: int) -> None:
    settings.JOBQUEUE = {"ENVIRONMENT": ("production", "danger")}
    Job.objects.filter(pk=enqueue(add.bind(1)).pk).update(id=1)
    pool(pk=1)
    text = sign_in(is_superuser=True).get(ROOT + path).content.decode()
    assert text.count(LABEL) == times


def test_it_is_not_where_none_is_set(sign_in: SignIn) -> None:
    assert "jq-environment" not in sign_in(is_superuser=True).get(f"{ROOT}dashboard/").content.decode()
