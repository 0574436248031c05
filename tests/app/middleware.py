"""Middleware of every kind for the tests to list."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from jobqueue.middleware import Performing, Storing

told: list[Any] = []
tenant: ContextVar[str | None] = ContextVar("tenant", default=None)


class Tenants:
    """Carries a tenant from the caller to the job."""

    @contextmanager
    def storing(self, call: Storing) -> Iterator[None]:
        if (name := tenant.get()) is not None:
            call.headers["tenant"] = name
        yield

    @contextmanager
    def performing(self, attempt: Performing) -> Iterator[None]:
        token = tenant.set(attempt.headers.get("tenant"))
        yield
        tenant.reset(token)


class Witness:
    """Tells what it has seen."""

    @contextmanager
    def storing(self, call: Storing) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            told.append(("not stored", call.name, str(error)))
        else:
            told.append(("stored", call.name, call.queue, call.ids))

    @contextmanager
    def performing(self, attempt: Performing) -> Iterator[None]:
        try:
            yield
            told.append((attempt.job.id, type(attempt.outcome).__name__, attempt.state))
        except Exception as error:
            told.append((attempt.job.id, str(error), attempt.state))


class Clumsy:
    """Raises wherever it can."""

    place = "begin"

    @contextmanager
    def storing(self, call: Storing) -> Iterator[None]:
        self.stumble("begin", "to store")
        yield
        self.stumble("end", "to store")

    @contextmanager
    def performing(self, attempt: Performing) -> Iterator[None]:
        self.stumble("begin", "to perform")
        try:
            yield
        finally:
            self.stumble("end", "to perform")

    def stumble(self, place: str, what: str) -> None:
        """Raise here, if it is the place."""
        if place == self.place:
            raise SystemExit(3) if what == "to perform" else ValueError(f"cannot {what}")


class Careless:
    """Adds what cannot travel."""

    @contextmanager
    def storing(self, call: Storing) -> Iterator[None]:
        call.headers |= {"number": 7, "long": "x" * 10_000, "nul": "a\0b", "good": "grün"}  # type: ignore[dict-item]
        yield


class Neither:
    """Has no method that is ever called."""
