"""What people install is what stands in the tree: all of the package, and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from zipfile import ZipFile

import pytest

import jobqueue

ROOT = Path(__file__).resolve().parents[1]
SECRETS = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY|django-insecure-\w{10}|SECRET_KEY\s*=\s*[\"']|://\w+:[^@\s{]+@|AKIA[0-9A-Z]{16}"
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    pytest.importorskip("hatchling", reason="the wheel is built by hatchling: pip install hatchling")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
    [path] = folder.glob("*.whl")
    return ZipFile(path)


def tracked() -> set[str]:
    """The package's files in the tree, those that are about to be added included."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "jobqueue"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"this is no checkout: {done.stderr.strip()}")
    return {name for name in done.stdout.splitlines() if (ROOT / name).exists()}


def test_it_holds_the_files_of_the_tree_as_they_are_and_no_others(wheel: ZipFile) -> None:
    packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert packed == tracked()
    assert [name for name in packed if wheel.read(name) != (ROOT / name).read_bytes()] == []


def test_it_is_code_alone_without_tests_and_secrets(wheel: ZipFile) -> None:
    names = wheel.namelist()
    kinds = {Path(name).suffix for name in names if ".dist-info/" not in name}
    assert kinds <= {".py", ".typed", ".html", ".css", ".js", ".txt", ".po", ".mo", ".svg"}
    assert [
        name for name in names if re.search(r"(^|/)(tests?|conftest|demo_site|benchmarks)(/|\.|_)", name)
    ] == []
    assert [name for name in names if SECRETS.search(wheel.read(name))] == []
    assert "jobqueue/py.typed" in names


def test_it_says_what_it_is_and_needs_django_alone(wheel: ZipFile) -> None:
    about = metadata(wheel)
    assert (about["Name"], about["Version"]) == ("jobqueue", jobqueue.__version__)
    needed = [each for each in about.get_all("Requires-Dist", []) if "extra ==" not in each]
    assert [re.split(r"\W", each)[0].lower() for each in needed] == ["django"]
    [licence] = [name for name in wheel.namelist() if name.endswith("/LICENSE")]
    assert wheel.read(licence) == (ROOT / "LICENSE").read_bytes()


def metadata(wheel: ZipFile) -> Message:
    [name] = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    return message_from_bytes(wheel.read(name))
