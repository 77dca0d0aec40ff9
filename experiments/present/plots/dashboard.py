"""Plot: the pictures of a comparison that matter most, on one sheet."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure, SubFigure

from experiments.analysis.comparison import MEMORY, ComparisonResult
from experiments.present.numbers import show
from experiments.present.plots import comparison, differences, fairness, latency_by_policy, space_time, style
from experiments.present.plots.base import ComparisonPlot
from simulator.registry import register

MOST = 10
"""contestants that are drawn; of more, the baseline, the bounds and those that take the least time"""
MOST_PROCESSES = 5
"""processes whose slowdown is shown: those with the largest"""
COLUMNS = 3
"""columns of the legend"""
TICKS = 6
"""about as many sizes of memory are named on an axis"""

Looks = dict[str, style.Look]


@register("plot", "dashboard")
class Dashboard(ComparisonPlot):
    """A comparison on one sheet of A4 or letter paper: hard faults, slowdown and space-time product, against memory or
    by policy, the latency of hard faults, who pays, and how surely policies differ from the baseline.

    What is shown for one size of memory is shown for that in which the policies' completion times lie furthest apart.
    """

    title = "Dashboard"

    def applies(self, result: ComparisonResult) -> bool:
        return space_time.SpaceTime().applies(result)

    def draw(self, result: ComparisonResult, figure: Figure) -> None:
        memory = telling_memory(result)
        shown = contestants(result, memory)
        looks = {label: look for label, look in comparison.looks(result).items() if label in shown}
        rows = _rows(result, memory, looks)
        legend = 0.35 + 0.17 * -(-len(looks) // COLUMNS)
        style.begin(figure, self.title, str(result.summary["name"]), 0.5 + legend + sum(height for height, _ in rows))
        parts = figure.subfigures(len(rows), 1, height_ratios=[height for height, _ in rows], squeeze=False)
        for part, (_, draw) in zip(parts[:, 0], rows, strict=True):
            draw(part)
        every = len(result.summary["labels"])
        of = "policies" if len(looks) == every else f"{len(looks)} of {every} policies"
        legends = figure.legend(
            handles=comparison.handles(result, looks, line=" "), loc="outside lower left", ncols=COLUMNS,
            title=f"{of}; bands and lines: {comparison.band_note(result)}",
        )  # fmt: skip
        legends.set_alignment("left")

    def describe(self, result: ComparisonResult) -> str:
        return comparison.means(result, "completion_ns")


def telling_memory(result: ComparisonResult) -> int:
    """The size of memory in which the contestants' mean completion times lie furthest apart, as a ratio; the middle one
    if there are none."""
    memories = result.summary["memories"]
    best, found = 1.0, memories[len(memories) // 2]
    for memory in memories:
        times = [time for _, time in _times(result, memory) if 0 < time < np.inf]
        if times and max(times) / min(times) > best:
            best, found = max(times) / min(times), memory
    return int(found)


def _times(result: ComparisonResult, memory: int) -> list[tuple[str, float]]:
    """The mean completion time of each contestant; infinite where not every process ended."""
    cells = [cell for cell in result.summary["cells"] if cell[MEMORY] == memory]
    known = [(cell["label"], cell["metrics"]["completion_ns"]) for cell in cells]
    return [(label, np.inf if found is None else found["mean"]) for label, found in known]


def contestants(result: ComparisonResult, memory: int) -> set[str]:
    """Who is drawn, of at most `MOST`: the baseline and the bounds, then the others in the order of their completion
    times."""
    first = [result.summary["baseline"], *result.summary["bounds"]]
    others = [label for label, _ in sorted(_times(result, memory), key=lambda one: one[1])]
    return set(list(dict.fromkeys([*first, *others]))[:MOST])


Row = tuple[float, Callable[[SubFigure], None]]
"""The height of a row in inches, and what draws it."""


def _rows(result: ComparisonResult, memory: int, looks: Looks) -> list[Row]:
    several = comparison.several_memories(result)
    high = 0.6 + 0.17 * len(looks)
    found: list[Row] = [
        (2.2 if several else max(1.4, high), lambda part: _pair(part, result, looks)),
        (2.2 if several else max(1.9, high), lambda part: _costs(part, result, memory, looks)),
    ]
    if fairness.Fairness().applies(result):
        names = fairness.slowest(fairness.ended_well(result))[:MOST_PROCESSES]
        row = max(0.2, 0.04 * len(looks))
        found.append((0.75 + row * len(names), lambda part: _processes(part, result, memory, names, looks)))
    rows = [
        (label, cell) for label, cell in differences.tested(result)
        if label in looks and cell[MEMORY] == memory
    ]  # fmt: skip
    if rows:
        found.append((max(1.25, 0.85 + 0.15 * len(rows)), lambda part: _differences(part, result, memory, rows, looks)))
    return found


def _pair(part: SubFigure, result: ComparisonResult, looks: Looks) -> None:
    """Hard faults and slowdown, side by side."""
    panels = part.subplots(1, 2, sharey=not comparison.several_memories(result))
    for axes, metric, text in zip(panels, ("hard_faults", "slowdown"), ("hard faults", "slowdown"), strict=True):
        if comparison.several_memories(result):
            comparison.against_memory(axes, result, looks, metric, text, most=TICKS)
        else:
            comparison.rows(axes, result, metric, looks, 1.0)
            axes.set_xlabel(text)
            axes.xaxis.set_major_formatter(style.COUNTS)


def _costs(part: SubFigure, result: ComparisonResult, memory: int, looks: Looks) -> None:
    """The space-time product and the latency of hard faults, side by side."""
    left, right = part.subplots(1, 2)
    space_time.panel(left, result, looks, TICKS)
    rows = latency_by_policy.waiting(result) if len(result.latency) else result.latency
    rows = rows[rows[MEMORY] == memory] if len(rows) else rows
    right.set_visible(len(rows) > 0)
    if len(rows):
        latency_by_policy.panel(right, rows[rows["label"].isin(list(looks))], looks)
        latency_by_policy.scales(right, rows)
        right.set_title(_where(result, memory, "hard faults"))
        right.set_xlabel("latency of a hard fault (log scale)")
        right.set_ylabel("share at least as long")


def _where(result: ComparisonResult, memory: int, what: str) -> str:
    """A title: what is shown, and for how much memory where there is a choice."""
    return f"{what}, {show(memory, 'bytes')} of memory" if comparison.several_memories(result) else what


def _processes(part: SubFigure, result: ComparisonResult, memory: int, names: list[str], looks: Looks) -> None:
    known = fairness.ended_well(result)
    axes = part.subplots()
    fairness.panel(axes, result, known[known[MEMORY] == memory], names, looks)
    more = len(set(known["process"])) - len(names)
    title = "who pays: slowdown of each process" if not more else f"who pays: the {len(names)} slowest processes"
    axes.set_title(_where(result, memory, title))
    axes.set_xlabel("slowdown against unlimited memory")


def _differences(
    part: SubFigure, result: ComparisonResult, memory: int, rows: list[differences.Row], looks: Looks
) -> None:
    grid = part.subplots(1, len(differences.METRICS), sharey=True)
    differences.panels(list(grid), rows, looks)
    grid[0].set_yticks(range(len(rows)), [style.plain(label, 24) for label, _ in rows])
    named = style.plain(result.summary["baseline"])
    text = _where(result, memory, f"difference in % of {named}; hollow: not significant")
    part.supxlabel(text, fontsize=9)
