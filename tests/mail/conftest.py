"""A real SMTP server that can be stopped and started, and refuses whom it is told to."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, NamedTuple

import pytest
from aiosmtpd.controller import Controller
from django.test import override_settings

from tests.app import scripted


class Delivered(NamedTuple):
    """A mail as the server got it."""

    sender: str
    recipients: list[str]
    message: EmailMessage


class Server:
    """What the server does, and has got. ``refusals``: what it answers to an address instead of taking it."""

    def __init__(self) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            self.port: int = free.getsockname()[1]
        self.got: list[Delivered] = []
        self.refusals: dict[str, str] = {}
        self._controller: Any = None

    def start(self) -> None:
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.got.append(Delivered(envelope.mail_from, envelope.rcpt_tos, message))
        return "250 OK"


@pytest.fixture
def smtp() -> Iterator[Server]:
    """The server, not yet started, as the real one behind mails that are jobs."""
    scripted.story.clear()
    server = Server()
    with override_settings(
        EMAIL_BACKEND="jobqueue.mail.JobEmailBackend",
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=server.port,
        EMAIL_TIMEOUT=5,
    ):
        yield server
    server.stop()
