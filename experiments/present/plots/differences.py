"""Plot: how much each policy differs from the baseline, and how surely."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from experiments.analysis.comparison import MEMORY, ComparisonResult
from experiments.present.numbers import show
from experiments.present.plots import comparison, style
from experiments.present.plots.base import ComparisonPlot
from simulator.registry import register

METRICS = {"completion_ns": "completion time", "stall_share": "share of time stalled", "hard_faults": "hard faults"}
MOST_ROWS = 60
"""rows of a panel; of more, those of the smallest memory sizes are shown"""
Row = tuple[str, Mapping[str, Any]]


@register("plot", "differences")
class Differences(ComparisonPlot):
    """The paired difference of each policy from the baseline, as a share of the baseline's mean, with its interval.

    Left of 0 is less, which is better in every panel. Filled marks are significant after the correction for the number
    of tests; hollow ones may be chance.
    """

    title = "Differences from the baseline"

    def applies(self, result: ComparisonResult) -> bool:
        return bool(tested(result))

    def draw(self, result: ComparisonResult, figure: Figure) -> None:
        rows = tested(result)[:MOST_ROWS]
        looks = comparison.looks(result)
        style.begin(figure, f"{self.title} {style.plain(result.summary['baseline'])}", str(result.summary["name"]),
                    1.35 + 0.24 * len(rows))  # fmt: skip
        grid = figure.subplots(1, len(METRICS), sharey=True)
        panels(list(grid), rows, looks)
        grid[0].set_yticks(range(len(rows)), [_name(result, label, cell) for label, cell in rows])
        note = f"difference in % of {style.plain(result.summary['baseline'])}; lines: {comparison.band_note(result)}"
        figure.supxlabel(note, fontsize=9)
        handles = [
            comparison.grey("significant", marker="o", linestyle="none"),
            comparison.grey("not significant", marker="o", linestyle="none", markerfacecolor="#FFFFFF"),
        ]
        style.legend_beside(grid[-1], handles)

    def describe(self, result: ComparisonResult) -> str:
        verdicts = [one["verdict"] for cell in result.summary["cells"] for one in cell["differences"].values() if one]
        sure = verdicts.count("significant")
        return f"{sure} of {len(verdicts)} differences {'is' if sure == 1 else 'are'} significant, over all figures."


def panels(grid: list[Axes], rows: list[Row], looks: Mapping[str, style.Look]) -> None:
    """Draw a panel for each metric, a row for each cell."""
    for axes, (metric, text) in zip(grid, METRICS.items(), strict=True):
        for place, (label, cell) in enumerate(rows):
            _row(axes, place, cell["differences"][metric], looks[label])
        _finish(axes, rows, text)
    grid[0].set_ylim(len(rows) - 0.5, -0.5)


def tested(result: ComparisonResult) -> list[Row]:
    """The cells with a difference from the baseline that can be told as a share of it, with their labels."""
    return [
        (cell["label"], cell)
        for cell in result.summary["cells"]
        if any(_relative(cell["differences"].get(metric)) is not None for metric in METRICS)
    ]


def _relative(difference: Mapping[str, Any] | None) -> float | None:
    return None if difference is None else difference["relative"]


def _row(axes: Axes, place: int, difference: Mapping[str, Any] | None, look: style.Look) -> None:
    middle = _relative(difference)
    if difference is None or middle is None:
        return
    ends = sorted(np.nan if difference[key] is None else difference[key] for key in ("relative_low", "relative_high"))
    sure = difference["verdict"] in ("significant", "exact")
    comparison.bar(axes, place, middle * 100, ends[0] * 100, ends[1] * 100, look, look.colour if sure else "#FFFFFF")


def _finish(axes: Axes, rows: list[Row], text: str) -> None:
    axes.axvline(0, color=style.MUTED, linewidth=0.9, zorder=0)
    for place in range(1, len(rows)):
        if rows[place][1][MEMORY] != rows[place - 1][1][MEMORY]:
            axes.axhline(place - 0.5, color=style.FAINT, linewidth=0.8)
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+g}%" if value else "0"))
    axes.set_title(text)


def _name(result: ComparisonResult, label: str, cell: Mapping[str, Any]) -> str:
    name = style.plain(label, 24)
    return f"{name}, {show(cell[MEMORY], 'bytes')}" if comparison.several_memories(result) else name
