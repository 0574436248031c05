"""A row's arguments for people, the sensitive ones hidden. Nothing is performed, and no other row is read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from jobqueue.exceptions import CorruptHandler, UnknownPerformable
from jobqueue.handlers import contents, declared_in, tasks
from jobqueue.handlers.arguments import Shape
from jobqueue.handlers.functions import find_function
from jobqueue.handlers.masking import Mask, masked, sensitive_values
from jobqueue.handlers.methods import no_method, original, receiver_class, shape_of
from jobqueue.handlers.plain import plain
from jobqueue.rows import ClaimedJob
from jobqueue.sentences import Sentence

if TYPE_CHECKING:
    from jobqueue.models import Job


def masked_arguments(job: Job | ClaimedJob) -> dict[str, Any]:
    """Return the arguments of a row, or the attributes of its object, by name, with the sensitive ones hidden.

    Values are plain: dict, list, text, numbers, dates …; a model instance is the text ``shop.order 7``. Of a method's
    job, ``self`` is the object.

    Raises:
        BadSignature, CorruptHandler: if the signature does not hold, or the handler is not readable.
        UnknownPerformable: if this release does not have what it names, and so does not know what is sensitive.
    """
    arguments, declared = _arguments(job)
    return {**masked(arguments, declared)}


def mask_for(job: Job | ClaimedJob) -> Mask:
    """Return what hides the sensitive values of a row in a text."""
    try:
        arguments, declared = _arguments(job)
    except Exception:  # whatever is wrong with it: it is not performed then, and its arguments are in no error
        return Mask()
    return Mask(sensitive_values(arguments, declared))


def _arguments(job: Job | ClaimedJob) -> tuple[dict[str, Any], Collection[str]]:
    """Return the arguments by name, and which of the names are declared sensitive."""
    data, signed = contents(job)
    return named_arguments(data, signed, plain), declared_in(data, signed).sensitive


def named_arguments(data: Mapping[str, Any], signed: bool, convert: Callable[[Any], Any]) -> dict[str, Any]:
    """Return the arguments in a handler, or the attributes of its object, by name.

    Args:
        data: what the handler holds, as ``contents`` returns it.
        signed: whether its signature held.
        convert: from stored values to those wanted; called when that is known to be allowed.

    Raises:
        BadSignature, CorruptHandler, UnknownPerformable: as ``masked_arguments`` does.
    """
    shape = shape_in(data, signed)
    if shape is None:
        attributes: dict[str, Any] = convert(data.get("state", {}))
        return attributes
    args, kwargs = convert(data.get("args", [])), convert(data.get("kwargs", {}))
    if not isinstance(args, list) or not isinstance(kwargs, dict):
        raise CorruptHandler(Sentence(_("The handler's args must be a list and its kwargs an object.")))
    named = shape.named(args, kwargs)
    return {"self": convert(data["of"]), **named} if "of" in data else named


def shape_in(data: Mapping[str, Any], signed: bool) -> Shape | None:
    """Return what that takes which a handler calls; None if it holds an object with attributes.

    Raises:
        BadSignature, CorruptHandler, UnknownPerformable: as ``masked_arguments`` does.
    """
    # First, since of an unsigned handler only what accepts that may be looked up.
    if "job" in data or not signed:
        return find_function(data.get("job"), signed=signed).shape
    if "object" in data:
        return None
    if "task" in data:
        task = tasks.find_task(data["task"])
        return tasks.shape_of(task.func, task.takes_context)
    receiver: Any = data.get("of")
    method = data.get("method", "")
    cls = receiver_class(receiver)
    # A method's parameters are those of the bound one; nothing is called on the instance.
    obj = cls if receiver["$"] == "class" else object.__new__(cls)
    if not callable(getattr(obj, method, None)):
        raise UnknownPerformable(no_method(obj, method))
    return shape_of(original(obj, method), method)
