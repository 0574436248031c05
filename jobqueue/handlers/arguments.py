"""The arguments of a call: whether they fit, and their way to JSON and back."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from inspect import Parameter, Signature, signature
from typing import Any

from django.utils.translation import gettext_lazy as _

from jobqueue.exceptions import CorruptHandler, OptionError
from jobqueue.handlers.codec import decode, encode
from jobqueue.sentences import Sentence

if sys.version_info >= (3, 14):
    from annotationlib import Format

_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


class Misfit(TypeError):
    """What was stored no longer fits the code that is to perform it.

    Args:
        what: that does not fit, without a full stop.
        remedy: what is to be done in the code, as the end of a sentence that begins with "Let".
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy


class Shape:
    """What a callable takes, read once from its signature.

    Args:
        function: the callable as it will be called; a bound method takes no ``self``.
        owner: its name in errors.
    """

    __slots__ = ("_least", "_most", "_names", "_rest", "_signature", "owner")

    def __init__(self, function: Callable[..., Any], owner: str) -> None:
        self.owner = owner
        self._signature = _signature(function)
        parameters = [] if self._signature is None else list(self._signature.parameters.values())
        self._names = [each.name for each in parameters if each.kind in _POSITIONAL]
        self._rest = next((each.name for each in parameters if each.kind is Parameter.VAR_POSITIONAL), "args")
        self._least, self._most = _bounds(parameters)

    def fit(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Raise TypeError, naming the parameter, unless the arguments fit."""
        if self._signature is None or (not kwargs and self._least <= len(args) <= self._most):
            return
        try:
            self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.owner}() {error}") from None

    @property
    def parameters(self) -> Mapping[str, Parameter] | None:
        """The parameters by name; None if the callable does not say."""
        return None if self._signature is None else self._signature.parameters

    @property
    def positional(self) -> Sequence[str]:
        """The names of those that may be given by position."""
        return self._names

    @property
    def by_name(self) -> list[str]:
        """The names of those that may be given by name."""
        kinds = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
        return [name for name, each in (self.parameters or {}).items() if each.kind in kinds]

    @property
    def rest(self) -> str:
        """What further arguments by position are called together."""
        return self._rest

    def name_at(self, position: int) -> str:
        """Return the name of a positional parameter."""
        return self._names[position] if position < len(self._names) else f"args[{position}]"

    def named(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return arguments under the names of their parameters; the rest of the positional ones as a list."""
        named = {**dict(zip(self._names, args, strict=False)), **kwargs}
        return named if len(args) <= len(self._names) else {**named, self._rest: list(args[len(self._names) :])}

    def check_names(self, names: Sequence[str]) -> None:
        """Raise OptionError unless each is the name of a parameter, or may be."""
        if self._signature is None:
            return
        known = self._signature.parameters
        if any(each.kind is Parameter.VAR_KEYWORD for each in known.values()):
            return
        for name in names:
            if name not in known:
                near = get_close_matches(name, known, n=1)
                hint = f' Did you mean "{near[0]}"?' if near else ""
                raise OptionError(f'sensitive names "{name}", which is no parameter of {self.owner}().{hint}')

    def encode(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments as JSON data; empty parts are left out.

        Raises:
            PayloadError: naming the argument that cannot be stored.
        """
        data: dict[str, Any] = {}
        if args:
            data["args"] = [encode(value, self.owner, self.name_at(i)) for i, value in enumerate(args)]
        if kwargs:
            data["kwargs"] = {name: encode(value, self.owner, name) for name, value in kwargs.items()}
        return data

    def refit(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Raise Misfit unless stored arguments still fit."""
        try:
            self.fit(args, kwargs)
        except TypeError as error:
            raise Misfit(str(error), f"{self.owner}() take the stored arguments") from None


def decode_arguments(data: Mapping[str, Any], *, signed: bool = True) -> tuple[list[Any], dict[str, Any]]:
    """Return the positional and the keyword arguments of a stored call."""
    args, kwargs = data.get("args", []), data.get("kwargs", {})
    if not isinstance(args, list) or not isinstance(kwargs, dict):
        raise CorruptHandler(Sentence(_("The handler's args must be a list and its kwargs an object.")))
    return (
        [decode(value, signed=signed) for value in args],
        {name: decode(value, signed=signed) for name, value in kwargs.items()},
    )


def _signature(function: Callable[..., Any]) -> Signature | None:
    try:
        if sys.version_info >= (3, 14):
            # Annotations may name what is imported for type checkers alone.
            return signature(function, annotation_format=Format.FORWARDREF)
        return signature(function)
    except (TypeError, ValueError):
        # Some callables written in C do not say.
        return None


def _bounds(parameters: list[Parameter]) -> tuple[int, float]:
    """Return how few and how many positional arguments alone are enough; impossible bounds if none are."""
    if any(each.kind is Parameter.KEYWORD_ONLY and each.default is Parameter.empty for each in parameters):
        return 1, 0
    positional = [each for each in parameters if each.kind in _POSITIONAL]
    least = sum(each.default is Parameter.empty for each in positional)
    takes_more = any(each.kind is Parameter.VAR_POSITIONAL for each in parameters)
    return least, float("inf") if takes_more else len(positional)
