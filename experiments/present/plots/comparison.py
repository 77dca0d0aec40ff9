"""What the plots of comparisons have in common: who is drawn how, and means with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter

from experiments.analysis.comparison import MEMORY, ComparisonResult
from experiments.analysis.metrics import BY_KEY
from experiments.present.comparison import mean_text
from experiments.present.numbers import show
from experiments.present.plots import base, style
from experiments.present.plots.data import Floats
from simulator import registry

SPAN = 20.0
"""where a panel's largest mean is more than this times its smallest, its axis is logarithmic"""
MOST_NAMES = 34
"""Characters of a label that a legend shows."""


def looks(result: ComparisonResult) -> dict[str, style.Look]:
    """The look of each contestant, in their order: the colour is the policy's, the same on every plot."""
    known = registry.names("policy")
    seen: dict[str, int] = {}
    found = {}
    for label in result.summary["labels"]:
        policy = result.summary["policies"][label]
        found[label] = style.policy_look(policy, known, seen.get(policy, 0))
        seen[policy] = seen.get(policy, 0) + 1
    return found


def cells(result: ComparisonResult, label: str) -> list[Mapping[str, Any]]:
    """A contestant's cells by ascending memory, of those in which a run ended well."""
    return [cell for cell in result.summary["cells"] if cell["label"] == label and cell["runs"]]


def implementable(result: ComparisonResult, label: str) -> bool:
    """Whether a system could do what a contestant does."""
    return not any(cell["requires"] for cell in result.summary["cells"] if cell["label"] == label)


def curve(result: ComparisonResult, label: str, metric: str) -> tuple[Floats, Floats, Floats, Floats]:
    """A metric against memory: bytes, mean, and the interval's ends (NaN where there is none), in ascending memory."""
    rows = []
    for cell in cells(result, label):
        found = cell["metrics"][metric]
        if found is not None:
            ends = [np.nan if found[key] is None else found[key] for key in ("low", "high")]
            rows.append((cell[MEMORY], found["mean"], *ends))
    table = np.array(sorted(rows), dtype=np.float64).reshape(-1, 4)
    return table[:, 0], table[:, 1], table[:, 2], table[:, 3]


def draw_curve(axes: Axes, result: ComparisonResult, label: str, metric: str, look: style.Look, scale: float) -> bool:
    """Draw a metric, divided by `scale`, against memory in bytes with its band; False if there is nothing to draw."""
    memory, mean, low, high = curve(result, label, metric)
    if not len(memory):
        return False
    width = 1.4 if implementable(result, label) else 1.0
    axes.plot(
        memory, mean / scale, color=look.colour, linestyle=look.line, linewidth=width, marker=look.marker,
        markersize=4, markerfacecolor=face(result, label, look),
    )  # fmt: skip
    if np.isfinite(low).any():
        axes.fill_between(memory, low / scale, high / scale, color=look.colour, alpha=0.18, linewidth=0)
    return True


def means(result: ComparisonResult, key: str) -> str:
    """A metric of each contestant in words, for the first and the last memory size."""
    metric, parts = BY_KEY[key], []
    memories = result.summary["memories"]
    for memory in dict.fromkeys((memories[0], memories[-1])):
        found = [cell for cell in result.summary["cells"] if cell[MEMORY] == memory]
        texts = [f"{cell['label']} {mean_text(metric.unit, cell['metrics'][key])}" for cell in found]
        more = f" and {len(texts) - base.MOST_NAMES} more" if len(texts) > base.MOST_NAMES else ""
        parts.append(f"with {show(memory, 'bytes')} {', '.join(texts[: base.MOST_NAMES])}{more}")
    return f"Mean {metric.heading}: {'; '.join(parts)}."


def against_memory(
    axes: Axes, result: ComparisonResult, drawn: Mapping[str, style.Look], metric: str, text: str, **how: Any
) -> None:
    """Draw a metric of each contestant against memory; `how` is for the axis, see `memory_axis`."""
    found = [draw_curve(axes, result, label, metric, look, 1.0) for label, look in drawn.items()]
    memory_axis(axes, result, **how)
    if any(found):
        value_axis(axes, result, metric, text, SPAN)


def face(result: ComparisonResult, label: str, look: style.Look) -> str:
    """What a marker is filled with: nothing for what no system could do."""
    return look.colour if implementable(result, label) else "#FFFFFF"


def height(drawn: Mapping[str, style.Look], least: float) -> float:
    """Inches that a figure is high: at least so many, and enough for the legend."""
    return max(least, 1.1 + 0.27 * len(drawn))


def handles(result: ComparisonResult, drawn: Mapping[str, style.Look], line: str = "\n") -> list[Line2D]:
    """The legend entries of the contestants; `line` stands before the note that one is not implementable."""
    found = []
    for label, look in drawn.items():
        note = "" if implementable(result, label) else f"{line}(not implementable)"
        handle = look.stroke(style.plain(label, MOST_NAMES) + note)
        handle.set_marker(look.marker)
        handle.set_markersize(4)
        handle.set_markerfacecolor(face(result, label, look))
        found.append(handle)
    return found


def legend(axes: Axes, result: ComparisonResult, drawn: Mapping[str, style.Look], title: str = "Policy") -> None:
    """Name the contestants beside a panel."""
    style.legend_beside(axes, handles(result, drawn), title)


def memory_axis(axes: Axes, result: ComparisonResult, *, label: bool = True, most: int = 10) -> None:
    """Make x memory, logarithmic, with a tick at each size that was run; of more than about `most`, at some of them."""
    sizes = np.array(result.summary["memories"], dtype=np.float64)
    unit = style.byte_unit(float(sizes[-1]))
    axes.set_xscale("log")
    room = (sizes[-1] / sizes[0]) ** 0.04
    axes.set_xlim(sizes[0] / room, sizes[-1] * room)
    apart = np.log(sizes[-1] / sizes[0]) / (most - 1)
    ticks = [sizes[0]]
    for size in sizes[1:-1]:
        if np.log(size / ticks[-1]) >= apart and np.log(sizes[-1] / size) >= apart:
            ticks.append(size)
    axes.set_xticks([*ticks, sizes[-1]])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / unit.factor:.4g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.minorticks_off()
    if label:
        axes.set_xlabel(f"memory ({unit.name}, log scale)")


def several_memories(result: ComparisonResult) -> bool:
    """Whether there is anything to draw against memory."""
    return len(result.summary["memories"]) > 1


def band_note(result: ComparisonResult) -> str:
    """What the bands and bars mean, for an axis or a title."""
    if result.summary["replications"] == 1:
        return "1 replication: no interval"
    return f"{result.summary['confidence']:.0%} interval of {result.summary['replications']} replications"


def grey(label: str, **how: Any) -> Line2D:
    """A legend entry that isn't a contestant."""
    return Line2D([], [], color=style.MUTED, label=label, **how)


def value_axis(axes: Axes, result: ComparisonResult, metric: str, text: str, span: float) -> None:
    """Make y a figure from 0 (a slowdown: from 1) upwards; logarithmic where the means are `span` times apart."""
    means = np.concatenate([curve(result, label, metric)[1] for label in result.summary["labels"]])
    if means.min() > 0 and means.max() > span * means.min():
        style.log_axis(axes.yaxis, style.COUNTS)
        axes.set_ylabel(f"{text} (log scale)")
        return
    style.rate_axis(axes, text)
    if metric == "slowdown":
        axes.set_ylim(bottom=min(1.0, float(means.min())))


def rows(axes: Axes, result: ComparisonResult, metric: str, drawn: Mapping[str, style.Look], scale: float) -> None:
    """Draw a metric at the only memory size, divided by `scale`, in a row for each contestant with its interval."""
    named: list[str] = []
    for label, look in drawn.items():
        _, mean, low, high = curve(result, label, metric)
        if len(mean):
            bar(axes, len(named), mean[0] / scale, low[0] / scale, high[0] / scale, look, face(result, label, look))
            named.append(style.plain(label, MOST_NAMES))
    axes.set_yticks(range(len(named)), named)
    axes.set_ylim(len(named) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")


def bar(
    axes: Axes, row: float, mean: float, low: float, high: float, look: style.Look, filled: str, size: float = 6
) -> None:
    """A mean and its interval in a row."""
    if np.isfinite(low):
        axes.plot([low, high], [row, row], color=look.colour, linewidth=2.2, solid_capstyle="butt", alpha=0.55)
    axes.plot(mean, row, look.marker, color=look.colour, markersize=size, markerfacecolor=filled)
