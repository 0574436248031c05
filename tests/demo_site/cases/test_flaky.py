from demo_site.flaky.jobs import NeverWorks, WorksAtLast
from demo_site.flaky.report import report
from jobqueue import run_now
from jobqueue.models import Job
from jobqueue.states import State
from jobqueue.testing import work_off


def attempt_all() -> None:
    for job in Job.objects.scheduled():
        run_now(job)
    work_off()


def test_one_job_works_at_its_third_attempt(client, db):
    client.post("/flaky/works-at-last/")
    for _ in range(3):
        attempt_all()
    job = WorksAtLast.jobs.get()
    assert (job.state, job.attempts) == (State.SUCCEEDED, 3)
    assert job.result == "answered at attempt 3"


def test_the_other_is_kept_as_failed_after_three_attempts(client, db):
    client.post("/flaky/never-works/")
    for _ in range(4):
        attempt_all()
    job = NeverWorks.jobs.get()
    assert (job.state, job.attempts) == (State.FAILED, 3)
    assert job.failed_at is not None
    assert "ServiceDown: No answer, as always" in client.get("/flaky/").content.decode()


def test_retries_come_after_2_seconds_then_4(db):
    WorksAtLast.enqueue()
    waits = []
    for _ in range(2):
        attempt_all()
        job = WorksAtLast.jobs.get()
        waits.append(round((job.run_at - job.updated_at).total_seconds()))
    assert waits == [2, 4]


def test_the_live_part_is_final_when_nothing_will_be_tried_again(client, db):
    client.post("/flaky/never-works/")
    seen = []
    for _ in range(3):
        seen.append(client.get("/flaky/live/")["X-Live-Final"])
        attempt_all()
    seen.append(client.get("/flaky/live/")["X-Live-Final"])
    assert seen == ["no", "no", "no", "yes"]


def test_the_report_counts_by_kind_of_job(client, db):
    client.post("/flaky/works-at-last/")
    client.post("/flaky/never-works/")
    for _ in range(3):
        attempt_all()
    rows = {row["name"]: (row["total"], row["succeeded"], row["failed"], row["attempts"]) for row in report()}
    assert rows == {
        "demo_site.flaky.jobs.NeverWorks": (1, 0, 1, 3),
        "demo_site.flaky.jobs.WorksAtLast": (1, 1, 0, 3),
    }
