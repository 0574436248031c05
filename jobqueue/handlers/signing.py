"""Handlers are signed, so that writing to the table is not enough to choose what a worker runs.

A signature covers the handler's body and the columns that steer it. It does not stop that a genuine row is
copied, replayed or deleted. That it is read stops only encryption, which comes before the signature: what is not as
it was stored is not even decrypted.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.translation import gettext_lazy as _

from jobqueue.conf import get_settings
from jobqueue.exceptions import BadSignature
from jobqueue.sealing import reseal, seal, unseal
from jobqueue.sentences import Sentence

VERSION = "v1:"
PURPOSE = b"jobqueue.handler.v1\0"


def sign(body: str, *, name: str, queue: str, max_attempts: int | None, max_run_time: float | None) -> str:
    """Return the handler text: the body, encrypted where the settings say so, a newline, and the signature.

    Args:
        body: compact JSON on one line.
        name: the row's name column.
        queue: the row's queue.
        max_attempts: the row's column, None for the setting.
        max_run_time: the row's column, seconds, None for the setting.
    """
    return _signed(seal(body), name, queue, max_attempts, max_run_time)


def verify(handler: str, *, name: str, queue: str, max_attempts: int | None, max_run_time: float | None) -> str:
    """Return the body of a handler whose signature holds.

    Raises:
        BadSignature: if it is missing, of an unknown version, or does not hold.
        DecryptionError: if the body is encrypted and no listed key opens it.
    """
    return unseal(_verified(handler, name, queue, max_attempts, max_run_time))


def renew(handler: str, *, name: str, queue: str, max_attempts: int | None, max_run_time: float | None) -> str:
    """Return a handler as it would be stored now, under the first keys; one without signature gets none.

    Raises:
        BadSignature, DecryptionError: as ``verify`` does.
    """
    if not is_signed(handler):
        return handler
    columns = (name, queue, max_attempts, max_run_time)
    return _signed(reseal(_verified(handler, *columns)), *columns)


def _signed(body: str, name: str, queue: str, max_attempts: int | None, max_run_time: float | None) -> str:
    return f"{body}\n{_tag(_keys()[0], _message(body, name, queue, max_attempts, max_run_time))}"


def _verified(handler: str, name: str, queue: str, max_attempts: int | None, max_run_time: float | None) -> str:
    """Return the body as it is stored, if the signature holds."""
    body, tag = split(handler)
    if tag is None:
        raise BadSignature(Sentence(_("The handler is not signed.")))
    if not tag.startswith(VERSION) or not tag.isascii():
        told = _("The handler's signature is of a version that this release does not know.")
        raise BadSignature(Sentence(told))
    try:
        message = _message(body, name, queue, max_attempts, max_run_time)
    except (UnicodeEncodeError, TypeError, ValueError):
        raise BadSignature(Sentence(_("The row's columns are not such as were ever signed."))) from None
    for key in _keys():
        if hmac.compare_digest(_tag(key, message), tag):
            return body
    told = _(
        "The signature does not hold: the handler, name, queue, max_attempts or max_run_time was changed "
        "after the job was stored, or it was signed with a key that is in use no more."
    )
    raise BadSignature(Sentence(told))


def is_signed(handler: str) -> bool:
    """Whether a handler has a signature, be it a good or a bad one."""
    return "\n" in handler


def split(handler: str) -> tuple[str, str | None]:
    """Return a handler's body and its signature, None if it has none."""
    body, newline, tag = handler.rpartition("\n")
    return (body, tag) if newline else (handler, None)


def _message(body: str, name: str, queue: str, max_attempts: int | None, max_run_time: float | None) -> bytes:
    # Lengths first, so that no two sets of fields make the same message. The body, of any length, is last.
    seconds = None if max_run_time is None else float(max_run_time)
    return f"{len(name)}:{name}{len(queue)}:{queue}{max_attempts}|{seconds!r}|{body}".encode()


def _tag(key: hmac.HMAC, message: bytes) -> str:
    mac = key.copy()
    mac.update(message)
    return VERSION + urlsafe_b64encode(mac.digest()).decode()


@lru_cache(maxsize=1)
def _keys() -> tuple[hmac.HMAC, ...]:
    """Return the keys, each as a code that has taken in nothing but the key.

    A copy of it is cheaper than to begin anew, and keeps the interpreter's lock: ``hmac.digest`` lets it go each
    time, and a worker's two threads would pass it to and fro for every job.
    """
    secrets: Sequence[object] = get_settings().signing_keys or (
        django_settings.SECRET_KEY,
        *django_settings.SECRET_KEY_FALLBACKS,
    )
    digests = (sha256(PURPOSE + _bytes(secret)).digest() for secret in secrets)
    return tuple(hmac.new(digest, digestmod="sha256") for digest in digests)


def check_keys() -> None:
    """Raise ImproperlyConfigured unless all keys are such as can sign; no key is told."""
    _keys()


def _bytes(secret: object) -> bytes:
    if isinstance(secret, str | bytes) and secret:
        return secret if isinstance(secret, bytes) else secret.encode("utf-8", "surrogatepass")
    what = "empty" if isinstance(secret, str | bytes) else f"of type {type(secret).__name__}"
    raise ImproperlyConfigured(f"SECRET_KEY and SECRET_KEY_FALLBACKS must be non-empty strings; one is {what}.")


def _forget(*, setting: str, **_more: Any) -> None:
    if setting in {"JOBQUEUE", "SECRET_KEY", "SECRET_KEY_FALLBACKS"}:
        _keys.cache_clear()


setting_changed.connect(_forget)
