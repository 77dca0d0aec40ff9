"""A table, written once: the terminal, Markdown and HTML each render the same one (see their modules)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from experiments.present.numbers import Unit, missing, show

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Cell:
    """A value that isn't written as its column's unit says: its text, and what it is sorted by (None: last)."""

    text: str
    value: float | str | None = None


@dataclass(frozen=True)
class Column:
    """One column: its heading, what its values are, and how well it can be spared."""

    heading: str
    unit: Unit = "number"
    priority: int = 0
    """where there is no room for all columns, those with the largest number go first; 0: it stays"""
    format: Callable[[Any], str] | None = None
    """how a value is written; not given: as its unit says"""
    wrap: bool = False
    """whether its text may be broken into lines; numbers and names never are"""

    @property
    def text(self) -> bool:
        """Whether the values are words, which stand to the left."""
        return self.unit == "text"

    def cell(self, value: Any) -> Cell:
        """A value as it is written and sorted."""
        if isinstance(value, Cell):
            return value
        text = self.format(value) if self.format is not None and value is not None else show(value, self.unit)
        return Cell(text, None if missing(value) else value)


def text_column(heading: str, priority: int = 0, wrap: bool = False) -> Column:
    """A column of words."""
    return Column(heading, "text", priority, wrap=wrap)


@dataclass(frozen=True)
class Table:
    """A title, columns with rows of values below them, and notes; a row's first cell says what the row is about."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    totals: Sequence[Sequence[Any]] = ()
    """rows that stay below whatever the others are sorted by"""
    notes: Sequence[str] = ()
    """lines below the table"""
    name: str = ""
    """names it on a page: the id of its element"""

    def cells(self, rows: Iterable[Sequence[Any]] | None = None) -> list[list[Cell]]:
        """All rows, or some of its rows, as they are written."""
        return [
            [column.cell(value) for column, value in zip(self.columns, row, strict=True)]
            for row in (self.rows if rows is None else rows)
        ]

    @property
    def frame(self) -> pd.DataFrame:
        """The values, without totals, as a pandas frame whose columns are the headings."""
        import pandas as pd

        values = [[cell.value for cell in row] for row in self.cells()]
        return pd.DataFrame(values, columns=[column.heading for column in self.columns], dtype=object).infer_objects()


Part = Table | str
"""What results are shown as: tables, and paragraphs between them."""


@dataclass(frozen=True)
class Rows:
    """Columns and the values that each has, row by row: a table under construction."""

    columns: list[Column] = field(default_factory=list)
    values: list[Sequence[Any]] = field(default_factory=list)
    totals: list[Any] = field(default_factory=list)

    def add(self, column: Column, values: Sequence[Any], total: Any = "") -> None:
        """One more column with its values, and what stands in the row of all together."""
        self.columns.append(column)
        self.values.append(values)
        self.totals.append(total)

    def table(self, title: str, name: str = "", notes: Sequence[str] = (), total: bool = True) -> Table:
        """The table of these columns, with the row of all together if it is wanted."""
        rows = list(zip(*self.values, strict=True))
        return Table(title, self.columns, rows, [self.totals] if total else (), notes, name)


def most(rows: Sequence[Any], count: int, what: str, where: str) -> tuple[Sequence[Any], list[str]]:
    """The first of many rows, and the note that says so: "the first 20 of 31 tags; all are in pools.parquet"."""
    if len(rows) <= count:
        return rows, []
    return rows[:count], [f"the first {count} of {len(rows):,} {what}; all are in {where}"]
