"""What the command prints, the same tables and lines, as plain text and as HTML for notebooks."""

from __future__ import annotations

import io
from collections.abc import Iterable

from rich.console import Console, ConsoleRenderable, Group, RichCast
from rich.table import Column, Table
from rich.text import Text

from experiments.present.report.markup import Markup, element, join

Shown = ConsoleRenderable | RichCast | str
WIDTH = 200
"""columns of plain text; no table needs as many"""


def text(shown: Shown) -> str:
    """What would be seen on a terminal that is wide and has no colours, without spaces at ends of lines."""
    file = io.StringIO()
    console = Console(
        file=file, width=WIDTH, force_terminal=False, force_jupyter=False, color_system=None, highlight=False
    )
    console.print(shown)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()).strip("\n")


def html(shown: Iterable[Shown]) -> str:
    """Tables as HTML tables with caption and headings of columns and rows, all else as paragraphs; text is escaped."""
    return join(_block(one) for one in shown)


def _block(shown: Shown) -> Markup:
    if isinstance(shown, Table):
        return _table(shown)
    if isinstance(shown, Group):
        return join(_block(one) for one in shown.renderables)
    return element("p", _plain(shown) or text(shown))


def _table(table: Table) -> Markup:
    sides = [f"text-align: {column.justify}" for column in table.columns]
    head = [element("th", _plain(one.header), scope="col", style=side)
            for one, side in zip(table.columns, sides, strict=True)]  # fmt: skip
    rows = [_row(cells, sides) for cells in zip(*map(_cells, table.columns), strict=True)]
    caption = element("caption", _plain(table.title), style="text-align: left; font-weight: bold; caption-side: top")
    made = element("table", caption, element("thead", element("tr", *head)), element("tbody", *rows))
    return join([made, element("p", _plain(table.caption)) if table.caption else None])


def _cells(column: Column) -> list[Markup]:
    """The cells of a column, each line end a line break."""
    return [join(_plain(cell).split("\n"), Markup("<br/>")) for cell in column.cells]


def _row(cells: Iterable[Markup], sides: Iterable[str]) -> Markup:
    """A row, whose first cell says what it is about."""
    first, *others = zip(cells, sides, strict=True)
    heading = element("th", first[0], scope="row", style=first[1])
    return element("tr", heading, *(element("td", cell, style=side) for cell, side in others))


def _plain(shown: object) -> str:
    """A cell, heading or title as text: what is text to rich may hold its markup."""
    if isinstance(shown, Text):
        return shown.plain
    return Text.from_markup(shown).plain if isinstance(shown, str) else ""
