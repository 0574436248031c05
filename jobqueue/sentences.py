"""Sentences that this package speaks: in English, and to readers of the dashboard in their own language.

The rule: what is raised, logged, stored in a row, printed by a command or read by a program is English, whatever
language is active, so that scripts, searches and alarms can rely on it. The dashboard alone translates, when it shows
something. So what both say is a ``Sentence``: it is its English text, and knows the other ones.
"""

from __future__ import annotations

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import override


class Sentence(str):
    """A text in English that can be said in the active language, too.

    ``Sentence(_("Job #%(id)s is gone."), id=7)``

    Args:
        text: marked by ``gettext_lazy``, or ``ngettext_lazy`` with the name of the place that has the number.
        **places: what is filled in; a sentence among them is said in the same language.
    """

    _text: Any
    _places: dict[str, object]

    def __new__(cls, text: str | Promise, /, **places: object) -> Sentence:
        """Say it in English."""
        with override(None):
            said = super().__new__(cls, _filled(text, places))
        said._text, said._places = text, places
        return said

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        """Travel as the English text."""
        return str, (str(self),)

    def translated(self) -> str:
        """Say it in the active language."""
        return _filled(self._text, {name: _translated(place) for name, place in self._places.items()})


def translated(said: str | Exception) -> str:
    """Return a text, or what an exception says, in the active language; in English if that is all there is."""
    if isinstance(said, Exception):
        said = said.args[0] if said.args and isinstance(said.args[0], Sentence) else str(said)
    return str(_translated(said))


def _translated(place: object) -> object:
    return place.translated() if isinstance(place, Sentence) else place


def _filled(text: Any, places: dict[str, object]) -> str:
    return str(text % places if places else text)
