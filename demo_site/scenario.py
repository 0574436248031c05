"""What each scenario can do without a browser: be arranged, be finished, and be checked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

from django.test import Client


@dataclass(frozen=True)
class Check:
    """One thing that must hold; without `holds`, what was got must be what was expected."""

    what: str
    expected: object
    got: object
    holds: bool | None = None

    @property
    def ok(self) -> bool:
        """Whether it holds."""
        return self.expected == self.got if self.holds is None else self.holds


class Scenario(ABC):
    """One card of the front page, performed by a program in a visitor's place."""

    title: str

    @abstractmethod
    def arrange(self, visitor: Client) -> None:
        """Do what a visitor does; no worker runs yet."""

    @abstractmethod
    def is_finished(self) -> bool:
        """Whether the worker has done everything."""

    @abstractmethod
    def checks(self, visitor: Client) -> Iterator[Check]:
        """What must hold in the end."""
