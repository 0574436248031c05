"""Keys for tests of encryption."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from cryptography.fernet import Fernet
from django.test import override_settings

from jobqueue.conf import key_id

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
id_of = key_id


def encrypting(*keys: str | None, **settings: Any) -> AbstractContextManager[Any]:
    """Settings with these keys."""
    return override_settings(JOBQUEUE={"ENCRYPTION_KEYS": list(keys), **settings})
