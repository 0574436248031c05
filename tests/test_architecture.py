"""The floors of the house: imports go down only, in no circles, at the top of the file; and what is public is told."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]

#: From the lowest floor to the highest. A module may import what is on its own floor or below.
FLOORS: dict[str, set[str]] = {
    "words": {
        "sentences",
        "exceptions",
        "states",
        "outcomes",
        "rows",
        "signals",
        "rules",
        "conf",
        "release",
        "djangotasks",
        "installed",
    },
    "policy": {"policy"},
    "speech": {"logs", "wording"},
    "secrecy": {"sealing"},
    "job": {"handlers", "options", "models", "migrations"},
    "stores": {"stores"},
    "doors": {
        "backlog",
        "middleware",
        "writing",
        "ringing",
        "hints",
        "pending",
        "client",
        "drafting",
        "declaring",
        "sending",
        "performing",
        "rotating",
        "notifying",
        "waking",
        "taskresults",
        "acting",
        "editing",
        "pausing",
        "controlling",
    },
    "face": {"jobqueue"},
    "looks": {"search", "insight"},
    "processes": {"worker", "pool", "inline"},
    "edges": {
        "backends",
        "jobs",
        "cli",
        "doctor",
        "admin",
        "templatetags",
        "apps",
        "checks",
        "integrations",
        "gauges",
        "probes",
        "status",
        "urls",
        "mail",
        "notifiers",
        "testing",
        "pytest_plugin",
        "management",
    },
}

#: Imports that go up, each with its reason.
UPWARDS: dict[tuple[str, str], str] = {
    ("jobqueue.conf", "jobqueue.policy.backoff"): "the default of BACKOFF is a policy",
}

#: On one floor, who must not know whom.
SENDING = {
    "client",
    "declaring",
    "sending",
    "pending",
    "backlog",
    "writing",
    "ringing",
    "waking",
    "hints",
    "acting",
    "editing",
    "pausing",
    "controlling",
}
STRANGERS: list[tuple[set[str], set[str]]] = [
    (SENDING, {"performing"}),
    ({"performing"}, SENDING),
    ({"worker"}, {"pool"}),
    ({"handlers", "options"}, {"models"}),
    ({"models"}, {"options"}),
]

#: Imports inside functions, each with its reason.
LATE: dict[tuple[str, str], str] = {
    ("jobqueue.apps", "jobqueue.inline"): "it needs the models, which are not ready yet where the app is declared",
    ("jobqueue.pytest_plugin", "jobqueue.testing"): "pytest loads it before there are settings",
    ("jobqueue.pool.daemon", "daemon"): "an optional extra",
    ("jobqueue.probes", "jobqueue.integrations.prometheus"): "an optional extra",
    ("jobqueue.sealing", "cryptography.fernet"): "an optional extra",
    ("jobqueue.performing.loading", "jobqueue.performing.tasks"): "Django's tasks, before 6.0 an optional extra",
    ("jobqueue.doctor.rights", "django.contrib.admin.sites"): "the admin may not be installed",
    ("jobqueue.apps", "jobqueue.acting"): "it needs the models, which are not there before the apps",
    ("jobqueue.apps", "jobqueue.models"): "they are not there before the apps",
    ("jobqueue.cli.progress", "rich.console"): "an optional extra",
    ("jobqueue.cli.tables", "rich.box"): "an optional extra",
    ("jobqueue.cli.tables", "rich.console"): "an optional extra",
    ("jobqueue.cli.tables", "rich.table"): "an optional extra",
    ("jobqueue.cli.tables", "rich.text"): "an optional extra",
    ("jobqueue.cli.progress", "rich.progress"): "an optional extra",
}

LONGEST_FUNCTION = 60
LONGEST_FILE = 400


class Import(NamedTuple):
    """One imported module. ``late``: inside a function; ``typing``: for type checkers alone."""

    importer: str
    imported: str
    line: int
    late: bool
    typing: bool


@cache
def modules() -> dict[str, Path]:
    """Our modules by dotted name."""
    paths = sorted((ROOT / "jobqueue").rglob("*.py"))
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths
    }


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(modules()[module].read_text())


@cache
def imports() -> list[Import]:
    """Every import of every module; ``from a import b`` is of ``a.b`` where that is a module."""
    return [each for module in modules() for each in _imports(module, tree(module), late=False, typing=False)]


def _imports(module: str, node: ast.AST, late: bool, typing: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for name in child.names:
                yield Import(module, name.name, child.lineno, late, typing)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"{module}:{child.lineno}: imports are absolute"
            for name in child.names:
                whole = f"{child.module}.{name.name}"
                yield Import(
                    module, whole if whole in modules() else str(child.module), child.lineno, late, typing
                )
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            checking = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
            yield from _imports(module, child, late or inside, typing or checking)


def ours() -> list[Import]:
    """Imports among our own modules that happen when the program runs."""
    return [each for each in imports() if each.imported in modules() and not each.typing]


def room(module: str) -> str:
    """The part of a dotted name that the table of floors knows."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


@cache
def floor(module: str) -> int:
    for number, rooms in enumerate(FLOORS.values()):
        if room(module) in rooms:
            return number
    raise AssertionError(f"{module} has no floor; give {room(module)} one in FLOORS")


def told(each: Import) -> str:
    return f"{modules()[each.importer].relative_to(ROOT)}:{each.line} imports {each.imported}"


@pytest.mark.parametrize("module", modules())
def test_every_module_has_a_floor(module: str) -> None:
    assert floor(module) in range(len(FLOORS))


def test_every_room_in_the_table_is_there() -> None:
    assert {room for rooms in FLOORS.values() for room in rooms} == {room(module) for module in modules()}


def test_imports_go_down_only() -> None:
    upwards = [each for each in ours() if floor(each.imported) > floor(each.importer)]
    assert [told(each) for each in upwards if each[:2] not in UPWARDS] == []


def test_strangers_on_one_floor_do_not_know_each_other() -> None:
    found = [
        told(each)
        for each in ours()
        for who, whom in STRANGERS
        if room(each.importer) in who and room(each.imported) in whom
    ]
    assert found == []


def test_there_are_no_circles() -> None:
    graph: dict[str, set[str]] = {module: set() for module in modules()}
    for each in ours():
        if not each.late:
            graph[each.importer].add(each.imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_imports_stand_at_the_top() -> None:
    assert [told(each) for each in imports() if each.late and each[:2] not in LATE] == []


def test_every_listed_exception_is_still_needed() -> None:
    present = {each[:2] for each in imports()}
    assert set(UPWARDS) <= present
    assert set(LATE) <= {each[:2] for each in imports() if each.late}


def test_importing_jobqueue_imports_no_model() -> None:
    reached, waiting = set(), ["jobqueue"]
    while waiting:
        module = waiting.pop()
        if module not in reached:
            reached.add(module)
            waiting += [each.imported for each in ours() if each.importer == module and not each.late]
    assert [module for module in reached if room(module) == "models"] == []


# Sizes and words.


BY_HAND = [module for module in modules() if not module.startswith("jobqueue.migrations.")]


def functions(module: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree(module)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_no_function_is_longer_than_a_screen() -> None:
    lengths = {
        f"{module}.{each.name}": (each.end_lineno or 0) - each.lineno + 1
        for module in BY_HAND
        for each in functions(module)
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}


def test_no_file_is_a_god_file() -> None:
    lengths = {module: len(modules()[module].read_text().splitlines()) for module in BY_HAND}
    assert {module: length for module, length in lengths.items() if length > LONGEST_FILE} == {}


def public(
    node: ast.AST, prefix: str
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]]:
    """The public classes and functions of a module, and the public methods of those classes."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If):
            yield from public(child, prefix)
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or child.name.startswith(
            "_"
        ):
            continue
        marks = {ast.unparse(each).rpartition(".")[2] for each in child.decorator_list}
        if not marks & {"overload", "setter"}:
            yield f"{prefix}.{child.name}", child
        if isinstance(child, ast.ClassDef):
            yield from public(child, f"{prefix}.{child.name}")


@pytest.mark.parametrize("module", [module for module in BY_HAND if modules()[module].read_text().strip()])
def test_everything_public_has_a_docstring(module: str) -> None:
    mute = [name for name, node in public(tree(module), module) if not ast.get_docstring(node)]
    if not ast.get_docstring(tree(module)):
        mute.append(module)
    assert mute == []
