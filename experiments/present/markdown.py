"""Tables and lines in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from experiments.present.table import Cell, Part
from experiments.present.terminal import heading


def text(parts: Iterable[Part], level: int = 2) -> str:
    """Tables below headings of a level, and paragraphs, as a page or a part of one."""
    return "\n".join(line for part in parts for line in _part(part, level))


def _part(part: Part, level: int) -> Iterator[str]:
    if isinstance(part, str):
        yield from (part, "")
        return
    yield from (f"{'#' * level} {part.title}", "")
    yield _row(escape(heading(column, " ")) for column in part.columns)
    yield f"|{'|'.join('---' if column.text else '---:' for column in part.columns)}|"
    yield from (_row(map(_cell, row)) for row in (*part.cells(), *part.cells(part.totals)))
    yield ""
    for note in part.notes:
        yield from (note, "")


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell) -> str:
    return escape(cell.text).replace("\n", "<br>")


def escape(text: str) -> str:
    """Text in which nothing is taken for a mark of Markdown or a cell's end."""
    return text.replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;")
