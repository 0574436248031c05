"""What the terms of a search mean: conditions for the database, and what it cannot say as tests of single rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from difflib import get_close_matches
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from jobqueue.conf import get_settings
from jobqueue.exceptions import JobQueueError
from jobqueue.handlers.plain import Reference
from jobqueue.handlers.shown import masked_arguments
from jobqueue.handlers.signing import split
from jobqueue.models import Attempt, Job
from jobqueue.search.moments import moment_of
from jobqueue.search.words import SearchError, Term, Word
from jobqueue.sentences import Sentence
from jobqueue.states import State

#: Says whether a row is meant.
Test = Callable[[Job], bool]

LARGEST_ID = 2**63 - 1
NUMBER = re.compile(r"(>=|<=|>|<|)(-?\d{1,19})")
COMPARISONS = {"": "exact", ">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}
#: Stored in any form of JSON as it is typed.
PLAIN = re.compile(r"[A-Za-z0-9_.-]+")

STATES: dict[str, Q] = {
    **{state.label: Q(state=state) for state in State},
    "waiting": Q(state=State.READY),
    "retrying": Q(state=State.SCHEDULED, attempts__gt=0),
    "blocked": Q(state__lte=State.READY, blocked_at__isnull=False),
}


class Meaning(NamedTuple):
    """What a term asks of a row: something of the database, and of the row itself what that cannot say.

    Attributes:
        where: which rows it may be.
        test: whether one is meant; None: all of these are.
    """

    where: Q
    test: Test | None = None


def is_of_payload(term: Term) -> bool:
    """Whether a term looks into arguments and errors; one without a field also looks there."""
    return term.field in {"", "error"} or term.field.startswith("args.")


def meaning(term: Term, now: datetime, *, with_payload: bool = True) -> Meaning:
    """Return what a term means.

    Args:
        term: of a search.
        now: what "-2h" is counted from.
        with_payload: whether arguments and errors may be searched; who may not see them must not guess them either.

    Raises:
        SearchError: naming what is not known, and what is nearest.
    """
    if not with_payload and term.field and is_of_payload(term):
        told = _('To search by "%(field)s" takes the right to see it: view_job_payload.')
        raise SearchError(Sentence(told, field=term.field), term.position + term.negated)
    if not term.field:
        return _any_of(term, _free if with_payload else _open)
    if term.field.startswith("args."):
        path = term.field.removeprefix("args.").split(".")
        if not all(path):
            raise SearchError(_unknown("args"), term.position + term.negated)
        return _any_of(term, lambda word: _argument(path, word.text))
    if term.field not in FIELDS:
        raise SearchError(_unknown(term.field), term.position + term.negated)
    rule = FIELDS[term.field]
    return _any_of(term, lambda word: rule(word, now))


def _any_of(term: Term, rule: Callable[[Word], Meaning]) -> Meaning:
    """Join the values of a term by "or", and turn it round if it is negated."""
    each = [rule(word) for word in term.values]
    where = reduce(or_, (one.where for one in each))
    tests = [one.test for one in each if one.test is not None]
    if not tests:
        return Meaning(~where if term.negated else where)
    # What may be meant by the database's lights must be tested; what is not, cannot be.
    wanted = not term.negated
    return Meaning(where if wanted else Q(), lambda job: any(test(job) for test in tests) is wanted)


def _unknown(field: str) -> Sentence:
    if field == "args":
        return Sentence(_('Say which argument: "args.order_id:7".'))
    hint = Sentence(_("Fields: %(fields)s."), fields=", ".join([*FIELDS, "args.NAME"]))
    if near := get_close_matches(field.lower(), [*FIELDS, "args"], n=1, cutoff=0.5):
        hint = Sentence(_('Did you mean "%(near)s"?'), near=near[0])
    told = _('Unknown field "%(field)s". %(hint)s Text with a colon goes in quotes.')
    return Sentence(told, field=field, hint=hint)


# Fields. Each takes a word and the time, and says what is meant.


def _state(word: Word, now: datetime) -> Meaning:
    found = STATES.get(word.text.lower())
    if found is None:
        hint = Sentence(_("States: %(states)s."), states=", ".join(STATES))
        if near := get_close_matches(word.text.lower(), STATES, n=1):
            hint = Sentence(_('Did you mean "%(near)s"?'), near=near[0])
        told = Sentence(_('"%(word)s" is not a state. %(hint)s'), word=word.text, hint=hint)
        raise SearchError(told, word.position)
    return Meaning(found)


def _queue(word: Word, now: datetime) -> Meaning:
    return Meaning(Q(queue=word.text))


def _class(word: Word, now: datetime) -> Meaning:
    """Take a class by its dotted path or the end of it."""
    return Meaning(Q(name=word.text) | Q(name__endswith=f".{word.text}"))


def _number(column: str) -> Callable[[Word, datetime], Meaning]:
    def rule(word: Word, now: datetime) -> Meaning:
        found = NUMBER.fullmatch(word.text.removeprefix("#"))
        if found is None or abs(int(found[2])) > LARGEST_ID:
            told = Sentence(_('"%(word)s" is not a whole number, as 7 or >7.'), word=word.text)
            raise SearchError(told, word.position)
        return Meaning(Q(**{f"{column}__{COMPARISONS[found[1]]}": int(found[2])}))

    return rule


def _worker(word: Word, now: datetime) -> Meaning:
    return Meaning(Q(locked_by__holds=word.text))


def _key(word: Word, now: datetime) -> Meaning:
    return Meaning(Q(key=word.text))


def _kind(word: Word, now: datetime) -> Meaning:
    """Take jobs with an attempt that failed in one way, by the fingerprint of that."""
    return Meaning(Q(pk__in=Attempt.objects.order_by().filter(fingerprint=word.text).values("job_id")))


def _error(word: Word, now: datetime) -> Meaning:
    if not _may_be_sealed():
        return Meaning(Q(last_error__holds=word.text))
    return Meaning(Q(last_error__isnull=False), lambda job: word.text.lower() in (job.error or "").lower())


def _bound(lookup: str) -> Callable[[Word, datetime], Meaning]:
    def rule(word: Word, now: datetime) -> Meaning:
        try:
            return Meaning(Q(**{f"created_at__{lookup}": moment_of(word.text, now)}))
        except ValueError as error:
            raise SearchError(error.args[0], word.position) from None

    return rule


FIELDS: dict[str, Callable[[Word, datetime], Meaning]] = {
    "state": _state,
    "queue": _queue,
    "class": _class,
    "id": _number("pk"),
    "worker": _worker,
    "priority": _number("priority"),
    "error": _error,
    "kind": _kind,
    "after": _bound("gte"),
    "before": _bound("lt"),
    "key": _key,
}


def _open(word: Word) -> Meaning:
    """Look for a text in class and key; a number may be an id, too."""
    text = word.text
    where = Q(name__holds=text) | Q(key__holds=text)
    digits = text.removeprefix("#")
    if digits.isascii() and digits.isdigit() and int(digits) <= LARGEST_ID:
        where |= Q(pk=int(digits))
    return Meaning(where)


def _free(word: Word) -> Meaning:
    """Look for a text in the error, too."""
    text, where = word.text, _open(word).where
    if not _may_be_sealed():
        return Meaning(where | Q(last_error__holds=text))
    low = text.lower()
    return Meaning(
        where | Q(last_error__isnull=False),
        lambda job: any(low in (each or "").lower() for each in (job.name, job.key, f"#{job.pk}", job.error)),
    )


def _may_be_sealed() -> bool:
    """Whether the database may hold errors and arguments that it cannot read."""
    return bool(get_settings().encryption_keys)


# Arguments: only this process can read them.


def _argument(path: list[str], text: str) -> Meaning:
    if _may_be_sealed() or not PLAIN.fullmatch(text):
        return Meaning(Q(), lambda job: text in _texts(_at(path, _arguments(job))))
    low = text.lower()

    def test(job: Job) -> bool:
        # A signature has some of all letters; to look at the rest costs less than to verify it.
        return low in split(job.handler)[0].lower() and text in _texts(_at(path, _arguments(job)))

    return Meaning(Q(handler__holds=text), test)


def _arguments(job: Job) -> Any:
    try:
        return masked_arguments(job)
    except JobQueueError:
        return {}


def _at(path: Iterable[str], value: Any) -> Any:
    """Return what stands at a path of names and numbers; an empty list if nothing does."""
    for step in path:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isascii() and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return []
    return value


def _texts(value: Any) -> set[str]:
    """Return the texts by which a value may be asked for; of a list by those of its items."""
    if isinstance(value, list):
        return {text for item in value if not isinstance(item, list | dict) for text in _texts(item)}
    if isinstance(value, dict):
        return set()
    if isinstance(value, Reference):
        return {str(value), str(value.key)}
    if value is None or isinstance(value, bool):
        return {str(value), {None: "null", True: "true", False: "false"}[value]}
    return {str(value)}
