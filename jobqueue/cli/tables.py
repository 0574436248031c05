"""Tables of at most 80 columns: by rich where that is installed and somebody looks, else in plain text."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from importlib.util import find_spec
from typing import NamedTuple

from jobqueue.cli.voice import Voice
from jobqueue.logs import harmless

GAP = "  "
#: Elastic columns give way down to this.
NARROWEST = 8
#: Django's roles as rich has them.
STYLES = {"SUCCESS": "green", "WARNING": "yellow", "ERROR": "bold red", "HTTP_INFO": "bold", "": ""}


class Column(NamedTuple):
    """One column: its title, on which side its cells stand, and whether it gives way where there is no room."""

    title: str
    right: bool = False
    elastic: bool = False


class Cell(NamedTuple):
    """A text, and the role in whose colours it is shown."""

    text: str
    role: str = ""


Row = Sequence["Cell | str"]


def say_table(say: Voice, columns: Sequence[Column], rows: Sequence[Row]) -> None:
    """Say a table; notes go below it, never into it."""
    whole = [[_cell(each, say) for each in row] for row in rows]
    widths = fit(columns, whole, say.width)
    cut_rows = [[each._replace(text=cut(each.text, width)) for each, width in zip(row, widths)] for row in whole]  # noqa: B905 (as many as columns)
    if say.is_terminal and os.environ.get("TERM") != "dumb" and find_spec("rich"):
        lines = _by_rich(columns, cut_rows, widths, coloured=say.is_coloured)
    else:
        lines = _plainly(say, columns, cut_rows, widths)
    for line in lines:
        say(line.rstrip())


def fit(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], room: int) -> list[int]:
    """Return the widths of the columns: as wide as their cells, the elastic ones no wider than there is room."""
    widths = [
        max(len(column.title), *(len(row[number].text) for row in rows)) if rows else len(column.title)
        for number, column in enumerate(columns)
    ]
    excess = sum(widths) + len(GAP) * (len(columns) - 1) - room
    elastic = [number for number, column in enumerate(columns) if column.elastic]
    for _ in range(excess):
        # The widest gives way first.
        widest = max(elastic, key=lambda number: widths[number], default=None)
        if widest is None or widths[widest] <= NARROWEST:
            break
        widths[widest] -= 1
    return widths


def cut(text: str, width: int) -> str:
    """Return as much of a text as there is room for."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _cell(given: Cell | str, say: Voice) -> Cell:
    cell = given if isinstance(given, Cell) else Cell(given)
    return cell._replace(text=harmless(cell.text))


def _plainly(
    say: Voice, columns: Sequence[Column], rows: Sequence[Sequence[Cell]], widths: Sequence[int]
) -> list[str]:
    titles = [Cell(cut(column.title, width)) for column, width in zip(columns, widths, strict=True)]
    return [
        GAP.join(
            say.coloured(each.role, _padded(each.text, width, column))
            if each.role
            else _padded(each.text, width, column)
            for each, width, column in zip(row, widths, columns, strict=True)
        )
        for row in [titles, *rows]
    ]


def _padded(text: str, width: int, column: Column) -> str:
    return text.rjust(width) if column.right else text.ljust(width)


def _by_rich(
    columns: Sequence[Column], rows: Sequence[Sequence[Cell]], widths: Sequence[int], *, coloured: bool
) -> list[str]:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for column, width in zip(columns, widths, strict=True):
        table.add_column(
            cut(column.title, width), justify="right" if column.right else "left", width=width, no_wrap=True
        )
    for row in rows:
        table.add_row(*(Text(each.text, STYLES[each.role]) for each in row))
    out = io.StringIO()
    Console(
        file=out, width=sum(widths) + len(GAP) * len(widths), force_terminal=coloured, no_color=not coloured,
        legacy_windows=False,
    ).print(table)  # fmt: skip
    return out.getvalue().splitlines()
