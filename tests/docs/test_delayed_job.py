"""The page about Delayed Job: every row with tests that exist, and its columns as they are."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from django.db import connection, models
from django.utils import timezone

from jobqueue.models import Job
from tests.docs.pages import DOCS, LINK, code, rows

PAGE = DOCS / "reference" / "delayed_job.md"
NUMBERS = set(range(1, 45))


def test_every_row_of_what_is_built_is_on_the_page() -> None:
    assert [f"DJ{number:02}" for number in sorted(NUMBERS)] == [cells[0] for cells in table()]


@pytest.mark.parametrize("row", [cells[0] for cells in rows(PAGE) if cells[0].startswith("DJ")])
def test_every_row_names_tests_that_exist(row: str) -> None:
    [shown_by] = [cells[3] for cells in table() if cells[0] == row]
    named = re.findall(r"\[(test_\w+)\]\(([^)]+)\)", shown_by)
    assert named
    assert len(named) == len(LINK.findall(shown_by))
    for name, path in named:
        assert name in functions(PAGE.parent / path), f"{path} has no {name}"


@pytest.mark.django_db
def test_dj03_the_columns_of_delayed_job_are_there() -> None:
    with connection.cursor() as cursor:
        found = connection.introspection.get_table_description(cursor, "jobqueue_job")
    nullable = {column.name: bool(column.null_ok) for column in found}
    listed = list(rows(PAGE, "Columns"))
    assert len(listed) == 11
    for column, kind, default, null in listed:
        field = Job._meta.get_field(code(column))
        assert isinstance(field, models.Field)
        assert field.get_internal_type() == kind
        assert nullable[field.name] is (null == "yes")
        assert field.default == {"`0`": 0, "`now`": timezone.now, "": models.NOT_PROVIDED}[default]


def table() -> list[list[str]]:
    """The rows DJ01 and so on."""
    return [cells for cells in rows(PAGE) if cells[0].startswith("DJ")]


def functions(path: Path) -> set[str]:
    """The names of all functions in a file."""
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
