"""Inputs for the arguments of a job, by the type that its signature names; JSON where it names none."""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from inspect import Parameter
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from django import forms
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

#: The names of arguments in forms begin with it, so that they clash with no option's.
PREFIX = "arg_"
#: Longest text that is typed for one argument, characters.
LONGEST = 100_000

WIDE = forms.Textarea(attrs={"rows": 3, "class": "jq-wide"})


class Argument(NamedTuple):
    """A parameter and its input."""

    name: str
    parameter: Parameter
    field: forms.Field


class JSONInput(forms.CharField):
    """A value in JSON; nothing is ``None`` of this field, and ``null`` the value."""

    widget = WIDE

    def to_python(self, value: Any) -> Any:
        """Return the value in a list of its own, so that ``null`` can be told from nothing."""
        text = str(value or "").strip()
        if not text:
            return None
        try:
            return [json.loads(text, parse_constant=_refuse)]
        except (ValueError, RecursionError) as error:
            raise ValidationError(
                _("This is not JSON: %(error)s. Text goes in double quotes."), params={"error": error}
            ) from None


class KeyInput(forms.CharField):
    """The primary key of a row."""

    def __init__(self, model: type[Model], **kwargs: Any) -> None:
        kwargs["help_text"] = _("Primary key of the %(model)s.") % {"model": model._meta.verbose_name}
        super().__init__(**kwargs)
        self.model = model

    def clean(self, value: Any) -> Any:
        """Return the row."""
        key = super().clean(value)
        if key in self.empty_values:
            return None
        try:
            return self.model._base_manager.get(pk=key)
        except (ObjectDoesNotExist, ValueError, TypeError, OverflowError, ValidationError):
            raise ValidationError(
                _("There is no %(model)s %(key)s."), params={"model": self.model._meta.verbose_name, "key": key}
            ) from None


class EnumInput(forms.ChoiceField):
    """A member of an enum, by its name."""

    def __init__(self, enum: type[Enum], **kwargs: Any) -> None:
        names = [(each.name, str(getattr(each, "label", each.name))) for each in enum]
        super().__init__(choices=[*([] if kwargs["required"] else [("", "---")]), *names], **kwargs)
        self.enum = enum

    def clean(self, value: Any) -> Any:
        """Return the member."""
        name = super().clean(value)
        return self.enum[name] if name else None


def arguments_of(function: Callable[..., Any], parameters: dict[str, Parameter]) -> Iterator[Argument]:
    """Yield the inputs for what a function or class takes."""
    hints = _hints(function)
    for name, parameter in parameters.items():
        yield Argument(name, parameter, _field(parameter, hints.get(name)))


def call_of(arguments: list[Argument], values: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments of a call, by position and by name, for what a valid form has given.

    What was left empty is not given, so that the function's own default holds.
    """
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for name, parameter, field in arguments:
        value: Any = values.get(name)
        if isinstance(field, JSONInput):
            is_given, value = value is not None, value[0] if value else None
        else:
            is_given = value is not None and (value != "" or parameter.default is Parameter.empty)
        if parameter.kind is Parameter.VAR_POSITIONAL:
            args += value if is_given else []
        elif parameter.kind is Parameter.VAR_KEYWORD:
            kwargs |= value if is_given else {}
        elif is_given or parameter.default is Parameter.empty:
            if parameter.kind is Parameter.POSITIONAL_ONLY:
                args.append(value)
            else:
                kwargs[name] = value
    return args, kwargs


def _field(parameter: Parameter, hint: Any) -> forms.Field:
    hint, is_optional = _without_none(hint)
    has_default = parameter.default is not Parameter.empty
    given: dict[str, Any] = {"required": not (has_default or is_optional), "label": parameter.name}
    if has_default:
        given["help_text"] = _("By default %(value)s.") % {"value": _shown(parameter.default)}
    if parameter.kind is Parameter.VAR_POSITIONAL:
        return _Container(list, **{**given, "required": False, "help_text": _("A list in JSON.")})
    if parameter.kind is Parameter.VAR_KEYWORD:
        return _Container(dict, **{**given, "required": False, "help_text": _("An object in JSON.")})
    if isinstance(hint, type):
        return _of_type(hint, given, parameter)
    return JSONInput(max_length=LONGEST, **{"help_text": _("In JSON; text goes in double quotes."), **given})


def _of_type(hint: type, given: dict[str, Any], parameter: Parameter) -> forms.Field:
    if hint is bool:
        choices = [("true", _("yes")), ("false", _("no"))]
        return _Boolean(choices=choices if given["required"] else [("", "---"), *choices], **given)
    if issubclass(hint, Enum):
        return EnumInput(hint, **given)
    if issubclass(hint, Model):
        return KeyInput(hint, max_length=200, **{key: value for key, value in given.items() if key != "help_text"})
    if hint is str:
        return forms.CharField(max_length=LONGEST, strip=False, **given)
    made = FIELDS.get(hint)
    if made is not None:
        return made(**given)
    return JSONInput(max_length=LONGEST, **{"help_text": _("In JSON; text goes in double quotes."), **given})


class _Boolean(forms.TypedChoiceField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(coerce=lambda word: word == "true", empty_value=None, **kwargs)


class _Container(JSONInput):
    def __init__(self, kind: type, **kwargs: Any) -> None:
        super().__init__(max_length=LONGEST, **kwargs)
        self.kind = kind

    def to_python(self, value: Any) -> Any:
        found = super().to_python(value)
        if found is not None and not isinstance(found[0], self.kind):
            raise ValidationError(self.help_text)
        return found


FIELDS: dict[type, Callable[..., forms.Field]] = {
    int: forms.IntegerField,
    float: forms.FloatField,
    Decimal: forms.DecimalField,
    UUID: forms.UUIDField,
    datetime: lambda **given: forms.DateTimeField(
        widget=forms.DateTimeInput(attrs={"placeholder": "2026-12-01T09:30"}), **given
    ),
    date: lambda **given: forms.DateField(widget=forms.DateInput(attrs={"placeholder": "2026-12-01"}), **given),
}


def _hints(function: Any) -> dict[str, Any]:
    try:
        return get_type_hints(function.__init__ if isinstance(function, type) else function)  # type: ignore[misc]
    except Exception:  # annotations may name what is not there at run time
        return {}


def _without_none(hint: Any) -> tuple[Any, bool]:
    if get_origin(hint) in {Union, types.UnionType}:
        others = [each for each in get_args(hint) if each is not type(None)]
        return (others[0] if len(others) == 1 else None), len(others) < len(get_args(hint))
    return hint, False


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except Exception:  # whatever stands there
        return "\N{HORIZONTAL ELLIPSIS}"
    return text if len(text) <= 60 else f"{text[:57]}\N{HORIZONTAL ELLIPSIS}"


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not a finite number")
