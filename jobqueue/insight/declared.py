"""What the code says of a job: what it takes, what it is for, its options. Only what this process has imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from inspect import Parameter, cleandoc, getattr_static, isfunction, signature
from typing import Any

from django.apps import apps

from jobqueue.exceptions import JobQueueError
from jobqueue.handlers import DeclaredFunction
from jobqueue.handlers.masking import HIDDEN, is_sensitive
from jobqueue.handlers.methods import Deferred, original
from jobqueue.handlers.objects import declared_attributes
from jobqueue.handlers.resolve import is_task, registry

#: Longest text that is shown of any of it.
LONGEST = 2000
#: A model's method: app, model, method.
PARTS = 3
OF_TASKS = ("queue_name", "priority", "backend", "takes_context")


@dataclass(frozen=True)
class Declaration:
    """What is declared.

    Attributes:
        signature: what it takes, with sensitive defaults hidden.
        doc: its docstring; empty if it has none.
        options: those that it gives, as text.
    """

    signature: str = ""
    doc: str = ""
    options: dict[str, str] = field(default_factory=dict)


def declared_names() -> set[str]:
    """Return the paths of all declared functions, classes and tasks, without former ones."""
    return {path for path, each in registry.items() if path == _path(each)}


def declaration_of(name: str) -> Declaration | None:
    """Return what the code says of jobs of a name; None if this process does not know them."""
    found = registry.get(name)
    if isinstance(found, DeclaredFunction):
        return _declaration(found.function, found.given, found.options.sensitive)
    if found is not None and is_task(found):
        return _declaration(found.func, {each: getattr(found, each, None) for each in OF_TASKS})
    if isinstance(found, type):
        return _declaration(found, _attributes(found))
    method = _method(name)
    return None if method is None else _declaration(method, {})


def _path(found: Any) -> str:
    if isinstance(found, DeclaredFunction):
        return found.path
    return str(found.module_path) if is_task(found) else f"{found.__module__}.{found.__qualname__}"


def _method(name: str) -> Callable[..., Any] | None:
    """Return the method of a model that is named as its jobs are: ``shop.Order.email_receipt``."""
    parts = name.split(".")
    if len(parts) != PARTS:
        return None
    try:
        model = apps.get_model(parts[0], parts[1])
    except (LookupError, ValueError):
        return None
    found = getattr_static(model, parts[2], None)
    if not (isfunction(found) or isinstance(found, Deferred | classmethod | staticmethod)):
        return None
    return original(model, parts[2])  # type: ignore[no-any-return]


def _attributes(found: type) -> dict[str, Any]:
    try:
        return declared_attributes(found)
    except JobQueueError:
        return {}


def _declaration(
    found: Callable[..., Any], options: Mapping[str, Any], sensitive: tuple[str, ...] = ()
) -> Declaration:
    doc = vars(found).get("__doc__") if isinstance(found, type) else getattr(found, "__doc__", None)
    return Declaration(
        signature=_signature(found, sensitive)[:LONGEST],
        doc=cleandoc(doc)[:LONGEST] if isinstance(doc, str) else "",
        options={name: _told(value)[:LONGEST] for name, value in options.items() if value is not None},
    )


def _signature(found: Callable[..., Any], sensitive: tuple[str, ...]) -> str:
    try:
        whole = signature(found)
        shown = [_plain(_masked(each, sensitive)) for each in whole.parameters.values()]
        return str(whole.replace(parameters=shown, return_annotation=_unquoted(whole.return_annotation)))
    except Exception:  # it runs the project's code: representations of defaults, above all
        return ""


def _masked(parameter: Parameter, sensitive: tuple[str, ...]) -> Parameter:
    is_shown = parameter.default is Parameter.empty or not is_sensitive(parameter.name, sensitive)
    return parameter if is_shown else parameter.replace(default=HIDDEN)


def _plain(parameter: Parameter) -> Parameter:
    return parameter.replace(annotation=_unquoted(parameter.annotation))


class _Unquoted(str):
    """An annotation that was not evaluated, shown as it stands in the code."""

    __slots__ = ()
    __repr__ = str.__str__


def _unquoted(annotation: Any) -> Any:
    return _Unquoted(annotation) if isinstance(annotation, str) else annotation


def _told(value: Any) -> str:
    if callable(value):
        return str(getattr(value, "__qualname__", type(value).__qualname__))
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
