import time

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile
from django.utils.datastructures import MultiValueDict

from demo_site.videos.ffmpeg import probe
from demo_site.videos.forms import VideoForm
from demo_site.videos.models import Video
from jobqueue import run_now
from jobqueue.models import Job
from jobqueue.states import State
from jobqueue.testing import work_off
from tests.demo_site.cases.conftest import files_below


def test_the_view_answers_at_once_and_leaves_the_encoding_to_a_worker(client, upload):
    started = time.perf_counter()
    answer = upload()
    assert time.perf_counter() - started < 0.5
    video, job = Video.objects.get(), Job.objects.get()
    assert answer["Location"] == video.get_absolute_url()
    assert "Video was created and is being encoded…" in client.get(answer["Location"]).content.decode()
    assert not video.encoded
    assert (job.state, job.name, video.job_id) == (State.READY, "videos.Video.encode", job.pk)


@pytest.mark.parametrize(("account", "priority"), [("premium", 10), ("normal", 0), ("unverified", -10)])
def test_the_account_sets_the_priority(upload, account, priority):
    upload(account=account)
    assert Job.objects.get().priority == priority


def test_premium_uploads_are_encoded_first_and_unverified_ones_last(upload, monkeypatch):
    encoded: list[str] = []
    monkeypatch.setattr(Video, "encode", lambda self: encoded.append(self.title))
    for account in ("unverified", "normal", "premium", "unverified", "premium"):
        upload(title=account, account=account)
    work_off()
    assert encoded == ["premium", "premium", "normal", "unverified", "unverified"]


def test_the_worker_makes_a_real_film_and_the_page_plays_it(client, upload, media):
    page = upload()["Location"]
    assert "<video" not in client.get(page).content.decode()
    assert work_off().performed == 1
    video = Video.objects.get()
    assert (video.encoded, video.progress, video.stage) == (True, 100, "done")
    assert probe(video.encoded_path).codec == "h264"
    assert video.poster_path.read_bytes()[:2] == b"\xff\xd8"
    shown = client.get(page).content.decode()
    assert f'src="/media/encoded/{video.pk}.mp4"' in shown
    assert f'poster="/media/posters/{video.pk}.jpg"' in shown


def test_encoding_twice_is_harmless(make_video, media):
    video = make_video()
    video.encode()
    video.encode()
    assert files_below(media / "encoded") == [f"{video.pk}.mp4"]
    assert files_below(media / "posters") == [f"{video.pk}.jpg"]


def test_the_upload_page_shows_waiting_retrying_and_failed(client, upload):
    page = upload(content=b"These are words.")["Location"]
    live = f"{page}live/"
    assert client.get(live)["X-Live-Status"] == "Waiting"
    assert work_off().failed == 1
    assert client.get(live)["X-Live-Status"] == "Retrying"
    assert "NotAVideo: clip" in client.get(live).content.decode()
    run_now(Job.objects.get())
    work_off()
    final = client.get(live)
    assert (final["X-Live-Status"], final["X-Live-Final"]) == ("Failed", "yes")
    job = Job.objects.get()
    assert (job.state, job.attempts) == (State.FAILED, 2)
    assert "is not a video that can be read" in (job.last_error or "")


def test_the_form_refuses_an_empty_file(client, upload):
    answer = upload(content=b"")
    assert answer.status_code == 200
    assert "The submitted file is empty." in answer.content.decode()
    assert not Video.objects.exists()
    assert not Job.objects.exists()


def test_the_form_refuses_more_than_50_megabytes():
    file = SimpleUploadedFile("long.mp4", b"x")
    file.size = 51 * 1024 * 1024
    files: MultiValueDict[str, UploadedFile[bytes]] = MultiValueDict({"original": [file]})
    form = VideoForm({"title": "Long", "account": "normal"}, files)
    assert form.errors["original"] == ["This file has 51 MB. At most 50 MB are taken."]


def test_progress_is_written_once_a_second_at_most(make_video, monkeypatch, django_assert_num_queries):
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    video = make_video()
    show = video._progress()
    with django_assert_num_queries(0):
        show(10)
    clock[0] += 1
    with django_assert_num_queries(1):
        show(40)
        show(50)
    video.refresh_from_db()
    assert video.progress == 40


def test_a_title_cannot_carry_markup_into_the_page(client, upload):
    page = upload(title="<script>alert(1)</script>")["Location"]
    assert "<script>alert" not in client.get(page).content.decode()
