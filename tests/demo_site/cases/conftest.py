"""A media folder of its own for each test, and a real clip."""

import os
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.db import connections

from demo_site.videos import ffmpeg
from demo_site.videos.models import Account, Video


@pytest.fixture(scope="session")
def django_db_modify_db_settings():
    """Keep runs at the same time apart on a database server that they share."""
    default = connections["default"]
    if default.vendor != "sqlite":
        default.settings_dict["TEST"]["NAME"] = f"test_demo_site_{os.getpid()}"


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    return settings.MEDIA_ROOT


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    """The bytes of a real video."""
    pytest.importorskip("imageio_ffmpeg", reason="imageio-ffmpeg, which carries ffmpeg, is not installed")
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    ffmpeg.make_sample(path, seconds=2, size="320x240")
    return path.read_bytes()


@pytest.fixture
def make_video(db, clip):
    def make(title="Sample clip", account=Account.NORMAL, content=None, **fields):
        file = ContentFile(clip if content is None else content, name="clip.mp4")
        return Video.objects.create(title=title, account=account, original=file, **fields)

    return make


@pytest.fixture
def upload(client, db, clip):
    """Send the upload form; return the answer."""

    def send(title="Sample clip", account="normal", content=None):
        file = ContentFile(clip if content is None else content, name="clip.mp4")
        return client.post("/videos/", {"title": title, "account": account, "original": file})

    return send


def files_below(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())
