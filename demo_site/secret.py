"""A secret key that is made at the first start and stays beside the data, so that none stands in the code."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path


def secret_key(path: Path) -> str:
    """Return the key kept in `path`, making it if need be; processes that start together get the same one."""
    if not path.exists():
        number, made = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(number, "w") as file:
            file.write(secrets.token_urlsafe(48))
        try:
            os.link(made, path)
        except FileExistsError:
            pass  # another process was faster; its key counts
        finally:
            os.unlink(made)
    return path.read_text()
