"""The points of a sweep as a table for people: parameters and the figures that matter, in units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.markup import escape
from rich.table import Table

from experiments.compare.metrics import METRICS
from experiments.compare.plan import MEMORY
from experiments.errors import single_line
from experiments.sweeps.tables import SHOWN, figure_text, short
from experiments.tables import rows_table
from simulator.units import format_size

if TYPE_CHECKING:
    from experiments.loading import Points
    from experiments.notebook.picture import Picture

MOST_ROWS = 24
"""Points that are shown."""
MOST_TEXT = 40
"""Characters of a parameter or an error that are shown."""


def points_table(points: Points) -> Table | None:
    """A row a point: its parameters, then its figures, or why it failed; of many points those from the first on.

    None for a frame that hasn't the columns any more, because some were chosen: that is shown as pandas does.
    """
    metrics = [metric for metric in METRICS if metric.key in SHOWN]
    if not {"point", "error", *(metric.key for metric in metrics)} <= set(points.columns):
        return None
    metrics = [metric for metric in metrics if points[metric.key].notna().any()]
    keys = [key for key in points.parameters if key != "replication" or len(set(points[key])) > 1]
    failed = bool(points["error"].notna().any())
    rows = []
    for _, row in points.head(MOST_ROWS).iterrows():
        figures = (figure_text(metric.unit, pd.Series([row[metric.key]]).dropna()) for metric in metrics)
        errors = [_text("error", row["error"])] if failed else []
        rows.append([*(_text(key, row[key]) for key in keys), *figures, *errors])
    headings = [*short(keys), *(metric.heading for metric in metrics), *(["error"] if failed else [])]
    count = "1 point" if len(points) == 1 else f"{len(points)} points"
    table = rows_table(count, [escape(heading) for heading in headings], rows, numbers=True)
    shown = f"the first {MOST_ROWS} points; " if len(points) > MOST_ROWS else ""
    table.caption = f"{shown}a pandas frame of {len(points.columns)} columns"
    return table


def _text(key: str, value: Any) -> str:
    if pd.isna(value):
        return "-"
    return format_size(int(value)) if key == MEMORY else single_line(str(value))[:MOST_TEXT]


def curves(points: Points) -> Picture:
    """Figures over the number that takes most values, a line for each setting of the other parameters."""
    from experiments.notebook.picture import picture

    settings = [name for name in points.parameters if name != "replication"]
    return picture((pd.DataFrame(points), settings), "sweep-curves", "sweep")
