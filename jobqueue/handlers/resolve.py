"""Dotted path <-> object. Nothing is imported before the handler's signature held."""

from __future__ import annotations

import os.path
import sys
from difflib import get_close_matches
from functools import lru_cache
from importlib import import_module
from inspect import iscoroutinefunction, unwrap
from types import ModuleType
from typing import Any

from django.utils.translation import gettext_lazy as _

from jobqueue.exceptions import CorruptHandler, NotPerformable, UnknownPerformable
from jobqueue.sentences import Sentence


class SendLaterMarker:
    """Base of the ``SendLater`` mixin: its subclasses' methods may be performed by workers."""

    __slots__ = ()


class Declared:
    """Base of everything that declares itself performable under a path, as ``@job`` functions do."""

    path: str


#: path or alias -> job function or class, filled by decorators and class statements as modules are imported.
registry: dict[str, Any] = {}


def register(path: str, found: Any, aliases: tuple[str, ...] = ()) -> None:
    """Make a performable known under its path and its former ones."""
    for each in (path, *aliases):
        registry[each] = found
    find.cache_clear()


#: Modules whose content no other process can import, and what people call them.
INTERACTIVE = {"__main__": "__main__", "django.core.management.commands.shell": "the shell"}


NOT_IMPORTED = _("%(path)s cannot be imported: %(error)s.")
#: Where the class of Django's tasks is, or was before Django 6.0.
TASK_MODULES = ("django.tasks.base", "django_tasks.base")


def path_of(target: Any) -> str:
    """Return the dotted path by which a worker will find a class or job function.

    Raises:
        NotPerformable: if it cannot be imported by that path.
    """
    return _checked_path(target)


@lru_cache(maxsize=4096)
def _checked_path(target: Any) -> str:
    module, name = target.__module__, target.__qualname__
    if module in INTERACTIVE:
        raise NotPerformable(
            f"{name} is defined in {INTERACTIVE[module]}; the worker cannot import it. Put it in an app's jobs.py."
        )
    if "<" in name:
        raise NotPerformable(
            f"{name.rpartition('.')[2]} at {_place(target)} cannot be found by a worker, "
            "which imports jobs by name. Move it to module level, "
            f"for example {module.partition('.')[0]}/jobs.py."
        )
    path = f"{module}.{name}"
    if _import(path) is not target:
        raise NotPerformable(
            f"{path} leads to something else than the {name} given here. "
            "A worker imports jobs by name, so give each its own name at module level."
        )
    return path


def _place(target: Any) -> str:
    code = getattr(unwrap(target), "__code__", None)
    if code is None:
        return str(target.__module__)
    inside = os.path.relpath(code.co_filename)
    return f"{code.co_filename if inside.startswith('..') else inside}:{code.co_firstlineno}"


@lru_cache(maxsize=4096)
def find(path: str) -> Any:
    """Return the job function or class that a signed handler names.

    Raises:
        UnknownPerformable: if this release does not have it.
        CorruptHandler: if the path is none, or leads to something that was never declared performable.
    """
    found = look_up(path)
    if not isinstance(found, type | Declared):
        raise CorruptHandler(f"{path} is not a job: decorate it with @job.")
    return found


def look_up(path: str) -> Any:
    """Return what a path in a signed handler leads to, whatever it is.

    Raises:
        UnknownPerformable: if this release does not have it.
        CorruptHandler: if the path is none.
    """
    if not all(part.isidentifier() for part in path.split(".")) or "." not in path:
        raise CorruptHandler(f"{path!r} is not the dotted path of a job.")
    if path in registry:
        return registry[path]
    found = _import(path)
    if found is None:
        # The import may just have registered an alias.
        found = registry.get(path)
    if found is None:
        raise unknown(path)
    return found


def is_task(thing: Any) -> bool:
    """Whether something is a task of Django's. Whoever has made one has imported its class; nothing else need."""
    return any(isinstance(thing, sys.modules[name].Task) for name in TASK_MODULES if name in sys.modules)


def _import(path: str) -> Any:
    """Return what a path leads to, or None if there is no such thing."""
    module_path, _dot, rest = path.rpartition(".")
    names = [rest]
    while module_path:
        module = _module(module_path)
        if module is not None:
            return _attribute(module, names)
        module_path, _dot, name = module_path.rpartition(".")
        names.insert(0, name)
    return None


def _module(path: str) -> ModuleType | None:
    try:
        return import_module(path)
    except ModuleNotFoundError as error:
        if error.name is not None and (path == error.name or path.startswith(f"{error.name}.")):
            return None
        raise UnknownPerformable(Sentence(NOT_IMPORTED, path=path, error=error)) from error
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
        raise UnknownPerformable(Sentence(NOT_IMPORTED, path=path, error=told)) from error


def _attribute(found: Any, names: list[str]) -> Any:
    for name in names:
        found = getattr(found, name, None)
    return found


def is_coroutine(path: str) -> bool:
    """Whether a known performable is async. Nothing is imported for the question, so any path may be asked about."""
    found = registry.get(path)
    if isinstance(found, type):
        return iscoroutinefunction(getattr(found, "perform", None))
    return iscoroutinefunction(getattr(found, "func" if is_task(found) else "function", None))


def unknown(path: str) -> UnknownPerformable:
    """Return the error for a path that leads nowhere, with the nearest name and the remedy."""
    near = nearest(path)
    if near is None:
        told = _(
            "This job needs %(path)s, which no longer exists. Deploy the code that has it, then retry the job."
        )
        return UnknownPerformable(Sentence(told, path=path))
    told = _(
        "This job needs %(path)s, which no longer exists. Nearest: %(near)s. "
        'Add aliases=["%(path)s"] to it, deploy, then retry the job.'
    )
    return UnknownPerformable(Sentence(told, path=path, near=near))


def nearest(path: str) -> str | None:
    """Return the known performable whose path looks most like this one."""
    plain = {_plain(each): each for each in [*_neighbours(path), *registry]}
    found = get_close_matches(_plain(path), plain, n=1, cutoff=0.75)
    return plain[found[0]] if found else None


def _plain(path: str) -> str:
    return path.lower().replace("_", "")


def _neighbours(path: str) -> list[str]:
    module_path = path.rpartition(".")[0]
    module = _module(module_path) if module_path else None
    return [
        f"{module_path}.{name}"
        for name, value in vars(module or object).items()
        if isinstance(value, Declared)
        or is_task(value)
        or (isinstance(value, type) and callable(getattr(value, "perform", None)))
    ]
