"""Encryption of what the table holds: handlers, results and errors, where ``ENCRYPTION_KEYS`` has a key.

A sealed text is ``enc1:1a2b3c4d:gAAAA…``: the id of its key, so that one sees which key a row needs, and a Fernet
token. Texts that were stored unsealed are read as they are.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.core.signals import setting_changed
from django.utils.translation import gettext_lazy as _

from jobqueue.conf import get_settings, key_id
from jobqueue.exceptions import DecryptionError
from jobqueue.sentences import Sentence

PREFIX = "enc1:"


def is_on() -> bool:
    """Whether what is stored now is sealed."""
    return _first() is not None


def seal(text: str) -> str:
    """Return a text as it is stored: sealed with the first key, or as it is."""
    first = _first()
    return text if first is None else first.seal(text)


def unseal(stored: str) -> str:
    """Return what was given to ``seal``.

    Raises:
        DecryptionError: naming the key, if it is not listed or does not open the text.
    """
    return _open(stored) if stored.startswith(PREFIX) else stored


def reseal(stored: str) -> str:
    """Return a stored text as it would be stored today; raises as ``unseal`` does."""
    first = _first()
    if first is not None and stored.startswith(first.mark):
        return stored
    return seal(unseal(stored))


def _open(stored: str) -> str:
    name, _colon, token = stored[len(PREFIX) :].partition(":")
    cipher = _ciphers().get(name)
    if cipher is None:
        told = _("encrypted with key %(key)s, which is not among ENCRYPTION_KEYS")
        raise DecryptionError(Sentence(told, key=name[:8]))
    return cipher.open(token)


class _Cipher:
    """One key at work."""

    def __init__(self, key: str) -> None:
        from cryptography.fernet import Fernet, InvalidToken

        self.id = key_id(key)
        self.mark = f"{PREFIX}{self.id}:"
        self._fernet = Fernet(key)
        self._refusals = (InvalidToken, ValueError)

    def seal(self, text: str) -> str:
        return self.mark + self._fernet.encrypt(text.encode()).decode()

    def open(self, token: str) -> str:
        try:
            return self._fernet.decrypt(token).decode()
        except self._refusals:
            told = _("encrypted with key %(key)s, and damaged since")
            raise DecryptionError(Sentence(told, key=self.id)) from None


@lru_cache(maxsize=1)
def _ciphers() -> dict[str, _Cipher]:
    """Return what opens texts, by the id of its key."""
    ciphers = (_Cipher(key) for key in get_settings().encryption_keys if key)
    return {each.id: each for each in ciphers}


@lru_cache(maxsize=1)
def _first() -> _Cipher | None:
    """Return what seals, None if nothing does."""
    keys = get_settings().encryption_keys
    return _ciphers()[key_id(keys[0])] if keys and keys[0] else None


def _forget(*, setting: str, **_: Any) -> None:
    if setting == "JOBQUEUE":
        _ciphers.cache_clear()
        _first.cache_clear()


setting_changed.connect(_forget)
