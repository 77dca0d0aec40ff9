"""Tables and lines on a terminal, or as plain text where there is none.

A terminal shows as many columns as have room. Headings are broken into lines first; then the columns that can be
spared best go, and a line says which; if even the others have no room, each row becomes a block of lines. No number
and no name is ever cut. A pipe, and `--wide`, have room for everything.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from experiments.present.table import Cell, Column, Part, Table
from experiments.present.wide import WIDE

TOGETHER = "\N{NO-BREAK SPACE}"
"""Stands in a heading between words that stay on one line."""
EVERYTHING = 10_000
"""More characters than any line has."""
GAP = 2
"""Blanks between columns."""
NARROWEST = 28
"""Characters that a column whose text may be broken has at least."""
WIDEST = 100
"""... and at most, even where there is room for more."""


def show(parts: Iterable[Part]) -> None:
    """Print to standard output: laid out for a terminal's width, or, with `--wide` and where there is none, all."""
    if sys.stdout.isatty() and not WIDE.get():
        _print(Console(highlight=False), parts)
    else:
        sys.stdout.write(text(parts) + "\n")


def text(parts: Iterable[Part], width: int = EVERYTHING) -> str:
    """What a terminal of a width, without colours, would show."""
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=False, force_jupyter=False, color_system=None,
                      highlight=False)  # fmt: skip
    _print(console, parts)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()).strip("\n")


def _print(console: Console, parts: Iterable[Part]) -> None:
    for part in parts:
        console.print(Fitting(part) if isinstance(part, Table) else Text(part))


class Fitting:
    """A table in whatever room there is."""

    def __init__(self, table: Table) -> None:
        self._columns = table.columns
        self._table, self._body, self._totals = table, table.cells(), table.cells(table.totals)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table with as many columns as have room; below it stands which are left out."""
        room, kept = options.max_width, list(range(len(self._columns)))
        left_out: list[int] = []
        space = " " if self._least(kept, " ") <= room else "\n"
        while self._least(kept, space) > room and (most := max(self._columns[at].priority for at in kept)):
            left_out += [at for at in kept if self._columns[at].priority == most]
            kept = [at for at in kept if self._columns[at].priority != most]
        yield Text(self._table.title, style="bold")
        if self._least(kept, space) > room:
            yield from map(Text, self._blocks())
        else:
            yield from self._grid(kept, space, room)
            if left_out:
                names = "; ".join(heading(self._columns[at], " ") for at in left_out)
                yield Text(f"no room for: {names} (--wide shows all)", style="dim")
        yield from map(Text, [*self._table.notes, ""])

    def _least(self, kept: Sequence[int], space: str) -> int:
        """The characters that some columns need at least."""
        widths = (min(width, NARROWEST) if self._columns[at].wrap else width for at, width in self._widths(kept, space))
        return sum(widths) + GAP * (len(kept) - 1)

    def _widths(self, kept: Sequence[int], space: str) -> Iterator[tuple[int, int]]:
        """Each column with the characters that it would like to have."""
        for at in kept:
            texts = [heading(self._columns[at], space), *(row[at].text for row in (*self._body, *self._totals))]
            width = max(cell_len(line) for text in texts for line in text.split("\n"))
            yield at, min(width, WIDEST) if self._columns[at].wrap else width

    def _grid(self, kept: Sequence[int], space: str, room: int) -> Iterator[Text]:
        """The table's lines: text that may be broken shares what room the other columns leave."""
        widths = dict(self._widths(kept, space))
        flexible = [at for at in kept if self._columns[at].wrap]
        left = room - GAP * (len(kept) - 1) - sum(width for at, width in widths.items() if at not in flexible)
        for number, at in enumerate(sorted(flexible, key=lambda at: widths[at])):
            widths[at] = min(widths[at], max(left // (len(flexible) - number), 1))
            left -= widths[at]
        yield from (Text(line, style="bold") for line in self._lines(widths, [Cell(heading(self._columns[at], space))
                    for at in range(len(self._columns))], bottom=True))  # fmt: skip
        yield Text("─" * (sum(widths.values()) + GAP * (len(kept) - 1)))
        for row in self._body:
            yield from map(Text, self._lines(widths, row))
        for row in self._totals:
            yield from map(Text, ["", *self._lines(widths, row)])

    def _lines(self, widths: dict[int, int], row: Sequence[Cell], bottom: bool = False) -> Iterator[str]:
        """A row's lines, its cells beside each other; with `bottom` shorter ones stand below."""
        cells = {at: broken(row[at].text, width) for at, width in widths.items()}
        high = max(map(len, cells.values()))
        for number in range(high):
            texts = []
            for at, width in widths.items():
                place = number - (high - len(cells[at]) if bottom else 0)
                line = cells[at][place] if 0 <= place < len(cells[at]) else ""
                blanks = " " * (width - cell_len(line))
                texts.append(line + blanks if self._columns[at].text else blanks + line)
            yield (" " * GAP).join(texts).rstrip()

    def _blocks(self) -> Iterator[str]:
        """Each row as lines of headings and values, where no row fits into a line."""
        names = [heading(column, " ") for column in self._columns]
        for row in (*self._body, *self._totals):
            yield f"\n{' '.join(row[0].text.split())}"
            for name, cell in zip(names[1:], row[1:], strict=True):
                if cell.text:
                    yield f"  {name}: {' '.join(cell.text.split())}"


def broken(text: str, width: int) -> list[str]:
    """A text's lines, broken at spaces, and within words that are longer, so that none is wider."""
    console = Console(width=max(width, 1), color_system=None)
    return [str(line).rstrip() for line in Text(text).wrap(console, max(width, 1))] if text else [""]


def heading(column: Column, space: str) -> str:
    """A heading with its words parted by a space or a line end; words that belong together never are."""
    return column.heading.replace(" ", space).replace(TOGETHER, " ")
