"""What must not be read in errors and on pages: the values of sensitive arguments.

Sensitive is what the declaration calls so, what is named like a password, and what ``REDACT`` says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus

from jobqueue.conf import get_settings
from jobqueue.handlers.plain import Reference

#: What stands in the place of a value.
HIDDEN = "********"
#: Shorter texts are in every error by chance, and hide nothing worth it.
SHORTEST = 4

#: Anywhere in a name; or as one of its words: "auth" does not mean the author, nor "key" by itself the secret one.
ANYWHERE = "token|secret|passw|passphrase|credential|signature|api_?key"
WORDS = "api|o?auth[0-9]*|authorization|pass|pwd|cookies?"
AFTER_A_WORD = "keys?"


def is_sensitive(name: str, declared: Collection[str] = ()) -> bool:
    """Whether what bears a name must not be shown.

    Args:
        name: of an argument, an attribute, or a key within one.
        declared: the names that a job's declaration gives.
    """
    if name in declared:
        return True
    words = tuple(each for each in get_settings().redact if isinstance(each, str))
    return _pattern(words).search(_as_words(name)) is not None


def masked(value: Any, declared: Collection[str] = ()) -> Any:
    """Return plain values with the sensitive ones hidden, however deep they are."""
    if isinstance(value, dict):
        return {
            name: HIDDEN if is_sensitive(name, declared) else masked(item, declared)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [masked(item, declared) for item in value]
    return value


class Mask:
    """Hides values in texts, in every form in which errors write them.

    Args:
        values: plain values; those with parts stand for their parts.
    """

    def __init__(self, values: Iterable[Any] = ()) -> None:
        forms = {form for value in values for leaf in _leaves(value) for form in _forms(leaf)}
        hidden = (form for form in forms if len(form) >= SHORTEST and form.strip("*"))
        # A value that contains another goes first.
        self._hidden = sorted(hidden, key=len, reverse=True)
        self._patterns = [each for each in get_settings().redact if isinstance(each, re.Pattern)]

    def __call__(self, text: str) -> str:
        """Return the text without them, and without what the patterns of ``REDACT`` find."""
        for form in self._hidden:
            text = text.replace(form, HIDDEN)
        for pattern in self._patterns:
            text = pattern.sub(HIDDEN, text)
        return text


def sensitive_values(value: Any, declared: Collection[str] = ()) -> Iterator[Any]:
    """Return the plain values that ``masked`` hides."""
    if isinstance(value, dict):
        for name, item in value.items():
            if is_sensitive(name, declared):
                yield item
            else:
                yield from sensitive_values(item, declared)
    elif isinstance(value, list):
        for item in value:
            yield from sensitive_values(item, declared)


@lru_cache(maxsize=8)
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    """Return what finds a sensitive name among words joined by ``_``."""
    either = "|".join([WORDS, *map(_as_words, words)])
    return re.compile(f"{ANYWHERE}|(?<![a-z0-9])(?:{either})(?![a-z0-9])|(?<=[a-z0-9]_){AFTER_A_WORD}(?![a-z0-9])")


@lru_cache(maxsize=1024)
def _as_words(name: str) -> str:
    """Return a name in small letters with ``_`` between its words: ``apiKey`` and ``X-Api-Key``, too."""
    return re.sub(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _leaves(item)
    elif isinstance(value, Reference):
        yield value.key
    elif value is not None and not isinstance(value, bool):
        yield value


def _forms(value: Any) -> Iterator[str]:
    """Return the texts by which a value may get into an error."""
    if isinstance(value, bytes):
        yield repr(value)[2:-1]
        yield value.hex()
        value = value.decode(errors="replace")
    if not isinstance(value, str):
        yield from (str(value), repr(value))
        return
    yield from (value, value.strip(), repr(value)[1:-1], ascii(value)[1:-1], json.dumps(value)[1:-1])
    yield from (quote(value), quote(value, safe=""), quote_plus(value))
    # An error may indent each line.
    yield from map(str.strip, value.splitlines())
