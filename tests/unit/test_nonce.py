"""Scripts and styles carry the nonce that a content security policy asks for, wherever the project's comes from."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.template import Context
from django.utils.functional import SimpleLazyObject

from jobqueue.templatetags.jobqueue import jobqueue_nonce


class Unasked(SimpleLazyObject):  # type: ignore[type-arg]
    """As Django's: made when it is first written, and false until then."""

    def __bool__(self) -> bool:
        return False


@pytest.mark.parametrize(
    "context",
    [{"csp_nonce": Unasked(lambda: "n0nce")}, {"request": SimpleNamespace(csp_nonce="n0nce")}],
    ids=["Django 6", "django-csp"],
)
def test_it_is_written(context: dict[str, Any]) -> None:
    assert jobqueue_nonce(Context(context)) == 'nonce="n0nce"'


@pytest.mark.parametrize(
    "context", [{}, {"csp_nonce": None, "request": SimpleNamespace()}], ids=["none", "no policy"]
)
def test_without_one_nothing_is_written(context: dict[str, Any]) -> None:
    assert jobqueue_nonce(Context(context)) == ""
