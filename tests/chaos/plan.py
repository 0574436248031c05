"""Which jobs there are, all from the seed."""

from __future__ import annotations

from enum import StrEnum
from random import Random
from typing import Any, NamedTuple

POISONS = 20


class Kind(StrEnum):
    """What a job does, and so what must have become of it."""

    REST = "rest"
    STUMBLE = "stumble"
    POISON = "poison"
    BOOK = "book"
    DOZE = "doze"
    ONCE = "once"
    #: As REST, and somebody calls it off, retries it and hastens it meanwhile.
    CLICKED = "clicked"


#: Of a hundred jobs; the others rest.
SHARES = {Kind.STUMBLE: 3, Kind.BOOK: 5, Kind.DOZE: 1, Kind.ONCE: 2}


class Planned(NamedTuple):
    """A job that is to be stored. ``arguments`` come behind the number."""

    number: int
    kind: Kind
    arguments: tuple[Any, ...] = ()


def plan(jobs: int, mean_seconds: float, chance: Random) -> list[Planned]:
    """Return jobs 0, 1, …, in the order in which they are stored."""
    kinds = [Kind.POISON] * min(POISONS, jobs // 100)
    for kind, share in SHARES.items():
        kinds += [kind] * (jobs * share // 100)
    kinds += [Kind.REST] * (jobs - len(kinds))
    chance.shuffle(kinds)
    return [Planned(number, kind, arguments(kind, mean_seconds, chance)) for number, kind in enumerate(kinds)]


def arguments(kind: Kind, mean_seconds: float, chance: Random) -> tuple[Any, ...]:
    """Return what a job of a kind is called with, behind its number."""
    match kind:
        case Kind.REST | Kind.ONCE | Kind.CLICKED:
            return (round(chance.uniform(0, 2 * mean_seconds), 4),)
        case Kind.STUMBLE:
            return (chance.randint(1, 2),)
        case _:
            return ()
