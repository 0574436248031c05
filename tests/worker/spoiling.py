"""Rows as somebody with write access to the table may leave them; none of them may be performed.

Each entry starts from a good row of ``note(-1)`` and says which of its columns are written anew.
"""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from jobqueue.handlers import sign
from jobqueue.handlers.signing import split
from jobqueue.models import Job
from tests.processes import jobs

#: The argument of every row that is to be spoilt.
KEY = -1
OPEN = "tests.processes.jobs.note_unsigned"
COLUMNS: dict[str, Any] = {"queue": "default", "max_attempts": None, "max_run_time": None}

UNSIGNED = "BadSignature: The handler is not signed"
BROKEN = "BadSignature: The signature does not hold: the handler, name, queue, max_attempts or max_run_time was"
UNREADABLE = "CorruptHandler: The handler is not readable JSON: "


class Spoilt(NamedTuple):
    """What is written into a good row, and how ``last_error`` begins when it is parked."""

    columns: Callable[[Job], dict[str, Any]]
    cause: str


class SQL(NamedTuple):
    """A value in the database's own words."""

    sql: str


def store_spoilt(spoilt: Spoilt, **options: Any) -> int:
    """Store a good job, spoil its row as by hand, and return its id."""
    row = jobs.note.using(**options).enqueue(KEY)
    write(row.pk, **spoilt.columns(row))
    return int(row.pk)


def write(job_id: int, **columns: Any) -> None:
    """Write columns past everything of ours that would check them."""
    places = [f"{name} = {value.sql if isinstance(value, SQL) else '%s'}" for name, value in columns.items()]
    values = [_adapted(value) for value in columns.values() if not isinstance(value, SQL)]
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE jobqueue_job SET {', '.join(places)} WHERE id = %s", [*values, job_id])


def _adapted(value: Any) -> Any:
    return connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value


def stored(job_id: int, column: str) -> bytes:
    """A column's content as bytes, whatever it is."""
    how = "convert_to({}, 'UTF8')" if connection.vendor == "postgresql" else "CAST({} AS BLOB)"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {how.format(column)} FROM jobqueue_job WHERE id = %s", [job_id])
        return bytes(cursor.fetchone()[0])


def handler(text: str) -> Callable[[Job], dict[str, Any]]:
    """The handler replaced as a whole."""
    return lambda row: {"handler": text}


def signature(change: Callable[[str], str]) -> Callable[[Job], dict[str, Any]]:
    """The handler's body as it was, under another signature."""

    def columns(row: Job) -> dict[str, Any]:
        body, tag = split(row.handler)
        return {"handler": f"{body}\n{change(str(tag))}"}

    return columns


def body(change: Callable[[str], str]) -> Callable[[Job], dict[str, Any]]:
    """Another body over the signature as it was."""

    def columns(row: Job) -> dict[str, Any]:
        before, tag = split(row.handler)
        assert change(before) != before
        return {"handler": f"{change(before)}\n{tag}"}

    return columns


def column(**changed: Any) -> Callable[[Job], dict[str, Any]]:
    """Other columns beside a handler as it was."""
    return lambda row: changed


def signed(text: str, name: str = "tests.processes.jobs.note") -> Callable[[Job], dict[str, Any]]:
    """Any text under a good signature: somebody has the key, or a program of ours wrote nonsense."""
    return lambda row: {"handler": sign(text, name=name, **COLUMNS), "name": name}


def unsigned(argument: str) -> Callable[[Job], dict[str, Any]]:
    """An argument, as JSON, for the one job that accepts unsigned rows."""
    return lambda row: {"handler": f'{{"job":"{OPEN}","args":[{argument}]}}', "name": OPEN}


class Exploit:
    """Calls a function when it is unpickled."""

    def __reduce__(self) -> Any:
        return os.system, ("touch exploited",)


BIG = "9" * 5000
DEEP = "[" * 100_000 + "]" * 100_000
GOOD = f'{{"job":"{OPEN}","args":[-1]}}'

#: The text itself is wrong: as the whole handler, of an unsigned row and of one under a good signature.
TEXTS: dict[str, tuple[str, str]] = {
    "no JSON": ("rubbish", UNREADABLE),
    "empty": ("", UNREADABLE),
    "null": ("null", "CorruptHandler: The handler is not an object."),
    "list": ("[]", "CorruptHandler: The handler is not an object."),
    "number": ("7", "CorruptHandler: The handler is not an object."),
    "text": ('"tests.processes.jobs.note"', "CorruptHandler: The handler is not an object."),
    "truncated": (GOOD[:-3], UNREADABLE),
    "text behind it": (f"{GOOD} and more", UNREADABLE),
    "a second object": (GOOD + GOOD, UNREADABLE),
    "byte order mark": ("\ufeff" + GOOD, UNREADABLE),
    "NaN": (GOOD.replace("-1", "NaN"), UNREADABLE + "NaN is not a finite number"),
    "Infinity": (GOOD.replace("-1", "Infinity"), UNREADABLE + "Infinity is not a finite number"),
    "-Infinity": (GOOD.replace("-1", "-Infinity"), UNREADABLE + "-Infinity is not a finite number"),
    "1e400": (GOOD.replace("-1", "1e400"), UNREADABLE + "1e400 is not a finite number"),
    "100,000 deep": (GOOD.replace("-1", DEEP), UNREADABLE),
    "33 deep": (GOOD.replace("-1", "[" * 40 + "]" * 40), "CorruptHandler: The handler is nested deeper than 32."),
    "5,000 digits": (GOOD.replace("-1", BIG), UNREADABLE),
    "unknown tag": (GOOD.replace("-1", '{"$":"pickle","v":"gASV"}'), 'CorruptHandler: "pickle" is not the tag'),
    "tag of no word": (GOOD.replace("-1", '{"$":7}'), "CorruptHandler: 7 is not the tag of a stored value."),
    "no arguments' list": (GOOD.replace("[-1]", "7"), "CorruptHandler: The handler's args must be a list"),
    "unknown option": (GOOD.replace("}", ',"options":{"exec":"x"}}'), "CorruptHandler: The handler's options are"),
    "impossible option": (GOOD.replace("}", ',"options":{"ack":7}}'), "CorruptHandler: The job's options are not"),
    "date that is none": (GOOD.replace("-1", '{"$":"date","v":"2026-02-31"}'), 'CorruptHandler: A stored "date"'),
}

#: What an unsigned row may not even name; nothing may be imported for the answer.
PATHS = (
    "os.system",
    "builtins.exec",
    "subprocess.run",
    "antigravity.fly",
    "tests.app.untouched.job",
    "tests.processes.jobs.record",
    "tests.processes.jobs.note",
    "tests.app.models.Video.encode",
    "tests.app.jobs._hidden",
    "../../etc/passwd",
    "",
)

CATALOGUE: dict[str, Spoilt] = {
    **{f"unsigned: {name}": Spoilt(handler(text), cause) for name, (text, cause) in TEXTS.items()},
    **{f"well signed: {name}": Spoilt(signed(text, OPEN), cause) for name, (text, cause) in TEXTS.items()},
    **{f"unsigned path {path}": Spoilt(handler(json.dumps({"job": path})), UNSIGNED) for path in PATHS},
    "unsigned: path is a list": Spoilt(handler('{"job":["os.system"]}'), "CorruptHandler: The handler's job must"),
    "unsigned: object": Spoilt(handler('{"object":"tests.app.jobs.PlainWorker"}'), UNSIGNED),
    "unsigned: method": Spoilt(handler('{"method":"encode","of":{"$":"class","v":"os.system"}}'), UNSIGNED),
    "unsigned: model": Spoilt(
        unsigned('{"$":"model","v":"auth.user","pk":1}'),
        'CorruptHandler: An unsigned handler may not hold a "model"',
    ),
    "unsigned: enum": Spoilt(unsigned('{"$":"enum","v":"os.system","name":"x"}'), "CorruptHandler: An unsigned"),
    "unsigned: key twice": Spoilt(
        handler(GOOD.replace("{", '{"job":"os.system",')), UNREADABLE + "a key is given"
    ),
    "unsigned: half a character": Spoilt(
        unsigned(r'"\ud800"'), "CorruptHandler: A text in the handler contains half"
    ),
    "unsigned: half a key": Spoilt(
        unsigned(r'{"\udfff":1}'), "CorruptHandler: A text in the handler contains half"
    ),
    "unsigned: NUL": Spoilt(unsigned(r'"a\u0000"'), "CorruptHandler: A text in the handler contains a NUL"),
    "unsigned: max_run_time": Spoilt(
        lambda row: {"handler": GOOD, "name": OPEN, "max_run_time": -5.0},
        "CorruptHandler: The job's options are not valid: max_run_time must be more than 0",
    ),
    "unsigned: max_attempts": Spoilt(
        lambda row: {"handler": GOOD, "name": OPEN, "max_attempts": 0},
        "CorruptHandler: The job's options are not valid: max_attempts must be a whole number",
    ),
    "__reduce__": Spoilt(
        handler('{"__reduce__":["os.system",["true"]]}'), "CorruptHandler: The handler has parts that"
    ),
    "pickle": Spoilt(handler(pickle.dumps(Exploit(), 0).decode("ascii")), "BadSignature: "),
    "encrypted and unsigned": Spoilt(handler("enc1:1a2b3c4d:gAAAA"), UNREADABLE),
    "encrypted with a key of nobody's": Spoilt(
        signed("enc1:1a2b3c4d:gAAAA"), "DecryptionError: encrypted with key 1a2b3c4d, which is not among"
    ),
    "encrypted with no key": Spoilt(signed("enc1:"), "DecryptionError: encrypted with key , which is not among"),
    "YAML": Spoilt(handler('!!python/object/apply:os.system ["true"]'), UNREADABLE),
    "well signed: os.system": Spoilt(
        signed('{"job":"os.system","args":["true"]}'), "CorruptHandler: os.system is not"
    ),
    "well signed: a class without perform": Spoilt(
        signed('{"object":"subprocess.Popen","state":{"args":"true"}}'),
        "CorruptHandler: subprocess.Popen is not a",
    ),
    "well signed: no path": Spoilt(
        signed('{"job":"a b"}'), "CorruptHandler: 'a b' is not the dotted path of a job."
    ),
    "well signed: nothing to do": Spoilt(
        signed("{}"), "CorruptHandler: The handler does not say what to perform."
    ),
    "no signature": Spoilt(lambda row: {"handler": split(row.handler)[0]}, UNSIGNED),
    "empty signature": Spoilt(signature(lambda tag: ""), "BadSignature: The handler's signature is of a version"),
    "cut signature": Spoilt(signature(lambda tag: tag[:-1]), BROKEN),
    "another signature": Spoilt(signature(lambda tag: "v1:" + "A" * 43 + "="), BROKEN),
    "signature in capitals": Spoilt(signature(lambda tag: "v1:" + tag[3:].swapcase()), BROKEN),
    "unknown version": Spoilt(
        signature(lambda tag: "v2:" + tag[3:]), "BadSignature: The handler's signature is of"
    ),
    "signature not of ASCII": Spoilt(
        signature(lambda tag: f"v1:é{tag[4:]}"), "BadSignature: The handler's signature"
    ),
    "two signatures": Spoilt(signature(lambda tag: f"{tag}\n{tag}"), BROKEN),
    "changed job": Spoilt(body(lambda text: text.replace("note", "fail")), BROKEN),
    "changed argument": Spoilt(body(lambda text: text.replace("-1", "-2")), BROKEN),
    "added option": Spoilt(body(lambda text: text.replace("}", ',"options":{"atomic":true}}')), BROKEN),
    "added space": Spoilt(body(lambda text: text + " "), BROKEN),
    "body of megabytes": Spoilt(body(lambda text: text.replace("-1", "1" * 3_000_000)), BROKEN),
    "changed name": Spoilt(column(name="tests.processes.jobs.fail"), BROKEN),
    "changed queue": Spoilt(column(queue="other"), BROKEN),
    "changed max_attempts": Spoilt(column(max_attempts=1), BROKEN),
    "changed max_run_time": Spoilt(column(max_run_time=0.5), BROKEN),
    "negative max_run_time": Spoilt(column(max_run_time=-1e9), BROKEN),
}
