"""Which jobs this project declares, as whoever stores one by hand may name them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jobqueue.handlers.functions import DeclaredFunction
from jobqueue.handlers.resolve import registry

#: Jobs of jobqueue's own are stored by what needs them, never by hand: who may store jobs has no other right by that.
OWN = "jobqueue."

Make = Callable[..., Any]


def known_jobs() -> dict[str, Any]:
    """Return the declared job functions and classes by path, former paths included."""
    return {path: each for path, each in registry.items() if _makes(each) and not is_own(path)}


def find_known(name: str) -> Any:
    """Return the job that a path names, or the end of one if that is enough; None if it is not."""
    known = known_jobs()
    if name in known:
        return known[name]
    ends = {id(each): each for path, each in known.items() if path.endswith(f".{name}")}
    return next(iter(ends.values())) if len(ends) == 1 else None


def is_own(path: str) -> bool:
    """Whether a job is jobqueue's own."""
    return path.startswith(OWN)


def path_in(found: Any) -> str:
    """Return the present path of a job function or class."""
    if isinstance(found, DeclaredFunction):
        return found.path
    return f"{found.__module__}.{found.__qualname__}"


def maker_of(found: Any) -> Make:
    """Return what makes a performable of arguments."""
    return found.bind if isinstance(found, DeclaredFunction) else found


def _makes(each: object) -> bool:
    is_class = isinstance(each, type) and callable(getattr(each, "perform", None))
    return isinstance(each, DeclaredFunction) or is_class
