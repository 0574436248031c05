"""PID and log files: nobody else's, and nowhere where somebody could put another in their place."""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

import pytest

from jobqueue.pool.files import open_own

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.pid"


def reason(path: Path) -> str:
    """Why the file is refused."""
    with pytest.raises(OSError, match=r"jobs\.pid") as caught:
        open_own(path, os.O_RDWR)
    return caught.value.strerror or ""


@pytest.mark.parametrize("umask", [0, 0o022])
def test_a_new_file_is_for_us_and_our_group(path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        os.close(open_own(path, os.O_RDWR))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize("exists", [True, False])
def test_a_symbolic_link_is_refused_whatever_it_leads_to(path: Path, exists: bool) -> None:
    target = path.with_name("target")
    if exists:
        target.write_text("precious")
    path.symlink_to(target)
    assert reason(path) == "it is a symbolic link; name the file itself"
    assert target.exists() == exists


def test_a_folder_in_which_everybody_may_write_is_refused(path: Path) -> None:
    path.parent.chmod(0o777)
    assert reason(path) == f"everybody may write in its folder; type: chmod o-w {path.parent}"
    assert not path.exists()


@pytest.mark.parametrize("mode", [0o1777, 0o770, 0o755])
def test_a_folder_in_which_nobody_may_replace_our_files_is_fine(path: Path, mode: int) -> None:
    path.parent.chmod(mode)
    os.close(open_own(path, os.O_RDWR))


@as_root
def test_a_file_that_belongs_to_somebody_else_is_refused_and_left_alone(path: Path) -> None:
    path.write_text("theirs")
    os.chown(path, pwd.getpwnam("nobody").pw_uid, -1)
    assert reason(path) == "it belongs to nobody; remove it, or name another file"
    os.chown(path, 54321, -1)
    assert reason(path) == "it belongs to user 54321; remove it, or name another file"
    assert path.read_text() == "theirs"


def test_a_device_may_be_anybodys(tmp_path: Path) -> None:
    descriptor = open_own(Path("/dev/null"), os.O_WRONLY | os.O_APPEND)
    assert stat.S_ISCHR(os.fstat(descriptor).st_mode)
    os.close(descriptor)
