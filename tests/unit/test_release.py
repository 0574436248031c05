"""Which release runs here: the setting, the platform, git; and what is said of pools that run another."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from jobqueue.cli.releases import outdated_line
from jobqueue.conf import get_settings
from jobqueue.models import Pool
from jobqueue.pool.duties import Post
from jobqueue.pool.duties.freshness import Freshness
from jobqueue.pool.options import PoolOptions
from jobqueue.release import RESTART, VARIABLES, outdated, present_release, release
from jobqueue.stores import get_store
from jobqueue.worker.board import Board
from jobqueue.worker.clerk import Selection
from jobqueue.worker.loop import WorkerOptions

SHA = "9c1e2f0a" + "0" * 32
OTHER = "4f2a77b1" + "0" * 32


@pytest.fixture(autouse=True)
def _no_platform(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    release.cache_clear()
    yield
    release.cache_clear()


@pytest.fixture
def base(tmp_path: Path, settings: Any) -> Path:
    """A BASE_DIR in a folder of its own; what is above it is no repository."""
    folder = tmp_path / "a" / "b" / "project"
    folder.mkdir(parents=True)
    settings.BASE_DIR = folder
    return folder


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


class TestWhereItIsFrom:
    def test_the_setting_comes_first(self, base: Path, settings: Any, monkeypatch: Any) -> None:
        monkeypatch.setenv("GIT_COMMIT", SHA)
        settings.JOBQUEUE = {"RELEASE": "2026.11"}
        assert release() == "2026.11"

    @pytest.mark.parametrize("name", VARIABLES)
    def test_then_the_platform(self, base: Path, monkeypatch: Any, name: str) -> None:
        write(base / ".git" / "HEAD", OTHER)
        monkeypatch.setenv(name, SHA)
        assert release() == "9c1e2f0"

    def test_a_platform_s_own_names_are_kept(self, monkeypatch: Any) -> None:
        monkeypatch.setenv("SOURCE_VERSION", "v77-" + "x" * 100)
        assert release() == "v77-" + "x" * 60

    def test_then_git(self, base: Path) -> None:
        write(base / ".git" / "HEAD", f"{SHA}\n")
        assert release() == "9c1e2f0"

    def test_or_nothing(self, base: Path) -> None:
        assert release() == ""

    @pytest.mark.parametrize("given", [None, 7, "/nowhere/at/all", "\0"])
    def test_a_base_dir_that_is_none(self, settings: Any, given: Any) -> None:
        settings.BASE_DIR = given
        assert release() == ""

    def test_it_stays_what_it_was_at_the_first_look(self, base: Path) -> None:
        write(base / ".git" / "HEAD", SHA)
        assert release() == "9c1e2f0"
        write(base / ".git" / "HEAD", OTHER)
        assert (release(), present_release()) == ("9c1e2f0", "4f2a77b")


class TestGit:
    def git(self, folder: Path, *words: str) -> str:
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
        done = subprocess.run(
            ["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True, timeout=30
        )
        return done.stdout.strip()

    def test_as_git_itself_says(self, base: Path, settings: Any) -> None:
        repository = base.parent
        self.git(repository, "init", "-q", "-b", "main")
        assert present_release() == ""
        for message in ("one", "two"):
            self.git(repository, "commit", "-q", "--allow-empty", "-m", message)
            assert present_release() == self.git(repository, "rev-parse", "HEAD")[:7]
        self.git(repository, "pack-refs", "--all")
        assert present_release() == self.git(repository, "rev-parse", "HEAD")[:7]
        self.git(repository, "checkout", "-q", "--detach", "HEAD~1")
        assert present_release() == self.git(repository, "rev-parse", "HEAD")[:7]
        self.git(repository, "worktree", "add", "-q", "-b", "feature/other", str(base.parents[1] / "tree"), "main")
        settings.BASE_DIR = str(base.parents[1] / "tree")
        assert present_release() == self.git(repository, "rev-parse", "main")[:7]

    @pytest.mark.parametrize(
        "head", ["", "ref: refs/heads/.invalid", "ref: refs/heads/none", "<html>", "\x1b[31m"]
    )
    def test_one_of_another_make_tells_nothing(self, base: Path, head: str) -> None:
        write(base / ".git" / "HEAD", head)
        assert present_release() == ""

    def test_nor_does_one_that_cannot_be_read(self, base: Path) -> None:
        (base / ".git").write_bytes(b"gitdir: \xff\xfe")
        assert present_release() == ""
        (base / ".git").unlink()
        (base / ".git" / "HEAD").mkdir(parents=True)
        assert present_release() == ""

    def test_a_repository_far_above_is_another_s(self, base: Path) -> None:
        write(base.parents[2] / ".git" / "HEAD", SHA)
        assert present_release() == ""


class TestOutdated:
    @pytest.mark.parametrize(
        ("ago", "form"), [(timedelta(), "%H:%M"), (timedelta(days=3), "%A"), (timedelta(days=30), "%Y-%m-%d")]
    )
    def test_since_when_as_people_say_it(self, ago: timedelta, form: str) -> None:
        since = datetime.now().astimezone() - ago
        assert outdated("This worker", "4f2a", since, "9c1e") == (
            f"This worker runs release 4f2a since {since:{form}}; the site runs 9c1e."
        )
        assert outdated("It", "", since, "9c1e").startswith("It runs no known release since ")

    @pytest.mark.django_db
    def test_status_tells_of_it(self, settings: Any) -> None:
        Pool.objects.create(host="atlas", pid=7, release="4f2a")
        settings.JOBQUEUE = {"RELEASE": "9c1e"}
        line = outdated_line("default", "atlas", 7)
        assert line.startswith("This worker runs release 4f2a since ")
        assert line.endswith("; the site runs 9c1e. Restart: python manage.py jobworker restart")
        assert outdated_line("default", "atlas", 8) == ""
        settings.JOBQUEUE = {"RELEASE": "4f2a"}
        assert outdated_line("default", "atlas", 7) == ""

    @pytest.mark.django_db
    def test_a_pool_tells_once_that_the_code_in_its_folder_is_newer(self, base: Path, caplog: Any) -> None:
        write(base / ".git" / "HEAD", SHA)
        board = Board(1)
        duty = Freshness(Post(get_store(), get_settings(), PoolOptions(WorkerOptions(Selection())), board, [], 1))
        with caplog.at_level(logging.WARNING, "jobqueue.worker"):
            duty.run()
            assert caplog.messages == []
            write(base / ".git" / "HEAD", OTHER)
            duty.run()
            duty.run()
        [message] = caplog.messages
        assert "This worker runs release 9c1e2f0 since " in message
        assert message.endswith(f"; the site runs 4f2a77b. {RESTART}")

    @pytest.mark.django_db
    def test_where_people_develop_a_commit_is_no_news(self, base: Path, settings: Any, caplog: Any) -> None:
        settings.DEBUG = True
        write(base / ".git" / "HEAD", SHA)
        board = Board(1)
        duty = Freshness(Post(get_store(), get_settings(), PoolOptions(WorkerOptions(Selection())), board, [], 1))
        write(base / ".git" / "HEAD", OTHER)
        with caplog.at_level(logging.WARNING, "jobqueue.worker"):
            duty.run()
        assert caplog.messages == []

    @pytest.mark.django_db
    def test_the_doctor_asks_for_this_release(self, settings: Any, capsys: Any) -> None:
        settings.JOBQUEUE = {"RELEASE": "9c1e"}
        Pool.objects.create(host="atlas", pid=7, release="4f2a")
        with pytest.raises(SystemExit):
            call_command("jobs", "doctor", fail_on="hint")
        assert "! workers     host:atlas pid:7 runs release 4f2a since " in capsys.readouterr().out
