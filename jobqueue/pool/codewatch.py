"""Looks whether the code that this process runs is still the code on the disk.

Which files matter, Django's own reloader knows: those of the loaded modules, templates, translations. Beside them stand
all sources in the folders of the project's own apps, so that a new module counts, too.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from django.apps import apps
from django.utils.autoreload import StatReloader, autoreload_started

#: Several files are often written one after the other; the last of them ends the wait.
SETTLE_SECONDS = 0.3
#: Folders beside a project's code that hold none of it.
FOREIGN = {"__pycache__", "node_modules", "site-packages", "dist-packages"}

#: When a file was written, and its size: a release may bring older files than the last one.
Stamp = tuple[int, int]


class CodeWatch:
    """What was on the disk when it was made, and what has changed since.

    Args:
        every: seconds between two looks.
        clock: monotonic.
    """

    def __init__(self, every: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._every = every
        self._clock = clock
        self._known = StatReloader()
        autoreload_started.send(sender=self._known)
        self._folders = own_folders()
        self._seen = self._snapshot()
        self._changed: Path | None = None
        self._next = clock() + every

    def look(self) -> str | None:
        """Return a changed file, as people call it, once nothing more changes; None before it is time."""
        now = self._clock()
        if now < self._next:
            return None
        if changed := self._difference():
            self._changed, self._next = changed, now + SETTLE_SECONDS
            return None
        self._next = now + self._every
        found, self._changed = self._changed, None
        return None if found is None else os.path.relpath(found)

    def _difference(self) -> Path | None:
        before, self._seen = self._seen, self._snapshot()
        for path in before.keys() | self._seen.keys():
            was, present = before.get(path), self._seen.get(path)
            if was != present and (was or self._is_in_folder(path)):
                return path
        return None

    def _is_in_folder(self, path: Path) -> bool:
        """Whether a new file was made there; elsewhere it is only a module that was imported late."""
        folders = {*self._folders, *self._known.directory_globs}
        return not folders.isdisjoint(path.parents)

    def _snapshot(self) -> dict[Path, Stamp]:
        return {path: stamp for path in self._files() if (stamp := _stamp(path))}

    def _files(self) -> Iterator[Path]:
        yield from self._known.watched_files()
        for folder in self._folders:
            yield from _sources(folder)


def own_folders() -> list[Path]:
    """Return the folders of the apps that belong to the project, not to a package that it has installed."""
    paths = {Path(each.path).resolve() for each in apps.get_app_configs()}
    own = {path for path in paths if FOREIGN.isdisjoint(path.parts)}
    return sorted(path for path in own if own.isdisjoint(path.parents))


def _sources(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        if "pyvenv.cfg" in files:
            folders.clear()
            continue
        folders[:] = [each for each in folders if each not in FOREIGN and not each.startswith(".")]
        yield from (Path(place, name) for name in files if name.endswith(".py"))


def _stamp(path: Path) -> Stamp | None:
    """None for what is no file of the project: folders, and what editors leave beside the files they write."""
    if path.name.startswith(".") or path.name.endswith("~"):
        return None
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size) if stat.S_ISREG(found.st_mode) else None
