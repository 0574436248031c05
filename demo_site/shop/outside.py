"""Stand-ins for what a shop depends on, and cannot rely on. When they fail is arithmetic, so that it can be retold."""

from __future__ import annotations

from datetime import datetime
from math import cos, pi

#: The supplier does not answer at night, in these minutes after two.
OUTAGE = range(10, 56)


class SupplierDown(Exception):
    """The supplier does not answer."""


class CardDeclined(Exception):
    """The bank says no."""


class UnreadableImage(ValueError):
    """A file is no image that we know."""


def busyness(at: datetime) -> float:
    """Return how busy the shop is: 1 at noon, a fifth at midnight."""
    return 0.6 - 0.4 * cos((at.hour + at.minute / 60) * pi / 12)


def ask_supplier(article: int, at: datetime) -> int:
    """Return how many pieces the supplier has. Raises SupplierDown."""
    try:
        open_connection(at)
    except ConnectionError as error:
        raise SupplierDown(f"No answer about article {article} within 30 s") from error
    return article * 7 % 90


def open_connection(at: datetime) -> None:
    """Reach the supplier. Raises ConnectionError."""
    if at.hour == 2 and at.minute in OUTAGE:
        raise ConnectionResetError(104, "Connection reset by peer")


def charge(order: int, token: str) -> str:
    """Take the money from the card behind a token; return the bank's receipt. Raises CardDeclined."""
    if order % 397 == 0:
        raise CardDeclined(f"Order {order}: the bank declined the card, insufficient funds")
    return f"receipt-{order * 31 % 9973:04}"


def decode(path: str) -> tuple[int, int]:
    """Return the size of an image. Raises UnreadableImage."""
    name, _, kind = path.rpartition(".")
    if kind not in {"jpg", "png"}:
        raise UnreadableImage(f"{path!r} is no image: cannot identify its first 16 bytes")
    return 1200 + len(name) * 10, 800


def deliver(order: int, email: str) -> None:
    """Hand a mail to the server. Raises ConnectionError."""
    if order % 701 == 0:
        raise TimeoutError(f"mail.example.com did not take the mail to {email} within 20 s")
