"""The names of jobs' classes: what people type, and what is known."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches

from jobqueue.handlers.resolve import registry
from jobqueue.insight.scene import PATIENCE, Scene

#: Jobs of which the names are known, those stored last.
NEWEST = 10_000


def known_classes(scene: Scene) -> set[str]:
    """Return the names that this process has code for, and those of the newest jobs."""
    with scene.store.looking(PATIENCE):
        stored = scene.jobs.order_by("-pk").values_list("name", flat=True)[:NEWEST]
        return {*registry, *stored}


def meant(word: str, names: Iterable[str]) -> list[str]:
    """Return the names that a word may mean: itself, or those that end with it."""
    known = set(names)
    return [word] if word in known else sorted(name for name in known if name.endswith(f".{word}"))


def nearest(word: str, names: Collection[str]) -> str | None:
    """Return the name that looks most like a word, in its whole length or at its end."""
    ends = {".".join(name.split(".")[-parts:]): name for parts in (3, 2, 1) for name in sorted(names)}
    near = get_close_matches(word, [*names, *ends], n=1)
    return ends.get(near[0], near[0]) if near else None
