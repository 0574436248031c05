import subprocess

import pytest

from demo_site.videos import ffmpeg
from jobqueue.exceptions import JobTimeout

pytestmark = pytest.mark.usefixtures("clip")  # which skips them where there is no ffmpeg


def test_a_running_child_ends_when_the_job_is_stopped(tmp_path, monkeypatch):
    started = []

    class Recorded(subprocess.Popen[str]):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            started.append(self)

    def stop(percent):
        raise JobTimeout("time is up")

    source, target = tmp_path / "long.mp4", tmp_path / "made" / "film.mp4"
    ffmpeg.make_sample(source, seconds=20, size="640x480")
    monkeypatch.setattr(subprocess, "Popen", Recorded)
    with pytest.raises(JobTimeout):
        ffmpeg.transcode(source, target, stop)
    assert [process.poll() is not None for process in started] == [True, True]
    assert list(target.parent.iterdir()) == []


def test_progress_rises_and_stays_below_100_until_the_file_is_whole(tmp_path):
    source = tmp_path / "long.mp4"
    percentages: list[int] = []
    ffmpeg.make_sample(source, seconds=20, size="640x480")
    ffmpeg.transcode(source, tmp_path / "film.mp4", percentages.append)
    assert percentages
    assert percentages == sorted(percentages)
    assert max(percentages) <= 99


def test_a_film_without_sound_and_of_odd_size_is_taken(tmp_path):
    source, target = tmp_path / "odd.mkv", tmp_path / "film.mp4"
    picture = ["-f", "lavfi", "-i", "testsrc=size=321x241:rate=5:duration=1", "-c:v", "ffv1"]
    ffmpeg._run([*picture, str(source)])
    ffmpeg.transcode(source, target)
    assert ffmpeg.probe(target).codec == "h264"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"These are words.",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile clip.mp4\n",
    ],
    ids=["empty", "text", "playlist", "concatenation"],
)
def test_what_is_no_video_is_refused(tmp_path, content):
    path = tmp_path / "upload.mp4"
    path.write_bytes(content)
    with pytest.raises(ffmpeg.NotAVideo, match=r"upload\.mp4 is not a video that can be read"):
        ffmpeg.transcode(path, tmp_path / "film.mp4")


def test_sound_alone_is_refused(tmp_path):
    path = tmp_path / "tone.m4a"
    ffmpeg._run(["-f", "lavfi", "-i", "sine=duration=1", "-c:a", "aac", str(path)])
    with pytest.raises(ffmpeg.NotAVideo, match="there is no moving picture in it"):
        ffmpeg.probe(path)


def test_a_damaged_file_fails_without_leaving_a_part(tmp_path, clip):
    path, target = tmp_path / "half.mp4", tmp_path / "made" / "film.mp4"
    path.write_bytes(clip[: len(clip) // 3])
    with pytest.raises((ffmpeg.NotAVideo, ffmpeg.EncodingFailed)):
        ffmpeg.transcode(path, target)
    assert not target.parent.exists() or list(target.parent.iterdir()) == []
