"""``-e production``: which settings module a name means, and that the command runs under it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management.base import CommandError

from jobqueue.cli.environment import settings_module

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = """
print(__name__)
INSTALLED_APPS = ["jobqueue"]
SECRET_KEY = "for tests only"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
USE_TZ = True
"""
MANAGE = """
import sys
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""

LAYOUTS = [
    ("shop_a.settings", "shop_a/settings/production.py", "shop_a.settings.production"),
    ("shop_b.settings", "shop_b/settings_production.py", "shop_b.settings_production"),
    ("shop_c.settings", "shop_c/production.py", "shop_c.production"),
    ("shop_d.settings.local", "shop_d/settings/production.py", "shop_d.settings.production"),
]


def build(root: Path, present: str, other: str) -> None:
    """Write the present settings and those of another environment."""
    plain = root / f"{present.replace('.', '/')}.py"
    for path in (plain, root / other):
        path.parent.mkdir(parents=True, exist_ok=True)
    if other.startswith(f"{present.replace('.', '/')}/"):
        plain = plain.with_suffix("") / "__init__.py"
    plain.write_text(SETTINGS)
    (root / other).write_text(SETTINGS)


@pytest.mark.parametrize(("present", "other", "module"), LAYOUTS)
def test_a_name_is_looked_for_below_and_beside_the_present_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, present: str, other: str, module: str
) -> None:
    build(tmp_path, present, other)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", present)
    assert settings_module("production") == module


@pytest.mark.parametrize(("present", "other", "module"), LAYOUTS)
def test_under_the_settings_that_it_means_a_name_means_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, present: str, other: str, module: str
) -> None:
    build(tmp_path, present, other)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", module)
    assert settings_module("production") == module


def test_a_dotted_name_is_the_module_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "anything.settings")
    assert settings_module("tests.settings") == "tests.settings"


def test_without_present_settings_a_plain_name_is_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    assert settings_module("tests") == "tests"


def test_an_unknown_name_lists_where_it_was_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "tests.settings")
    with pytest.raises(CommandError) as caught:
        settings_module("nowhere")
    assert caught.value.returncode == 2
    for guess in ("tests.settings.nowhere", "tests.settings_nowhere", "tests.nowhere"):
        assert guess in str(caught.value)


@pytest.mark.parametrize(("present", "other", "module"), LAYOUTS)
def test_the_command_runs_under_the_settings_that_are_named(
    tmp_path: Path, present: str, other: str, module: str
) -> None:
    build(tmp_path, present, other)
    (tmp_path / "manage.py").write_text(MANAGE)
    done = subprocess.run(
        [sys.executable, "manage.py", "jobworker", "status", "-e", "production"],
        cwd=tmp_path,
        env={"DJANGO_SETTINGS_MODULE": present, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (3, "")
    *loaded, last = done.stdout.splitlines()
    assert loaded[-1] == module
    assert last == f"Not running ({tmp_path / 'jobworker.pid'})."
