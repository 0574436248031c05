from django.db import connection
from django.test.utils import CaptureQueriesContext

from demo_site.videos.jobs import VideoWorker, add_sample
from demo_site.videos.models import Video
from jobqueue.models import Job
from jobqueue.testing import work_off


def test_sample_clips_are_made_by_a_worker_and_wait_to_be_encoded(client, make_video, monkeypatch):
    monkeypatch.setattr("demo_site.videos.jobs.ffmpeg.make_sample", lambda *args, **kwargs: None)
    client.post("/videos/library/samples/")
    assert add_sample.jobs.count() == 3
    assert work_off().performed == 3
    assert Video.objects.needing_encoding().count() == 3


def test_one_statement_stores_a_job_for_each_video_that_needs_encoding(client, make_video):
    make_video(encoded=True)
    needing = {make_video().pk, make_video().pk}
    with CaptureQueriesContext(connection) as queries:
        client.post("/videos/library/encode/")
    # Once for the ids on PostgreSQL, where COPY stores the rows.
    assert sum("INSERT INTO jobqueue_job" in each["sql"] or "nextval" in each["sql"] for each in queries) == 1
    assert {video.pk for video in Video.objects.exclude(job_id=None)} == needing
    client.post("/videos/library/encode/")
    assert VideoWorker.jobs.count() == 2


def test_the_worker_encodes_what_needs_it(make_video):
    job = VideoWorker.enqueue(make_video().pk)
    work_off()
    assert Video.objects.get().encoded
    assert Job.objects.get(pk=job.pk).result == "encoded"


def test_the_worker_skips_what_is_encoded_already(make_video):
    video = make_video(encoded=True)
    job = VideoWorker.enqueue(video.pk)
    work_off()
    assert Job.objects.get(pk=job.pk).result == "skipped: it was encoded already"
    assert not video.encoded_path.exists()


def test_making_a_sample_twice_makes_one_video(db):
    add_sample(7, seconds=1, size="64x64")
    add_sample(7, seconds=1, size="64x64")
    assert Video.objects.count() == 1
