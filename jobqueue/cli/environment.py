"""From ``-e production`` to a settings module."""

from __future__ import annotations

import os
from importlib.util import find_spec

from django.core.management.base import CommandError


def settings_module(name: str) -> str:
    """Return the settings module that a name means.

    A dotted name is the module itself. A plain one is looked for beside and below the present settings:
    ``shop.settings`` and ``production`` give ``shop.settings.production``, ``shop.settings_production`` or
    ``shop.production``.

    Raises:
        CommandError: if there is none.
    """
    present = os.environ.get("DJANGO_SETTINGS_MODULE", "")
    package = present.rpartition(".")[0]
    beside = f"{package}.{name}" if package else name
    guesses = [name] if "." in name else [f"{present}.{name}", f"{present}_{name}", beside]
    for guess in guesses:
        if _exists(guess):
            return guess
    if present.endswith(f"_{name}") and _exists(present.removesuffix(f"_{name}")):
        return present  # this process was started again with the settings that the name means
    raise CommandError(f"-e {name}: no settings module {' or '.join(guesses)}.", returncode=2)


def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False
