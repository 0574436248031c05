"""Run the ffmpeg that imageio-ffmpeg carries: look into a file, transcode it, take a poster, make a clip."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import imageio_ffmpeg

# Containers that hold a video themselves. Playlists are left out: they may name other files and hosts.
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,ogg,flv,asf,gif"
WIDTH = 640
STOP_SECONDS = 5

Progress = Callable[[int], None]


class NotAVideo(Exception):
    """The file cannot be read as a video; the message says why."""


class EncodingFailed(Exception):
    """ffmpeg gave up; the message is its last line."""


@dataclass(frozen=True)
class Probe:
    """What a file holds: codec of its first video stream, and its length in seconds where known."""

    codec: str
    seconds: float | None


def probe(path: Path) -> Probe:
    """Look into a file. Raises NotAVideo if there is no video stream in it."""
    said = _look(path)
    stream = re.search(r"Stream #\S+: Video: (\w+)", said)
    if stream is None:
        raise NotAVideo(f"{path.name} is not a video that can be read: {_reason(said)}")
    length = re.search(r"Duration: (\d+):(\d+):([\d.]+)", said)
    hours, minutes, seconds = map(float, length.groups()) if length else (0.0, 0.0, 0.0)
    return Probe(stream[1], hours * 3600 + minutes * 60 + seconds or None)


def transcode(source: Path, target: Path, progress: Progress = lambda percent: None) -> None:
    """Write `source` to `target` as H.264 in MP4, telling the percentage done as it goes.

    `target` appears only when it is whole. Raises NotAVideo or EncodingFailed.
    """
    seconds = probe(source).seconds
    options = ["-c:v", "libx264", "-preset", "medium", "-pix_fmt", "yuv420p", "-c:a", "aac"]
    with _made_whole(target) as made:
        command = [*_reading(source), "-vf", _scale(), *options, "-movflags", "+faststart", str(made)]
        with _ffmpeg(["-progress", "pipe:1", *command]) as output:
            for percent in _percentages(output, seconds):
                progress(percent)


def take_poster(source: Path, target: Path) -> None:
    """Write the first picture of `source` to `target`, as JPEG."""
    with _made_whole(target) as made:
        _run([*_reading(source), "-vf", _scale(), "-frames:v", "1", "-q:v", "4", "-update", "1", str(made)])


def make_sample(target: Path, *, seconds: int, size: str) -> None:
    """Write a test clip with a tone to `target`; `size` is its width and height, as in 320x240."""
    picture = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25:duration={seconds}"]
    sound = ["-f", "lavfi", "-i", f"sine=frequency=330:duration={seconds}"]
    options = ["-c:v", "mpeg4", "-q:v", "6", "-c:a", "aac", "-shortest"]
    with _made_whole(target) as made:
        _run([*picture, *sound, *options, str(made)])


# --- steps --------------------------------------------------------------------------------------------------


def _reading(source: Path) -> list[str]:
    return ["-protocol_whitelist", "file", "-format_whitelist", FORMATS, "-i", f"file:{source}"]


def _reason(said: str) -> str:
    if "not on whitelist" in said:
        return "files of this kind are not taken"
    found = re.search(r"Error opening input: (.+)", said)
    return found[1] if found else "there is no moving picture in it"


def _scale() -> str:
    return f"scale=w='trunc(min({WIDTH},iw)/2)*2':h=-2"


def _look(path: Path) -> str:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-hide_banner", *_reading(path)]
    return subprocess.run(command, capture_output=True, text=True, errors="replace").stderr


@contextmanager
def _made_whole(target: Path) -> Iterator[Path]:
    """A file beside `target` that takes its place when the block ends well: nobody sees half of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    number, name = tempfile.mkstemp(suffix=target.suffix, prefix=".making-", dir=target.parent)
    os.close(number)
    made = Path(name)
    try:
        yield made
        made.chmod(0o644)
        made.replace(target)
    finally:
        made.unlink(missing_ok=True)


def _run(arguments: list[str]) -> None:
    with _ffmpeg(arguments) as output:
        output.read()


def _percentages(output: IO[str], seconds: float | None) -> Iterator[int]:
    furthest = 0
    for line in output:
        name, _, value = line.strip().partition("=")
        if name == "out_time_us" and seconds and value.isdigit():
            # The time that it tells is now that of the sound, now that of the picture.
            furthest = max(furthest, min(99, int(int(value) / seconds / 10_000)))
            yield furthest


@contextmanager
def _ffmpeg(arguments: list[str]) -> Iterator[IO[str]]:
    """ffmpeg at work, as what it prints. Raises EncodingFailed at the end of the block if it failed."""
    with tempfile.TemporaryFile("w+", errors="replace") as errors, _process(arguments, errors) as process:
        assert process.stdout is not None
        yield process.stdout
        if process.wait():
            errors.seek(0)
            raise EncodingFailed(_last_line(errors.read()))


@contextmanager
def _process(arguments: list[str], errors: IO[str]) -> Iterator[subprocess.Popen[str]]:
    """The process; it ends with the block, also when the job is stopped in the middle."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-y", "-v", "error", *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True
    ) as process:
        try:
            yield process
        finally:
            _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def _last_line(said: str) -> str:
    lines = said.split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "ffmpeg said nothing")
