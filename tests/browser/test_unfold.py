"""The dashboard under django-unfold, a theme with a frame and scripts of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(600)
def test_pages_are_sound_under_unfold() -> None:
    command = [sys.executable, "-m", "pytest", "tests/browser/test_pages.py", "-n0", "-p", "no:cacheprovider"]
    ended = subprocess.run(
        [*command, "-k", "not phone"],
        cwd=ROOT,
        env=os.environ | {"BROWSER_UNFOLD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
