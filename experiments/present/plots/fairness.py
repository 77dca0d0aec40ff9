"""Plot: which processes pay under each policy."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.analysis.comparison import MEMORY, ComparisonResult
from experiments.analysis.statistics import estimate
from experiments.present.numbers import show
from experiments.present.plots import comparison, style
from experiments.present.plots.base import MOST_NAMES, ComparisonPlot
from simulator.registry import register

MOST_PROCESSES = 24
"""rows of a panel; of more processes those with the largest slowdowns are shown"""
PANELS = 3
"""memory sizes that are shown: smallest, middle, largest"""
SPAN = 8.0


@register("plot", "fairness")
class Fairness(ComparisonPlot):
    """The slowdown of each process under each policy: its elapsed time over that in unlimited memory.

    A fair policy's marks lie close together from row to row; where one row is far to the right, that process pays for
    the others. Lines through the marks are intervals over replications.
    """

    title = "Slowdown of each process by policy"

    def applies(self, result: ComparisonResult) -> bool:
        known = result.processes
        return "slowdown" in known and len(set(known[known["slowdown"].notna()]["process"])) > 1

    def draw(self, result: ComparisonResult, figure: Figure) -> None:
        known = ended_well(result)
        memories = sorted(known[MEMORY].unique())
        memories = [memories[i] for i in sorted({0, len(memories) // 2, len(memories) - 1})][:PANELS]
        worst = slowest(known)
        names = worst[:MOST_PROCESSES]
        looks = comparison.looks(result)
        row = max(0.32, 0.085 * len(looks))
        style.begin(figure, self.title, str(result.summary["name"]), comparison.height(looks, 1.3 + row * len(names)))
        grid = figure.subplots(1, len(memories), sharey=True, squeeze=False)
        for axes, memory in zip(grid[0], memories, strict=True):
            panel(axes, result, known[known[MEMORY] == memory], names, looks)
            axes.set_title(f"{show(memory, 'bytes')} of memory")
        note = "" if len(worst) <= len(names) else f"; the {len(names)} slowest of {len(worst)} processes"
        figure.supxlabel(f"slowdown against unlimited memory; lines: {comparison.band_note(result)}{note}", fontsize=9)
        comparison.legend(grid[0, -1], result, looks)

    def describe(self, result: ComparisonResult) -> str:
        means = ended_well(result).groupby(["label", "process"], sort=False)["slowdown"].mean()
        parts = []
        for label in result.summary["labels"][:MOST_NAMES]:
            if label in means.index.get_level_values("label"):
                mine = means[label]
                parts.append(f"{mine.idxmax()} {show(float(mine.max()), 'ratio')} under {label}")
        return f"Slowed down most, on average: {', '.join(parts)}." if parts else ""


def ended_well(result: ComparisonResult) -> pd.DataFrame:
    """The rows of processes whose slowdown is known."""
    return result.processes[result.processes["slowdown"].notna()]


def slowest(rows: pd.DataFrame) -> list[str]:
    """The names of the processes, that with the largest slowdown first."""
    worst = rows.groupby("process")["slowdown"].max().astype(float).sort_values(ascending=False)
    return [str(name) for name in worst.index]


def panel(
    axes: Axes, result: ComparisonResult, rows: pd.DataFrame, names: list[str], looks: dict[str, style.Look]
) -> None:
    """Draw the slowdowns in `rows`, which are of one memory size, of the processes in `names`, a row for each."""
    confidence = result.summary["confidence"]
    by = {key: group["slowdown"].astype(float).tolist() for key, group in rows.groupby(["label", "process"])}
    offsets = np.linspace(-0.33, 0.33, len(looks)) if len(looks) > 1 else np.zeros(1)
    highest = 1.0
    for offset, (label, look) in zip(offsets, looks.items(), strict=True):
        for place, name in enumerate(names):
            values = by.get((label, name))
            if values:
                found = estimate(values, confidence)
                ends = [np.nan if end is None else end for end in (found.low, found.high)]
                filled = comparison.face(result, label, look)
                comparison.bar(axes, place + offset, found.mean, ends[0], ends[1], look, filled, size=4.5)
                highest = max(highest, found.mean)
    axes.set_yticks(range(len(names)), [style.plain(name) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    for place in range(1, len(names)):
        axes.axhline(place - 0.5, color=style.FAINT, linewidth=0.6)
    axes.grid(visible=False, axis="y")
    axes.axvline(1, color=style.MUTED, linewidth=0.8)
    if highest > SPAN:
        style.log_axis(axes.xaxis, style.RATIOS, steps=style.ONE_TWO_FIVE if highest < 60 else (1.0,))
        axes.minorticks_off()
    else:
        axes.xaxis.set_major_formatter(style.RATIOS)
