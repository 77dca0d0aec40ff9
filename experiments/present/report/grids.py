"""Tables of a report: a caption, headings with their scope, and, for a script that sorts, each cell's value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from experiments.present.report.markup import Markup, element, join

Value = float | int | str | None


@dataclass(frozen=True)
class Cell:
    """What a cell shows, and what it is sorted by."""

    text: str
    value: Value = None
    """a number or text; None: nothing is known, which is sorted last"""


Content = str | Cell
Row = Sequence[Content]


def number(value: float | None, text: str | None = None) -> Cell:
    """A cell with a number; `text` is how it is shown if not with separated thousands."""
    if value is None:
        return Cell("-")
    return Cell(f"{value:,}" if text is None else text, value)


def grid(
    identity: str, caption: str, headings: Sequence[str], rows: Sequence[Row], totals: Sequence[Row] = (),
    words: int = 1, sortable: bool = True, wide: bool = False,
) -> Markup:  # fmt: skip
    """A table in a box that scrolls where the page is too narrow for it; the first cell of a row is its heading.

    The first `words` columns hold text, the others numbers, which stand to the right. `totals` stay below whatever the
    rows are sorted by. A `wide` one is printed on paper turned sideways. `identity` is the element's id; the ids of
    what it contains begin with it.
    """
    sides = ["words" if place < words else "numbers" for place in range(len(headings))]
    head = join(element("th", text, scope="col", class_=side) for text, side in zip(headings, sides, strict=True))
    parts = [
        element("caption", caption, id=f"{identity}-caption"),
        element("thead", element("tr", head)),
        element("tbody", *(_row(row, sides) for row in rows)),
    ]
    if totals:
        parts.append(element("tfoot", *(_row(row, sides) for row in totals)))
    sort = "sortable" if sortable and len(rows) > 1 else None
    table = element("table", *parts, id=identity, class_=sort)
    return scrolling(table, f"{identity}-caption", class_="scroll wide" if wide else "scroll")


def scrolling(content: Markup, named_by: str, **attributes: str) -> Markup:
    """A box that scrolls sideways, by keyboard too, so that the page doesn't have to; `named_by` is the id of its
    name."""
    attributes.setdefault("class_", "scroll")
    return element("div", content, role="region", aria_labelledby=named_by, tabindex=0, **attributes)


def _row(row: Row, sides: Sequence[str]) -> Markup:
    cells = []
    for place, (content, side) in enumerate(zip(row, sides, strict=True)):
        cell = content if isinstance(content, Cell) else Cell(content, content)
        value = None if cell.value is None or cell.value == cell.text else str(cell.value)
        empty = cell.value is None
        lines = join(cell.text.split("\n") if not isinstance(cell.text, Markup) else [cell.text], Markup("<br/>"))
        first = place == 0
        cells.append(element("th" if first else "td", lines, scope="row" if first else None, class_=side,
                             data_value="" if empty else value))  # fmt: skip
    return element("tr", *cells)
