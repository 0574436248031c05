"""Greet once."""

from __future__ import annotations

from collections.abc import Iterator

from django.test import Client

from demo_site.hello.models import Greeting
from demo_site.hello.views import jobs
from demo_site.scenario import Check, Scenario


class Hello(Scenario):
    """A form stores a job; a worker greets."""

    title = "Hello, world"

    def arrange(self, visitor: Client) -> None:
        """Send the form."""
        visitor.post("/hello/", {"name": "world"})
        self.before = Greeting.objects.count()

    def is_finished(self) -> bool:
        """The greeting is written."""
        return jobs().succeeded().exists()

    def checks(self, visitor: Client) -> Iterator[Check]:
        """Nothing before the worker ran, one greeting after."""
        yield Check("greetings before a worker runs", 0, self.before)
        yield Check("greetings after it ran", ["Hello, world!"], [str(each) for each in Greeting.objects.all()])
