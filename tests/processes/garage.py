"""A project whose code changes while pools run: one app, ``garage``, in a folder of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from django.conf import settings as django_settings

from tests.processes.harness import parent_of, processes

SETTINGS = """\
from tests.settings import *

DEBUG = {debug}
INSTALLED_APPS = [*INSTALLED_APPS, "garage"]
TEMPLATES = [{{**TEMPLATES[0], "DIRS": [{templates!r}]}}]
"""


class Garage:
    """Its code, as version "one" at first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.templates = folder / "pages"
        self.templates.mkdir()
        (folder / "garage").mkdir()
        self.write("__init__", "")
        self.release("one")
        self.debug(True)

    @property
    def variables(self) -> dict[str, str]:
        """What a pool needs in its environment."""
        path = f"{self.folder}:{django_settings.BASE_DIR}"
        return {"DJANGO_SETTINGS_MODULE": "garage_settings", "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}

    def debug(self, on: bool) -> None:
        text = SETTINGS.format(debug=on, templates=str(self.templates))
        (self.folder / "garage_settings.py").write_text(text)

    def release(self, version: str) -> None:
        self.write("jobs", f"VERSION = {version!r}\n")

    def write(self, module: str, text: str) -> None:
        """Write as editors do: another file takes the place of the old one."""
        path = self.folder / "garage" / f"{module}.py"
        path.with_name(f".{module}.new").write_text(text)
        path.with_name(f".{module}.new").replace(path)


def family(pid: int) -> Iterator[int]:
    """A process's descendants."""
    for child in processes():
        if parent_of(child) == pid:
            yield child
            yield from family(child)


def name_of(pid: int) -> str:
    """What the system calls a process."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""
