"""The jobs of a shop that is always open: they keep the dashboard moving while the demo is served."""

from __future__ import annotations

import logging
import random
import time
from datetime import timedelta

from django.utils import timezone

from demo_site.shop import outside
from jobqueue import job, track

logger = logging.getLogger("demo_site.shop")

#: Seconds between two looks at the door.
PAUSE = timedelta(seconds=6)
ORDERS = range(20_000, 80_000)


@job(queue="mail", max_attempts=8)
def send_receipt(order: int, email: str) -> None:
    """Mail what was bought."""
    outside.deliver(order, email)
    time.sleep(random.uniform(0.02, 0.3))  # noqa: S311 (how long a server takes)


@job(queue="payments", max_attempts=3, sensitive=("card_token",))
def charge_card(order: int, amount: str, card_token: str) -> dict[str, str]:
    """Take the money."""
    receipt = outside.charge(order, card_token)
    time.sleep(random.uniform(0.1, 0.9))  # noqa: S311 (how long a bank takes)
    return {"receipt": receipt, "amount": amount}


@job(max_attempts=2)
def resize_image(path: str, width: int = 640) -> list[int]:
    """Make the small picture for the list of articles."""
    whole, high = outside.decode(path)
    time.sleep(random.uniform(0.2, 2.0))  # noqa: S311 (how long large pictures take)
    return [width, high * width // whole]


@job(max_attempts=5)
def sync_stock(article: int) -> int:
    """Ask the supplier how many pieces there are."""
    pieces = outside.ask_supplier(article, timezone.localtime())
    time.sleep(random.uniform(0.05, 0.4))  # noqa: S311 (how long the supplier takes)
    return pieces


@job(queue="imports", max_attempts=2, max_run_time=120, capture_log="INFO")
def import_catalogue(supplier: str, rows: int) -> str:
    """Read a supplier's catalogue, and say how far it is."""
    logger.info("Reading %d rows of %s", rows, supplier)
    for row in track(range(rows), f"rows of {supplier}"):
        time.sleep(0.05)
        if row and row % 100 == 0:
            logger.info("%d rows of %d are read", row, rows)
    logger.warning("%d rows have no price and were left out", rows // 40)
    return f"{rows} rows"


@job(queue="newsletter")
def send_newsletter(issue: int, email: str) -> None:
    """Mail an issue. No worker of the demo listens to its queue."""
    outside.deliver(issue, email)


@job(queue="exports")
def export_orders(day: str) -> None:
    """Hand a day's orders to the accountants. The demo starts with its queue paused."""
    time.sleep(random.uniform(0.5, 2))  # noqa: S311 (how long their server takes)


@job(queue="reports", max_attempts=3)
def add_up(day: str) -> dict[str, int]:
    """Add up a day."""
    time.sleep(random.uniform(2, 6))  # noqa: S311 (a day's work)
    return {"orders": 1204, "returns": 17}


@job(priority=10, atomic=True)
def open_door() -> int:
    """Let customers in, then store itself for a few seconds later."""
    busy = outside.busyness(timezone.localtime())
    customers = sum(random.random() < busy / 2 for _ in range(4))  # noqa: S311 (nobody knows)
    for _ in range(customers):
        sell(random.choice(ORDERS))  # noqa: S311 (any number will do)
    if random.random() < busy / 10:  # noqa: S311 (now and then)
        import_catalogue.enqueue("Northwind", random.randint(200, 900))  # noqa: S311 (any number will do)
    open_door.using(run_at=PAUSE).enqueue()
    return customers


def sell(order: int) -> None:
    """Store what follows from one order."""
    charge_card.enqueue(order, "49.90", card_token=f"tok_{order:x}")
    send_receipt.enqueue(order, f"customer{order}@example.com")
    sync_stock.enqueue(order % 900)
    if order % 3 == 0:
        resize_image.enqueue(picture_of(order))


def picture_of(order: int) -> str:
    """Return where the picture of what was ordered is."""
    return f"photos/{order}.{'tiff' if order % 600 == 0 else 'jpg'}"


def keep_open() -> None:
    """Open the door, if it is not open."""
    if not open_door.jobs.filter(finished_at=None).exists():
        open_door.enqueue()
