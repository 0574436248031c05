"""The page about tables has every column, with the words that the model has for it."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps

from tests.docs.pages import DOCS, rows

PAGE = DOCS / "reference" / "tables.md"
MODELS = [model for model in apps.get_app_config("jobqueue").get_models() if model._meta.managed]


def told(field: Any) -> list[str]:
    """A column as the page shows it."""
    points_at = f" → `{field.remote_field.model._meta.db_table}`" if field.remote_field else ""
    kind = f"{field.get_internal_type()}{points_at}"
    length = f"({field.max_length})" if field.get_internal_type() == "CharField" else ""
    return [f"`{field.column}`", kind + length, "yes" if field.null else "", str(field.help_text)]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_each_column_stands_there_with_its_help(model: Any) -> None:
    wanted = [told(field) for field in model._meta.concrete_fields]
    as_lines = "\n".join(f"| {' | '.join(cells)} |" for cells in wanted)
    assert list(rows(PAGE, f"`{model._meta.db_table}`")) == wanted, f"the lines must be\n{as_lines}"
