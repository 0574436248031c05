"""A report by a worker, and one at once."""

from __future__ import annotations

from collections.abc import Iterator

from django.test import Client

from demo_site.reports.models import Report
from demo_site.reports.views import jobs
from demo_site.scenario import Check, Scenario

HEADINGS = "account,videos,encoded,bytes"


class Reports(Scenario):
    """A plain call stores a job; now() does not."""

    title = "Always in the background"

    def arrange(self, visitor: Client) -> None:
        """Press both buttons."""
        visitor.post("/reports/build/")
        visitor.post("/reports/build-now/")
        self.built = [report.built_at is not None for report in Report.objects.order_by("id")]

    def is_finished(self) -> bool:
        """The worker has built the first one."""
        return jobs().succeeded().exists()

    def checks(self, visitor: Client) -> Iterator[Check]:
        """The second was built at once, the first by a job in its queue."""
        yield Check("built before a worker runs", [False, True], self.built)
        yield Check("jobs and their queue", ["reports"], list(jobs().values_list("queue", flat=True)))
        texts = [report.text.splitlines()[:1] for report in Report.objects.all()]
        yield Check("first line of both", [[HEADINGS], [HEADINGS]], texts)
