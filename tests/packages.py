"""Builds what people install, and environments that hold nothing else."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import sysconfig
import tarfile
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def build_wheel(folder: Path, source: Path = ROOT) -> Path:
    """Build a wheel of a source tree into a folder."""
    return _built("wheel", folder, source, "*.whl")


def build_sdist(folder: Path) -> Path:
    """Build the source distribution into a folder and unpack it there; return the tree."""
    archive = _built("sdist", folder, ROOT, "*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz")


def _built(target: str, folder: Path, source: Path, pattern: str) -> Path:
    pytest.importorskip("hatchling", reason="packages are built by hatchling: pip install hatchling")
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=60)
    [path] = folder.glob(pattern)
    return path


def bare_environment(folder: Path, wheel: Path) -> Path:
    """An environment with Django, and the package as pip installs it from a wheel; return its Python.

    No index is asked: Django is that of the running environment, and pip sees that nothing else is needed.
    """
    venv.create(folder, with_pip=True, symlinks=True)
    python = folder / "bin" / "python"
    here = Path(sysconfig.get_path("purelib"))
    there = Path(_said(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    for path in _django(here):
        (there / path.name).symlink_to(path)
    _said(python, "-m", "pip", "install", "--quiet", "--no-index", "--disable-pip-version-check", str(wheel))
    return python


def _django(site_packages: Path) -> list[Path]:
    """Django and what it needs, with what pip knows of them."""
    names = ["django", "asgiref", "sqlparse"]
    if sys.version_info < (3, 11, 3):
        names.append("typing_extensions")
    found = [importlib.metadata.distribution(name) for name in names]
    modules = [site_packages / name for name in names]
    known = [site_packages / f"{each.name.lower()}-{each.version}.dist-info" for each in found]
    return [*(path if path.exists() else path.with_suffix(".py") for path in modules), *known]


def _said(*command: object) -> str:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
