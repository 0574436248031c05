from demo_site.hello.models import Greeting
from demo_site.reports.models import Report
from demo_site.videos.models import Account
from jobqueue.models import Job
from jobqueue.testing import work_off


def test_the_greeting_appears_after_the_worker_ran(client, db):
    answer = client.post("/hello/", {"name": "world"}, follow=True)
    assert "A worker will write the greeting." in answer.content.decode()
    assert client.get("/hello/live/")["X-Live-Final"] == "no"
    assert not Greeting.objects.exists()
    work_off()
    answer = client.get("/hello/live/")
    assert "Hello, world!" in answer.content.decode()
    assert answer["X-Live-Final"] == "yes"


def test_a_greeting_needs_a_name(client, db):
    client.post("/hello/", {"name": ""})
    assert not Job.objects.exists()


def test_a_plain_call_stores_a_job_in_its_queue(client, db):
    client.post("/reports/build/")
    job = Job.objects.get()
    assert (job.queue, job.name, job.priority) == ("reports", "reports.Report.build", -5)
    assert Report.objects.get().built_at is None
    assert work_off().performed == 1
    assert Report.objects.get().built_at is not None


def test_now_builds_without_a_job(client, db):
    client.post("/reports/build-now/")
    assert not Job.objects.exists()
    assert Report.objects.get().text == "account,videos,encoded,bytes\n"


def test_the_report_counts_videos_and_the_bytes_of_their_copies(client, make_video):
    video = make_video(account=Account.PREMIUM)
    video.encode()
    make_video(account=Account.NORMAL)
    report = Report.objects.create()
    report.build.now()
    lines = ["account,videos,encoded,bytes", "normal,1,0,0", f"premium,1,1,{video.encoded_size}"]
    assert report.text.splitlines() == lines
    answer = client.get(f"/reports/{report.pk}.csv")
    assert answer["Content-Type"] == "text/csv"
    assert answer.content.decode() == report.text


def test_a_report_that_is_not_built_cannot_be_fetched(client, db):
    assert client.get(f"/reports/{Report.objects.create().pk}.csv").status_code == 404
