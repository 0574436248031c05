"""Start the demo site's own tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.timeout(300)
def test_the_demo_site_passes_its_own_tests(tmp_path):
    command = [sys.executable, "-m", "pytest", "--ds=demo_site.settings", "-p", "no:cacheprovider"]
    ended = subprocess.run(
        [*command, "tests/demo_site"],
        cwd=ROOT,
        env={**os.environ, "DEMO_VAR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    print(ended.stdout)
    assert ended.returncode == 0, ended.stdout + ended.stderr
