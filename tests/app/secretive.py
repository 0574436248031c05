"""Jobs that get secrets, for tests of what becomes of them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, urlencode

from django.utils.functional import SimpleLazyObject

from jobqueue import Cancel, Performable, Retry, SendLater, handle_asynchronously, job

#: What no column and no line of a log may show.
MARKER = "Tr0ub4dor&3 é"


@job
def give_back(word: str) -> str:
    """Return the argument."""
    return word


@job(atomic=True)
def give_back_atomically(word: str) -> str:
    """Return the argument, in one transaction with the end."""
    return word


@job
def fail_with(word: str) -> None:
    """Fail with a message that has it."""
    raise ValueError(f"not welcome: {word}")


remembered: list[int] = []


@job
def remember(number: int) -> int:
    """Note that this one was performed."""
    remembered.append(number)
    return number


@job(accept_unsigned=True)
def take(rows: Any) -> Any:
    """Return what other programs have written."""
    return rows


#: As values of sensitive arguments; of several lines and with all that is written in another way somewhere.
SECRETS = (
    "Tr0ub4dor",
    'it\'s "T" & \\ é/?',
    "-----BEGIN KEY-----\nMIIEvAIBADANBgkq\n  hkiG9w0BAQEF\n-----END KEY-----\n",
)


def said_plainly(secret: Any) -> None:
    """In the message."""
    raise ValueError(f"wrong: {secret}")


def said_by_repr(secret: Any) -> None:
    """As KeyError and many others do."""
    raise KeyError(secret)


def said_in_a_structure(secret: Any) -> None:
    """Among other values."""
    raise ValueError({"user": "ada", "tried": [secret]})


def said_as_json(secret: Any) -> None:
    """As the answer of some service."""
    raise ValueError(json.dumps({"tried": secret}))


def said_in_an_address(secret: Any) -> None:
    """As HTTP clients do."""
    raise ConnectionError(f"GET https://example.com/?{urlencode({'t': secret})} and /{quote(secret, safe='')}")


def said_by_the_cause(secret: Any) -> None:
    """In the cause of a harmless error."""
    try:
        said_plainly(secret)
    except ValueError as cause:
        raise RuntimeError("it did not work") from cause


def said_by_what_came_before(secret: Any) -> None:
    """In the context of a harmless error."""
    try:
        said_plainly(secret)
    except ValueError:
        raise RuntimeError("it did not work")  # noqa: B904


def said_in_a_note(secret: Any) -> None:
    """In a note."""
    error = RuntimeError("it did not work")
    error.add_note(f"with {secret}")
    raise error


def said_in_a_group(secret: Any) -> None:
    """In an exception group within another."""
    raise ExceptionGroup("several", [ExceptionGroup("inner", [ValueError(secret)]), OSError(str(secret))])


def kept_in_a_local(secret: Any) -> None:
    """Only in a local variable."""
    kept = [secret]
    raise RuntimeError(f"{len(kept)} is kept")


def asks_for_a_retry(secret: Any) -> None:
    """As the reason of a retry."""
    raise Retry(reason=f"{secret} did not do")


def calls_it_off(secret: Any) -> None:
    """As the reason for cancelling."""
    raise Cancel(f"{secret} did not do")


def leaves(secret: Any) -> None:
    """As the last word of a process."""
    raise SystemExit(secret)


def returns_what_cannot_be_stored(secret: Any) -> Any:
    """In a value whose encoding fails."""
    return [SimpleLazyObject(lambda: said_plainly(secret))]


WAYS = {
    each.__name__: each
    for each in (
        said_plainly,
        said_by_repr,
        said_in_a_structure,
        said_as_json,
        said_in_an_address,
        said_by_the_cause,
        said_by_what_came_before,
        said_in_a_note,
        said_in_a_group,
        kept_in_a_local,
        asks_for_a_retry,
        calls_it_off,
        leaves,
        returns_what_cannot_be_stored,
    )
}


@job
def log_in(way: str, password: Any) -> Any:
    """Fail in some way; the name of the argument is enough."""
    return WAYS[way](password)


@job(sensitive=["pin"])
def pay(way: str, pin: Any, *cards: Any) -> Any:
    """Fail in some way; the argument is declared."""
    return WAYS[way](pin)


@job
def fetch(way: str, request: dict[str, Any]) -> Any:
    """Fail in some way; the secret is within an argument."""
    return WAYS[way](request["headers"][0]["X-Api-Key"])


class Vault(Performable):
    """Fails in some way, and once more in its hooks."""

    sensitive = ("word",)

    def __init__(self, way: str, word: Any) -> None:
        self.way = way
        self.word = word

    def perform(self) -> Any:
        """Fail in some way."""
        return WAYS[self.way](self.word)

    def error(self, stored: Any, exception: BaseException) -> None:
        """Fail again."""
        said_plainly(self.word)

    def after(self, stored: Any) -> None:
        """Fail again."""
        said_plainly(self.word)

    def failure(self, stored: Any) -> None:
        """Fail again."""
        said_plainly(self.word)

    def reschedule_at(self, now: Any, attempts: int) -> Any:
        """Fail again."""
        said_plainly(self.word)


class Door(SendLater):
    """Methods that fail in some way."""

    def __init__(self, secret_name: str) -> None:
        self.secret_name = secret_name

    def unlock(self, way: str, passphrase: Any = "") -> Any:
        """Fail in some way, with the argument or the attribute."""
        return WAYS[way](passphrase or self.secret_name)

    @handle_asynchronously(sensitive=["combination"])
    def open(self, way: str, combination: Any) -> Any:
        """Fail in some way."""
        return WAYS[way](combination)

    @handle_asynchronously(sensitive=["combination"])
    @classmethod
    def open_all(cls, way: str, combination: Any) -> Any:
        """Fail in some way."""
        return WAYS[way](combination)


@job
def idle() -> None:
    """Take nothing."""
