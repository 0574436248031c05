"""Both failing jobs."""

from __future__ import annotations

from collections.abc import Iterator

from django.test import Client

from demo_site.flaky.report import report
from demo_site.flaky.views import jobs
from demo_site.scenario import Check, Scenario


class Flaky(Scenario):
    """One job gets over it at its third attempt, the other is kept as failed after its third."""

    title = "Jobs that fail"

    def arrange(self, visitor: Client) -> None:
        """Press both buttons."""
        visitor.post("/flaky/works-at-last/")
        visitor.post("/flaky/never-works/")

    def is_finished(self) -> bool:
        """Neither will be tried again."""
        return jobs().succeeded().exists() and jobs().failed().exists()

    def checks(self, visitor: Client) -> Iterator[Check]:
        """Attempts, result, error, and the same in the report."""
        worked, failed = jobs().succeeded().get(), jobs().failed().get()
        yield Check("attempts until it worked", 3, worked.attempts)
        yield Check("what it returned", "answered at attempt 3", worked.result)
        yield Check("attempts of the other", 3, failed.attempts)
        said = (failed.error or "").partition("\n")[0]
        yield Check("its error", "ServiceDown", said, "ServiceDown" in said)
        rows = {str(row["name"]).rpartition(".")[2]: row for row in report()}
        counts = [rows["NeverWorks"]["failed"], rows["WorksAtLast"]["succeeded"]]
        yield Check("failed and worked in the report", [1, 1], counts)
