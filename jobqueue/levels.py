"""Levels of logging, as a setting and an option name them."""

from __future__ import annotations

from typing import Any

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def log_level(value: Any) -> bool | str:
    """Rule for True, False, or the name of a level; an error finishes the sentence 'X …'."""
    if isinstance(value, bool):
        return value
    if value not in LEVELS:
        raise ValueError(f"must be True, False, or {', '.join(LEVELS[:-1])}")
    return str(value)
